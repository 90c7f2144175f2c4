"""Records as a pass is taken back: all that was written to them with who wrote it, put back and cleared.

Implements `sync.undo.ports.Restorable`.
"""

import functools
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from polar_attio_pipeline.attio.attributes import Workspace
from polar_attio_pipeline.attio.errors import SELF_PATH, data_of
from polar_attio_pipeline.attio.models import AttioRecord, matches_of, reference_of, spelled_matches
from polar_attio_pipeline.attio.objects import Matching
from polar_attio_pipeline.attio.people import COMPANIES, COMPANY, keep_company
from polar_attio_pipeline.attio.records import MatchTakenError, Records, unavailable
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import RecordError
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.ports import BeforeWrite, EmailTakenError, RecordRefusedError, Restored
from polar_attio_pipeline.sync.records import Person, Values
from polar_attio_pipeline.sync.undo.ports import FoundRecords, Removed
from polar_attio_pipeline.sync.undo.values import HeldRecord
from polar_attio_pipeline.sync.writes import COMPANY_KEY

_UNREADABLE = "One of the addresses cannot be read, and a list of addresses can be written as a whole only."


def as_held(read: AttioRecord, record: object, *, matching: Matching) -> HeldRecord:
    """Return what taking a pass back looks at of a record; `record` is Attio's JSON of it."""
    return HeldRecord(
        record_id=read.record_id,
        url=read.url,
        values=read.values,
        addresses=matches_of(record, matching),
        company=reference_of(record, COMPANY),
        execution_id=read.execution_id,
    )


class RestorableRecords(Records[HeldRecord]):
    """The records of one object in one workspace, to be put back.

    Args:
        api: Attio's API.
        workspace: What was discovered about the object.
    """

    def __init__(self, api: ApiClient, workspace: Workspace) -> None:
        super().__init__(api, workspace, functools.partial(as_held, matching=workspace.attio_object.matching))

    @property
    def targets(self) -> Mapping[str, Target]:
        """The attributes that can be written, by key."""
        return {target.attribute.key: target for target in self._workspace.targets}

    async def find_by_id(self, record_ids: Collection[str]) -> FoundRecords:
        """Return the records with these ids.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        search = await self.find(ids=(), matches=(), records=record_ids)
        return FoundRecords(search.records, search.unsearchable)

    async def restore(self, record_id: str, values: Values) -> str | None:
        """Write these values, and only these; None clears. The record id of a company links a person to it.

        Returns:
            Attio's name for the request.

        Raises:
            Exception: as `update`.
        """
        sent = self._encoded({key: value for key, value in values.items() if key != COMPANY_KEY})
        if COMPANY_KEY in values:
            company = values[COMPANY_KEY]
            sent[COMPANY] = [{"target_object": COMPANIES, "target_record_id": company}] if company else []
        return (await self._write("PATCH", self._path(record_id), sent)).execution_id

    async def remove_address(self, record_id: str, address: str) -> Removed:
        """Take one address off a record, after another look: all others stay, in their order.

        By PUT, which makes the list exactly what is sent and leaves all other attributes alone (measured); PATCH only
        adds. An address that somebody adds between the look and the write, a few milliseconds, is lost: Attio's API
        has no way to remove a single one.

        Returns:
            What was there. Where the address was not among them, or was the only one, nothing was written.

        Raises:
            EmailTakenError: another record holds one of those that stay; nothing was written.
            Exception: else as `update`.
        """
        matching = self._object.matching
        record = await self._read(record_id)
        try:
            spelled = spelled_matches(record, matching)
        except ValueError:
            raise RecordRefusedError(_UNREADABLE) from None
        rest = [one for one in spelled if email_key(one) != email_key(address)]
        execution_id = None
        if rest and len(rest) < len(spelled):
            with _email_taken():
                execution_id = (await self._write("PUT", self._path(record_id), {matching.slug: rest})).execution_id
        return Removed(tuple(str(one.value) for one in matches_of(record, matching)), execution_id)

    async def add_address(self, record_id: str, address: str) -> str | None:
        """Give a record an address, in front of all others.

        Returns:
            Attio's name for the request.

        Raises:
            EmailTakenError: another record holds it; nothing was written.
            Exception: else as `update`.
        """
        with _email_taken():
            return (await self.update(record_id, {}, add_match=address)).execution_id

    async def keep_company(self, held: HeldRecord, *, before_write: BeforeWrite) -> Restored | None:
        """Restore the company of a person to whom an address was added, if Attio's automation moves the person.

        Returns:
            None if nothing was written, or it is not known.
        """
        company = held.company
        if company is None or company.actor == "system":
            return None
        person = Person(held.record_id, held.url, ())
        return await keep_company(self._api, person, str(company.value), before_write=before_write)

    async def is_answering(self) -> bool:
        """Tell whether Attio answers a simple request at all, within seconds; a refusal is an answer."""
        return await self._api.is_answering(SELF_PATH, limiter="reads")

    async def _read(self, record_id: str) -> Any:
        try:
            with unavailable():
                return data_of(await self._api.request("GET", self._path(record_id), limiter="reads"))
        except RecordError as error:
            raise self._refusal(error, {}) from error

    def _path(self, record_id: str) -> str:
        return f"{self._object.records_path}/{record_id}"


@contextmanager
def _email_taken() -> Iterator[None]:
    """Say "taken" in the engine's words."""
    try:
        yield
    except MatchTakenError as error:
        raise EmailTakenError(str(error), perhaps_ours=error.perhaps_ours) from error

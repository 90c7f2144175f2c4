"""The records of one object: found, created and updated, with Attio's refusals in the words of `sync.ports`."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from polar_attio_pipeline.attio.attributes import Workspace
from polar_attio_pipeline.attio.errors import PLAN_CODES, data_of, message_of, option_of, slug_of
from polar_attio_pipeline.attio.isolation import Record, patient
from polar_attio_pipeline.attio.lookup import KEYS_PER_SEARCH, Lookup
from polar_attio_pipeline.attio.models import AttioRecord, decode_record, record_id
from polar_attio_pipeline.attio.values import encode
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError, FatalError, RecordError, TransientError, describe
from polar_attio_pipeline.sync.ports import DeniedError, RecordGoneError, RecordRefusedError, UnavailableError
from polar_attio_pipeline.sync.records import Values, ValueType

_log = logging.getLogger(__name__)

Decoded = TypeVar("Decoded")
"""What a record is read as: a person, or `models.AttioRecord`."""

Convert = Callable[[AttioRecord, object], Decoded]
"""Makes what a record is read as out of what every object's records have, and Attio's JSON of it for the rest."""

_DENIALS = (402, 403)


class MatchTakenError(Exception):
    """Another record holds the value of the matching attribute already.

    Attributes:
        perhaps_ours: Whether an earlier attempt of the same request lost its answer, so that the record may be the
            one that this request created.
    """

    def __init__(self, message: str, *, perhaps_ours: bool) -> None:
        super().__init__(message)
        self.perhaps_ours = perhaps_ours


@dataclass(frozen=True, slots=True)
class Search(Generic[Decoded]):
    """What a search brought.

    Attributes:
        records: Every record found, each once.
        unsearchable: The keys that Attio fails for, as they were asked for.
    """

    records: list[Decoded]
    unsearchable: frozenset[str]


class Records(Generic[Decoded]):
    """The records of one object in one workspace.

    Args:
        api: Attio's API.
        workspace: What was discovered about the object.
        convert: Makes what one record is read as.
        keys_per_search: How many keys one search has at first.
    """

    def __init__(
        self,
        api: ApiClient,
        workspace: Workspace,
        convert: Convert[Decoded],
        *,
        keys_per_search: int = KEYS_PER_SEARCH,
    ) -> None:
        self._api = api
        self._workspace = workspace
        self._object = workspace.attio_object
        self._convert = convert
        self._lookup = Lookup(api, workspace, keys=keys_per_search)
        self._patience = patient(api.retry)
        self._types = {target.attribute.key: target.type for target in workspace.targets}
        self._keys = {slug: key for key, slug in workspace.slugs.items()}

    async def find(
        self, *, ids: Collection[str], matches: Collection[str], records: Collection[str] = ()
    ) -> Search[Decoded]:
        """Return every record that holds one of the Polar ids or a matching value, or has one of the record ids.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        with unavailable():
            hits = await self._lookup.by_key(ids=ids, matches=matches, records=records)
        each_once = {record_id(record) or repr(record): record for record in hits.records}
        return Search(self._readable(each_once.values()), hits.unsearchable)

    async def marked(self, *, expected: int = 0) -> AsyncIterator[list[Decoded]]:
        """Yield, page by page, every record that is marked or holds a Polar id.

        Args:
            expected: How many there probably are: so far, pages are asked for ahead.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        with unavailable():
            async for page in self._lookup.marked(expected=expected):
                yield self._readable(page)

    async def create(self, values: Values, *, match: str) -> Decoded:
        """Create a record.

        By POST, which refuses a matching value that another record holds: an upsert would write over what somebody
        typed into that record since it was looked up. Sending it again after a lost answer is safe for the same reason.

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            MatchTakenError: a record with this matching value exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        sent = {**self._encoded(values), self._object.matching.slug: [match]}
        return await self._write("POST", self._object.records_path, sent)

    async def update(self, record_id: str, values: Values, *, add_match: str | None = None) -> Decoded:
        """Write these values, and only these; `add_match` joins the matching values that are there.

        By PATCH, which puts a new value in front and removes none (measured).

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            MatchTakenError: another record holds `add_match`; nothing was written.
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        added = {self._object.matching.slug: [add_match]} if add_match else {}
        return await self._write(
            "PATCH", f"{self._object.records_path}/{record_id}", {**self._encoded(values), **added}
        )

    async def refer(self, record_id: str, slug: str, *, object_slug: str, target: str) -> Decoded:
        """Point a record at one record of another object.

        Args:
            record_id: Of the record that points.
            slug: Of its attribute, a record reference.
            object_slug: Of the other object.
            target: The id of its record.

        Raises:
            Exception: as `update`.
        """
        reference = {"target_object": object_slug, "target_record_id": target}
        return await self._write("PATCH", f"{self._object.records_path}/{record_id}", {slug: [reference]})

    async def _write(self, method: str, path: str, values: Mapping[str, Any]) -> Decoded:
        try:
            with unavailable():
                body = {"data": {"values": values}}
                answer = await self._api.request(method, path, limiter="writes", json=body, retry=self._patience)
        except RecordError as error:
            raise _unless_perhaps_done(error, self._refusal(error, values)) from error
        except FatalError as error:
            if error.status in _DENIALS or error.code in PLAN_CODES:
                raise _unless_perhaps_done(error, DeniedError(str(error))) from error
            raise
        try:
            return self._decoded(data_of(answer), answer.execution_id)
        except ValueError:
            asked = describe(answer.response.request)
            raise UnavailableError(f"Attio's answer to {asked} is no record: run this again.") from None

    def _refusal(self, error: RecordError, sent: Mapping[str, Any]) -> Exception:
        if error.status == 404 or error.code == "merge_in_progress":
            return RecordGoneError(str(error))
        matching = self._object.matching.slug
        slug = slug_of(error, slug_by_id=self._workspace.slug_by_id) or self._holder_of_option(error, sent)
        if error.code == "uniqueness_conflict" and matching in sent and slug in {None, matching}:
            return MatchTakenError(str(error), perhaps_ours=error.after_lost_answer)
        return RecordRefusedError(message_of(error), field=self._keys.get(slug, slug) if slug else None)

    def _holder_of_option(self, error: RecordError, sent: Mapping[str, Any]) -> str | None:
        """Return the select to which a refused option was sent, if there is exactly one."""
        option = option_of(error)
        slugs = [self._workspace.slugs[key] for key, kind in self._types.items() if kind is ValueType.SELECT]
        holders = [slug for slug in slugs if option is not None and sent.get(slug) == [option]]
        return holders[0] if len(holders) == 1 else None

    def _encoded(self, values: Values) -> dict[str, Any]:
        slugs = self._workspace.slugs
        return {slugs[key]: encode(self._types[key], value) for key, value in values.items()}

    def _decoded(self, record: object, execution_id: str | None = None) -> Decoded:
        workspace = self._workspace
        read = decode_record(
            record,
            execution_id,
            attio_object=self._object,
            targets=workspace.targets,
            slugs=workspace.slugs,
            workspace_slug=workspace.info.workspace_slug,
        )
        return self._convert(read, record)

    def _readable(self, records: Iterable[Record]) -> list[Decoded]:
        decoded = []
        for record in records:
            try:
                decoded.append(self._decoded(record))
            except ValueError:
                _log.warning("Attio's record %s cannot be read and is left out.", record_id(record) or "without an id")
        return decoded


@contextmanager
def unavailable() -> Iterator[None]:
    """Say "failed for good" in the engine's words."""
    try:
        yield
    except TransientError as error:
        raise UnavailableError(str(error)) from error


def _unless_perhaps_done(error: ApiError, refusal: Exception) -> Exception:
    """Return a refusal; where an earlier attempt lost its answer, that it is not known what became of the write."""
    if error.after_lost_answer and isinstance(refusal, DeniedError | RecordRefusedError):
        return UnavailableError(
            "Attio's answer to a write was lost, and the same was refused when it was sent again: run this again, "
            f"which looks what became of it. {error}"
        )
    return refusal

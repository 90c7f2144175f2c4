"""Attio's people, as the engine asks for them (`sync.ports.People`)."""

import logging
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.attributes import Workspace, discover
from polar_attio_pipeline.attio.companies import keep_company
from polar_attio_pipeline.attio.errors import (
    PLAN_CODES,
    RECORDS_PATH,
    SELF_PATH,
    SERVICE,
    data_of,
    explain_answer,
    message_of,
    slug_of,
)
from polar_attio_pipeline.attio.isolation import Record
from polar_attio_pipeline.attio.lookup import KEYS_PER_SEARCH, Lookup
from polar_attio_pipeline.attio.models import EMAILS, decode_person, encode, record_id
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.errors import FatalError, RecordError, TransientError, describe
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    EmailTakenError,
    Found,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import CurrentValue, Person, Values

_log = logging.getLogger(__name__)

_DENIALS = (402, 403)

_ATTEMPTS_AT_500 = 6
"""Some 16 seconds for a write: something in one record may fail for ever."""

_UNEVENNESS = 0.025
"""Seconds; costs 2.5 % of the pace, and at Attio's own limit spares the 429 that the unevenness of a network brings."""


def attio_api(  # noqa: PLR0913  # keyword-only
    *,
    api_key: SecretStr,
    base_url: str,
    reads_per_second: float,
    writes_per_second: float,
    retry: RetryPolicy | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock | None = None,
) -> ApiClient:
    """Return Attio's API, not opened yet.

    Searches are POST requests and still count as reads here; docs.attio.com does not say how Attio counts them.
    """
    return ApiClient(
        service=SERVICE,
        base_url=base_url,
        token=api_key,
        limiters={
            "reads": RateLimiter(reads_per_second, unevenness=_UNEVENNESS),
            "writes": RateLimiter(writes_per_second, unevenness=_UNEVENNESS),
        },
        explain=explain_answer,
        retry=retry,
        transport=transport,
        clock=clock,
    )


class AttioClient:
    """The People of one workspace; implements `sync.ports.People`.

    Attributes:
        api: The connection, for its statistics.
        workspace: What was discovered about the workspace.
    """

    def __init__(self, api: ApiClient, workspace: Workspace, *, keys_per_search: int = KEYS_PER_SEARCH) -> None:
        self.api = api
        self.workspace = workspace
        self._lookup = Lookup(
            api,
            id_slug=workspace.slugs["polar_customer_id"],
            mark_slug=workspace.slugs["polar_customer"],
            keys=keys_per_search,
        )
        self._patience = replace(api.retry, attempts_at_500=_ATTEMPTS_AT_500)
        self._types = {target.attribute.key: target.type for target in workspace.targets}
        self._keys = {slug: key for key, slug in workspace.slugs.items()}

    @classmethod
    async def connect(cls, api: ApiClient, slugs: Mapping[str, str]) -> "AttioClient":
        """Look at the token and the workspace, and return a client that may write to it.

        Raises:
            ConfigurationError: something is wrong; the text lists everything at once.
            ApiError: Attio could not be asked.
        """
        return cls(api, await discover(api, slugs))

    @property
    def targets(self) -> tuple[Target, ...]:
        """The attributes of this workspace that may be written."""
        return self.workspace.targets

    async def find(self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()) -> Found:
        """Return every person that holds one of the Polar ids or addresses, or has one of the record ids, each once.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        with _unavailable():
            hits = await self._lookup.by_key(ids=ids, emails=emails, records=records)
        people = self._people(hits.records)
        return Found(list({person.record_id: person for person in people}.values()), hits.unsearchable)

    async def marked(self) -> AsyncIterator[Sequence[Person]]:
        """Yield, page by page, every person that is marked as a customer or holds a Polar id.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        with _unavailable():
            async for page in self._lookup.marked():
                yield self._people(page)

    async def create(self, values: Values, *, email: str) -> Person:
        """Create a person.

        By POST, which refuses an address that another record holds: an upsert would write over what somebody typed
        into that record since it was looked up. Sending it again after a lost answer is safe for the same reason.

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            EmailTakenError: a record with this address exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        return await self._write("POST", RECORDS_PATH, {**self._encoded(values), EMAILS: [email]})

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        """Write these values, and only these; `add_email` joins the addresses that are there.

        By PATCH, which puts a new address in front and removes none (measured).

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            EmailTakenError: another record holds `add_email`; nothing was written.
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        address = {EMAILS: [add_email]} if add_email else {}
        return await self._write("PATCH", f"{RECORDS_PATH}/{record_id}", {**self._encoded(values), **address})

    async def keep_company(self, person: Person, company: str) -> CurrentValue | None:
        """Restore the company of a person to whom an address was added, if Attio's automation moves the person.

        Returns:
            The company that the automation had set, where it was replaced.
        """
        return await keep_company(self.api, person, company)

    async def is_answering(self) -> bool:
        """Tell whether Attio answers a simple request at all, within seconds; a refusal is an answer."""
        return await self.api.is_answering(SELF_PATH, limiter="reads")

    async def _write(self, method: str, path: str, values: Mapping[str, Any]) -> Person:
        try:
            with _unavailable():
                body = {"data": {"values": values}}
                answer = await self.api.request(method, path, limiter="writes", json=body, retry=self._patience)
        except RecordError as error:
            raise self._refusal(error, email_sent=EMAILS in values) from error
        except FatalError as error:
            if error.status in _DENIALS or error.code in PLAN_CODES:
                raise DeniedError(str(error)) from error
            raise
        try:
            return self._person(data_of(answer))
        except ValueError:
            asked = describe(answer.response.request)
            raise UnavailableError(f"Attio's answer to {asked} is no record: run this again.") from None

    def _refusal(self, error: RecordError, *, email_sent: bool) -> Exception:
        if error.status == 404 or error.code == "merge_in_progress":
            return RecordGoneError(str(error))
        slug = slug_of(error, slug_by_id=self.workspace.slug_by_id)
        if error.code == "uniqueness_conflict" and email_sent and slug in {None, EMAILS}:
            return EmailTakenError(str(error), perhaps_ours=error.after_lost_answer)
        return RecordRefusedError(message_of(error), field=self._keys.get(slug, slug) if slug else None)

    def _encoded(self, values: Values) -> dict[str, Any]:
        slugs = self.workspace.slugs
        return {slugs[key]: encode(self._types[key], value) for key, value in values.items()}

    def _people(self, records: Iterable[Record]) -> list[Person]:
        people = []
        for record in records:
            try:
                people.append(self._person(record))
            except ValueError:
                _log.warning("Attio's record %s cannot be read and is left out.", record_id(record) or "without an id")
        return people

    def _person(self, record: object) -> Person:
        return decode_person(
            record,
            targets=self.workspace.targets,
            slugs=self.workspace.slugs,
            workspace_slug=self.workspace.info.workspace_slug,
        )


@contextmanager
def _unavailable() -> Iterator[None]:
    """Say "failed for good" in the engine's words."""
    try:
        yield
    except TransientError as error:
        raise UnavailableError(str(error)) from error

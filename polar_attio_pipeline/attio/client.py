"""Attio's people, as the engine asks for them (`sync.ports.People`)."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.attributes import Workspace, discover
from polar_attio_pipeline.attio.errors import SELF_PATH, SERVICE, explain_answer
from polar_attio_pipeline.attio.lookup import KEYS_PER_SEARCH
from polar_attio_pipeline.attio.objects import AttioObject
from polar_attio_pipeline.attio.people import COMPANIES, COMPANY, PEOPLE, as_person, keep_company
from polar_attio_pipeline.attio.records import MatchTakenError, Records
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.ports import BeforeWrite, EmailTakenError, Found, Restored
from polar_attio_pipeline.sync.records import Person, Values

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
        self._records = Records(api, workspace, as_person, keys_per_search=keys_per_search)

    @classmethod
    async def connect(cls, api: ApiClient, slugs: Mapping[str, str], people: AttioObject = PEOPLE) -> "AttioClient":
        """Look at the token and the workspace, and return a client that may write to it.

        Args:
            api: Attio's API, open.
            slugs: The workspace's slug for each attribute key.
            people: People with the attributes that may be written.

        Raises:
            ConfigurationError: something is wrong; the text lists everything at once.
            ApiError: Attio could not be asked.
        """
        return cls(api, await discover(api, people, slugs))

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
        search = await self._records.find(ids=ids, matches=emails, records=records)
        return Found(search.records, search.unsearchable)

    async def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[Person]]:
        """Yield, page by page, every person that is marked as a customer or holds a Polar id.

        Args:
            expected: How many there probably are: so far, pages are asked for ahead.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        async for page in self._records.marked(expected=expected):
            yield page

    async def create(self, values: Values, *, email: str) -> Person:
        """Create a person, never by writing over a record that holds the address.

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            EmailTakenError: a record with this address exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        with _email_taken():
            return await self._records.create(values, match=email)

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        """Write these values, and only these; `add_email` joins the addresses that are there.

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            EmailTakenError: another record holds `add_email`; nothing was written.
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        with _email_taken():
            return await self._records.update(record_id, values, add_match=add_email)

    async def link(self, person: str, company: str) -> str | None:
        """Make a company the one that a person belongs to; both are record ids.

        Returns:
            Attio's name for the request.

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            RecordGoneError: no such person any more.
            RecordRefusedError: the company was refused, such as one that is no more; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        return (await self._records.refer(person, COMPANY, object_slug=COMPANIES, target=company)).execution_id

    async def keep_company(self, person: Person, company: str, *, before_write: BeforeWrite) -> Restored | None:
        """Restore the company of a person to whom an address was added, if Attio's automation moves the person.

        Returns:
            None if nothing was written, or it is not known.
        """
        return await keep_company(self.api, person, company, before_write=before_write)

    async def is_answering(self) -> bool:
        """Tell whether Attio answers a simple request at all, within seconds; a refusal is an answer."""
        return await self.api.is_answering(SELF_PATH, limiter="reads")


@contextmanager
def _email_taken() -> Iterator[None]:
    """Say "taken" in the engine's words."""
    try:
        yield
    except MatchTakenError as error:
        raise EmailTakenError(str(error), perhaps_ours=error.perhaps_ours) from error

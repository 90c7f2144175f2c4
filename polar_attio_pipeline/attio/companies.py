"""Companies: what the client for any object has to know of them, and how a person is linked to one."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from polar_attio_pipeline.attio.attributes import Workspace, discover
from polar_attio_pipeline.attio.errors import SELF_PATH
from polar_attio_pipeline.attio.models import AttioRecord
from polar_attio_pipeline.attio.objects import AttioObject, Matching
from polar_attio_pipeline.attio.records import MatchTakenError, Records
from polar_attio_pipeline.attio.spellings import domain_spellings
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.companies.groups import CompanyRecord, domains_of
from polar_attio_pipeline.sync.companies.ports import DomainTakenError, FoundCompanies
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.records import Values

COMPANIES = AttioObject(
    slug="companies",
    title="Companies",
    noun="company",
    matching=Matching(slug="domains", field="domain", spellings=domain_spellings),
    attributes=COMPANY_ATTRIBUTES,
    id_key=None,
    mark_key="polar_customer",
    slug_setting="ATTIO_COMPANY_SLUG__",
)


def as_company(read: AttioRecord, record: object) -> CompanyRecord:  # noqa: ARG001  # as `records.Convert`
    """Return what planning looks at of a record."""
    return CompanyRecord(read.record_id, read.url, domains_of(read.matches), read.values, read.execution_id)


class AttioCompanies:
    """The Companies of one workspace; implements `sync.companies.ports.Companies`."""

    def __init__(self, api: ApiClient, workspace: Workspace) -> None:
        self._api = api
        self._workspace = workspace
        self._records = Records(api, workspace, as_company)

    @classmethod
    async def connect(cls, api: ApiClient, slugs: Mapping[str, str]) -> "AttioCompanies":
        """Look at the attributes of companies, and return what may write them.

        Raises:
            ConfigurationError: something is wrong; the text lists everything at once.
            ApiError: Attio could not be asked.
        """
        return cls(api, await discover(api, COMPANIES, slugs))

    @property
    def targets(self) -> tuple[Target, ...]:
        """The attributes of this workspace that may be written."""
        return self._workspace.targets

    async def find(self, *, domains: Collection[str], records: Collection[str] = ()) -> FoundCompanies:
        """Return every company that holds one of the domains or has one of the record ids, each once.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        search = await self._records.find(ids=(), matches=domains, records=records)
        return FoundCompanies(search.records, search.unsearchable)

    async def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[CompanyRecord]]:
        """Yield, page by page, every company that is marked.

        Args:
            expected: How many there probably are: so far, pages are asked for ahead.

        Raises:
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        async for page in self._records.marked(expected=expected):
            yield page

    async def create(self, values: Values, *, domain: str) -> CompanyRecord:
        """Create a company, never by writing over a record that holds the domain.

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            DomainTakenError: a record with this domain exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        with _domain_taken():
            return await self._records.create(values, match=domain)

    async def update(self, record_id: str, values: Values) -> CompanyRecord:
        """Write these values, and only these.

        Raises:
            DeniedError: the key's scopes or the workspace's plan do not allow it; nothing was written.
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: Attio failed for good.
            FatalError: a person has to act first.
        """
        return await self._records.update(record_id, values)

    async def is_answering(self) -> bool:
        """Tell whether Attio answers a simple request at all, within seconds; a refusal is an answer."""
        return await self._api.is_answering(SELF_PATH, limiter="reads")


@contextmanager
def _domain_taken() -> Iterator[None]:
    """Say "taken" in the engine's words."""
    try:
        yield
    except MatchTakenError as error:
        raise DomainTakenError(str(error), perhaps_ours=error.perhaps_ours) from error

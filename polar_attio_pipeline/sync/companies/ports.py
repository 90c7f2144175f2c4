"""What the engine of companies asks of the CRM, beside `ports`."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.ports import People
from polar_attio_pipeline.sync.records import Values


class DomainTakenError(Exception):
    """Another record already holds the domain: another writer was faster, such as the CRM itself.

    Attributes:
        perhaps_ours: Whether an earlier attempt of the same request lost its answer, so that the record may be the
            one that this request created.
    """

    def __init__(self, message: str = "", *, perhaps_ours: bool = False) -> None:
        super().__init__(message)
        self.perhaps_ours = perhaps_ours


@dataclass(frozen=True, slots=True)
class FoundCompanies:
    """The answer to a search for companies.

    Attributes:
        companies: Every company found, each once.
        unsearchable: The domains and record ids that the CRM could not search for.
    """

    companies: Sequence[CompanyRecord]
    unsearchable: frozenset[str] = frozenset()


class Companies(Protocol):
    """The companies of the CRM."""

    async def find(self, *, domains: Collection[str], records: Collection[str] = ()) -> FoundCompanies:
        """Return every company that holds one of the domains or has one of the record ids.

        Raises:
            UnavailableError: the search failed for good, and not because of single keys.
        """
        ...

    def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[CompanyRecord]]:
        """Yield, page by page, every company that is marked as having customers.

        Args:
            expected: How many there probably are; a wrong number costs time or requests, no company.
        """
        ...

    async def create(self, values: Values, *, domain: str) -> CompanyRecord:
        """Create a company.

        Raises:
            DomainTakenError: a record with this domain exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
            DeniedError: the service does not allow creations at present.
            UnavailableError: the request failed for good.
        """
        ...

    async def update(self, record_id: str, values: Values) -> CompanyRecord:
        """Write these values, and only these.

        Raises:
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
            DeniedError: the service does not allow updates at present.
            UnavailableError: the request failed for good.
        """
        ...

    async def is_answering(self) -> bool:
        """Tell whether the service answers a simple request at all, within seconds."""
        ...


class LinkablePeople(People, Protocol):
    """The people of the CRM, where they can be linked to companies."""

    async def link(self, person: str, company: str) -> str | None:
        """Make a company the one that a person belongs to; both are record ids.

        Returns:
            The CRM's name for the request; None where it gives none.

        Raises:
            RecordGoneError: no such person any more.
            RecordRefusedError: the company was refused, such as one that is no more; nothing was written.
            DeniedError: the service does not allow updates at present.
            UnavailableError: the request failed for good.
        """
        ...

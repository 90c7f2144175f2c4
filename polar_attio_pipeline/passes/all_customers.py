"""All customers of Polar read for a pass."""

from collections.abc import AsyncIterator, Collection, Sequence

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.bad_rows import outcomes_of
from polar_attio_pipeline.passes.lifecycle import FINISHED, RECONCILIATION
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import Listing
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.records import Customer


class AllCustomers:
    """Every customer of Polar, in portions.

    They are read from Polar's export, but for a first import, however often that is begun: pages say the type of every
    customer, the export does not, and an import waits for Attio's writes anyway.

    Attributes:
        organization_id: The organization of the customers read so far; None where none of them says.
    """

    def __init__(self, client: PolarClient, *, is_first_import: bool) -> None:
        """Prepare the reading.

        Args:
            client: Polar.
            is_first_import: As `is_first_import`.
        """
        self.organization_id: str | None = None
        self._listing = Listing(client, export_first=not is_first_import)

    async def pages(self) -> AsyncIterator[Sequence[Customer]]:
        """Yield the customers as they are read, each once; to be read to its end, once.

        Raises:
            ApiError: Polar could not be read, or its list does not hold together.
        """
        async for page in self._listing.pages():
            self.organization_id = self.organization_id or next((one.organization_id for one in page), None) or None
            yield page

    def newcomers(self) -> AsyncIterator[Sequence[Customer]]:
        """Yield the customers who came since the others were read.

        Raises:
            ApiError: Polar could not be read.
        """
        return self._listing.newcomers()

    @property
    def total_count(self) -> int:
        """Customers by Polar's own count in its newest answer; 0 before the first one."""
        return self._listing.total_count

    def unreadable(self) -> Sequence[Outcome]:
        """Return the outcomes of the rows found so far that do not parse."""
        return outcomes_of(self._listing.bad_rows.values())

    def ids(self) -> Collection[str]:
        """Return the ids of all customers read so far, bad rows included where their id is known."""
        return self._listing.ids


def is_first_import(ledger: Ledger) -> bool:
    """Tell whether no reconciliation has finished yet: one that was stopped has left customers without their person."""
    return RECONCILIATION not in ledger.newest_that_ended(FINISHED)

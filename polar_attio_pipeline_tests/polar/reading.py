"""All customers of Polar at once, for tests that look at them afterwards."""

from dataclasses import dataclass

from polar_attio_pipeline.polar.customers import Listing
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import Source
from polar_attio_pipeline.sync.records import Customer


@dataclass(frozen=True, slots=True)
class AllRead:
    """All customers; those that were deleted meanwhile may be among them."""

    customers: dict[str, Customer]
    bad_rows: tuple[BadRow, ...]
    total_count: int


async def read_all(source: Source, *, export_first: bool = False) -> AllRead:
    listing = Listing(source, export_first=export_first)
    customers = {customer.id: customer async for portion in listing.pages() for customer in portion}
    return AllRead(customers, tuple(listing.bad_rows.values()), listing.total_count)

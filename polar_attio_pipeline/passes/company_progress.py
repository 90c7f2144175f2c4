"""What a pass over companies reports beside what every pass reports (`progress`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grouped:
    """All customers have been grouped by company, and compared with the companies of Attio.

    Attributes:
        customers: How many have an address of a business.
        without: How many have none.
        companies: How many domains of businesses they have.
        unchanged: Marked companies of Attio that need nothing.
        pending: Companies to look up, and probably to write.
    """

    customers: int
    without: int
    companies: int
    unchanged: int
    pending: int

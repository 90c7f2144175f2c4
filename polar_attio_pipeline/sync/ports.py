"""What the engine asks of the two services. Anything that keeps these promises can stand behind it."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from polar_attio_pipeline.sync.records import Owner, Person, Values


class UnavailableError(Exception):
    """A call failed for good, all retries included, through no fault of what was sent."""


class RecordRefusedError(Exception):
    """The CRM refused this one record and would refuse it again; the next record may be fine.

    Attributes:
        field: Key or path of what was refused, where the answer names it.
        message: The CRM's own sentence. It may hold personal data: for the ledger, not for logs.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class EmailTakenError(Exception):
    """Another record already holds the address: somebody was faster, or it was never looked up."""


class RecordGoneError(Exception):
    """The record was merged or deleted since it was looked up."""


class People(Protocol):
    """The people of the CRM."""

    async def find(self, *, ids: Collection[str], emails: Collection[str]) -> Sequence[Person]:
        """Return every person that holds one of the Polar ids or one of the addresses, each once."""
        ...

    def marked(self) -> AsyncIterator[Sequence[Person]]:
        """Yield, page by page, every person that is marked as a customer or holds a Polar id."""
        ...

    async def create(self, values: Values, *, email: str) -> Person:
        """Create a person.

        Raises:
            EmailTakenError: a record with this address exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
        """
        ...

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        """Write these values, and only these; `add_email` joins the addresses that are there.

        Raises:
            EmailTakenError: another record holds `add_email`; nothing was written.
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
        """
        ...


class CustomerBook(Protocol):
    """What the engine may ask of the billing side about one customer."""

    async def exists(self, customer_id: str) -> bool:
        """Tell whether this customer is alive, now."""
        ...

    async def owner(self, customer_id: str) -> Owner | None:
        """Return a team's owner; None where there is none or members may not be read."""
        ...

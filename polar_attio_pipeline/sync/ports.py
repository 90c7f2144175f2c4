"""What the engine asks of the two services. Anything that keeps these promises can stand behind it."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from polar_attio_pipeline.sync.records import Owner, Person, Values


class UnavailableError(Exception):
    """A call failed for good, all retries included, through no fault of what was sent."""


class DeniedError(Exception):
    """The CRM does not allow this kind of request: a scope, a plan, a quota. Others may still be allowed."""


class NoAnswerError(Exception):
    """The billing side cannot answer the question about this one customer, and would not however often it is asked."""


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


@dataclass(frozen=True, slots=True)
class Found:
    """What a search of the CRM's people brought.

    Attributes:
        people: Every person that was found, each once.
        unsearchable: The ids, addresses and record ids that could not be searched, as they were asked for. About the
            customers that they belong to nothing is known; `people` is complete for all others.
    """

    people: Sequence[Person]
    unsearchable: frozenset[str] = frozenset()


class People(Protocol):
    """The people of the CRM."""

    async def find(self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()) -> Found:
        """Return every person that holds one of the Polar ids or addresses, or has one of the record ids.

        Args:
            ids: Polar ids.
            emails: Addresses.
            records: The CRM's record ids. Hints: such a record may not exist any more.

        Raises:
            UnavailableError: nothing could be searched.
        """
        ...

    def marked(self) -> AsyncIterator[Sequence[Person]]:
        """Yield, page by page, every person that is marked as a customer or holds a Polar id."""
        ...

    async def create(self, values: Values, *, email: str) -> Person:
        """Create a person.

        Raises:
            DeniedError: people may not be created; nothing was written.
            EmailTakenError: a record with this address exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: the CRM failed for good.
        """
        ...

    async def update(
        self, record_id: str, values: Values, *, add_email: str | None = None, company: str | None = None
    ) -> Person:
        """Write these values, and only these; `add_email` joins the addresses that are there.

        Args:
            record_id: Whom to write to.
            values: By attribute key.
            add_email: An address to add. The CRM may then point the person at the company of that address by itself.
            company: The record id of the company to keep all the same: `Person.company` as it was looked up.

        Raises:
            DeniedError: people may not be changed; nothing was written.
            EmailTakenError: another record holds `add_email`; nothing was written.
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
            UnavailableError: the CRM failed for good.
        """
        ...


class CustomerBook(Protocol):
    """What the engine may ask of the billing side about one customer."""

    async def exists(self, customer_id: str) -> bool:
        """Tell whether this customer is alive, now.

        Raises:
            NoAnswerError: the billing side refuses the question about this customer.
            UnavailableError: the billing side failed for good.
        """
        ...

    async def owner(self, customer_id: str) -> Owner | None:
        """Return a team's owner; None where there is none or members may not be read.

        Raises:
            NoAnswerError: the billing side refuses the question about this customer.
            UnavailableError: the billing side failed for good.
        """
        ...

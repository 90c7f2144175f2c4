"""What the engine asks of the two services. Anything that keeps these promises can stand behind it.

An error's class says what it is evidence of: one record, one kind of request, one service, or the whole pass.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.records import CurrentValue, Owner, Person, Values
from polar_attio_pipeline.sync.writes import Write


class UnavailableError(Exception):
    """A call failed for good, all retries included, through no fault of what was sent."""


class StoppedError(Exception):
    """Every other request would fail the same way, such as after a revoked token: the pass ends."""


class DeniedError(Exception):
    """The service does not allow this kind of request: a scope, a plan, a quota. Other kinds may work."""


class NoAnswerError(Exception):
    """The billing side cannot answer the question about this one customer, however often it is asked."""


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
    """Another record already holds the address: another writer was faster, or it was never looked up.

    Attributes:
        perhaps_ours: Whether an earlier attempt of the same request lost its answer, so that the record may be the
            one that this request created.
    """

    def __init__(self, message: str = "", *, perhaps_ours: bool = False) -> None:
        super().__init__(message)
        self.perhaps_ours = perhaps_ours


class RecordGoneError(Exception):
    """The record was merged or deleted since it was looked up."""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search for people.

    Attributes:
        people: Every person found, each once.
        unsearchable: The ids, addresses and record ids that the CRM could not search for.
    """

    people: Sequence[Person]
    unsearchable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Restored:
    """A company that was restored.

    Attributes:
        execution_id: The CRM's name for the request; None where it gives none.
    """

    execution_id: str | None = None


BeforeWrite = Callable[[CurrentValue], None]
"""Takes the value that is about to be written over."""


class People(Protocol):
    """The people of the CRM."""

    async def find(self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()) -> Found:
        """Return every person that holds one of the Polar ids or one of the addresses, or has one of the record ids.

        Raises:
            UnavailableError: the search failed for good, and not because of single keys.
        """
        ...

    def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[Person]]:
        """Yield, page by page, every person that is marked as a customer or holds a Polar id.

        Args:
            expected: How many there probably are; a wrong number costs time or requests, no person.
        """
        ...

    async def create(self, values: Values, *, email: str) -> Person:
        """Create a person.

        Raises:
            EmailTakenError: a record with this address exists; nothing was written.
            RecordRefusedError: a value was refused; nothing was written.
            DeniedError: the service does not allow creations at present.
            UnavailableError: the request failed for good.
        """
        ...

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        """Write these values, and only these; `add_email` joins the addresses that are there.

        Raises:
            EmailTakenError: another record holds `add_email`; nothing was written.
            RecordGoneError: no such record any more.
            RecordRefusedError: a value was refused; nothing was written.
            DeniedError: the service does not allow updates at present.
            UnavailableError: the request failed for good.
        """
        ...

    async def keep_company(self, person: Person, company: str, *, before_write: BeforeWrite) -> Restored | None:
        """Restore the company of a person to whom an address was added, if the CRM's automation moves the person.

        It takes seconds, and raises nothing of its own: what cannot be restored is logged.

        Args:
            person: As it was answered when the address was added.
            company: Record id of the company that somebody had chosen.
            before_write: Takes what `company` is about to be written over: the company that the automation has set.

        Returns:
            None if nothing was written, or it is not known.
        """
        ...

    async def is_answering(self) -> bool:
        """Tell whether the service answers a simple request at all, within seconds."""
        ...


class CustomerSource(Protocol):
    """What the engine may ask of the billing side about one customer."""

    async def exists(self, customer_id: str) -> bool:
        """Tell whether this customer is alive, now.

        Raises:
            NoAnswerError: the question about this customer cannot be answered.
            UnavailableError: the request failed for good.
        """
        ...

    async def owner(self, customer_id: str) -> Owner | None:
        """Return a team's owner; None where there is none or members may not be read.

        Raises:
            NoAnswerError: the question about this customer cannot be answered.
            UnavailableError: the request failed for good.
        """
        ...

    async def is_answering(self) -> bool:
        """Tell whether the service answers a simple request at all, within seconds."""
        ...


class Memory(Protocol):
    """What is on record from earlier passes."""

    def record_ids(self, customer_ids: Collection[str]) -> Mapping[str, str]:
        """Return the CRM's record id of customers, where exactly one is on record."""
        ...

    def refusals(self, customer_ids: Collection[str]) -> Mapping[str, tuple[str, str]]:
        """Return what the CRM refused of customers: the fingerprint of what was sent, and what was said about it."""
        ...

    def links(self, record_ids: Collection[str]) -> Mapping[str, str]:
        """Return the company that a pass has linked people to, by the person's record id.

        A company that was only restored, because the CRM had replaced what somebody had chosen, is none of them.
        """
        ...


class NoMemory:
    """Nothing is on record."""

    def record_ids(self, customer_ids: Collection[str]) -> Mapping[str, str]:  # noqa: ARG002  # as the protocol
        """Return nothing."""
        return {}

    def refusals(self, customer_ids: Collection[str]) -> Mapping[str, tuple[str, str]]:  # noqa: ARG002  # as above
        """Return nothing."""
        return {}

    def links(self, record_ids: Collection[str]) -> Mapping[str, str]:  # noqa: ARG002  # as above
        """Return nothing."""
        return {}


class History(Protocol):
    """Keeps on record what is written.

    A write is intended before it is sent and settled when it is known what became of it; else a later pass looks.
    """

    def intend(self, intents: Sequence[Intent]) -> None:
        """Put writes on record; they may be sent when this returns, and not if it raises."""
        ...

    def settle(self, intent: Intent, *writes: Write) -> None:
        """Take what was carried out of it, nothing only where that is certain; its outcome is recorded after it."""
        ...

    def unsettled(self, customer_id: str) -> Sequence[Intent]:
        """Return the writes for a customer, oldest first, of which it is not known what became of them."""
        ...


class NoHistory:
    """Keeps nothing."""

    def intend(self, intents: Sequence[Intent]) -> None:
        """Drop them."""

    def settle(self, intent: Intent, *writes: Write) -> None:
        """Drop them."""

    def unsettled(self, customer_id: str) -> Sequence[Intent]:  # noqa: ARG002  # as the protocol
        """Return nothing."""
        return ()

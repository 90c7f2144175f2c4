"""One pass: look people up, plan, write. The only module of the heart that does I/O, through `ports`."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.emails import email_key, is_anonymised
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Claims, PeopleIndex, claim, contested_id, match
from polar_attio_pipeline.sync.outcomes import Outcome, changed_meanwhile, refused, unwritable, written
from polar_attio_pipeline.sync.planning import Action, Plan, plan
from polar_attio_pipeline.sync.ports import (
    CustomerBook,
    EmailTakenError,
    People,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.reconciliation import MARK_KEY, Comparison, Marked
from polar_attio_pipeline.sync.records import Customer, Person
from polar_attio_pipeline.sync.shelf import Shelf

LOOKUP_CHUNK = 200
"""Customers looked up together. A plan waits behind at most this many writes, so what it rests on is seconds old."""

COMPARED_AT_ONCE = 25
"""Customers compared at a stretch, in which no request can leave: some ten milliseconds."""

CATCHING_UP = 8
"""Stretches between two pages of the book: twice as many customers as a page has, so that those who came before
everybody in the CRM was seen are caught up with."""

CONCURRENT_WRITES = 64
"""Writes under way or waiting for the rate limit: enough to keep 25 a second busy at a latency of two seconds."""

FRESH_SECONDS = 60
"""A plan that could not be carried out in this time, because the service throttles or fails, is given up and made
anew: a human may have typed since. Giving up a write under way is safe, because the new plan begins with a new look."""

ROUNDS = 3
"""How often a customer whose person changed under the pass is looked up anew before a human is asked."""

TOLERATED_FAILURES = 5
"""Writes that may fail for good before the pass stops: one bad record must not stop it, a dead service must."""


@dataclass(frozen=True, slots=True)
class Services:
    """Both sides of a pass, and what it may write.

    Attributes:
        people: The CRM's people.
        book: The billing side, for questions about one customer.
        targets: The attributes of this workspace.
        overwrite_typed: Whether Polar wins over values that a workspace member typed.
    """

    people: People
    book: CustomerBook
    targets: tuple[Target, ...]
    overwrite_typed: bool = False


Record = Callable[[Sequence[Outcome]], None]
"""Takes outcomes as they become known, so that what was done is on record even if the pass ends early."""

Book = AsyncIterable[Sequence[Customer]]
"""Customers in portions, as they are read."""


def _unrecorded(outcomes: Sequence[Outcome]) -> None:
    """Keep nothing."""


async def preview(customers: Iterable[Customer], services: Services) -> AsyncIterator[Sequence[Plan]]:
    """Yield what `sync` would do for these customers, chunk by chunk, and write nothing."""
    claims = Claims()
    for chunk in _chunks(_oldest_first(customers)):
        yield await _plan_chunk(chunk, services, claims)


async def sync(customers: Iterable[Customer], services: Services, record: Record) -> None:
    """Bring each customer to Attio; every one of them gets exactly one outcome.

    Raises:
        UnavailableError: a service failed for good. Outcomes recorded until then stand; running again is safe.
        Exception: whatever else the ports raise for an error that ends the run, such as a revoked token.
    """
    claims = Claims()
    pending = _oldest_first(customers)
    outrun = 0
    while pending:
        once = _Round(services, record)
        await once.run(pending, claims)
        if once.late and not once.answered:
            raise UnavailableError(
                f"Not one of {len(once.late)} writes went through in {FRESH_SECONDS} s: run this again later."
            )
        outrun += bool(once.stale)
        if outrun == ROUNDS:
            record([changed_meanwhile(plan) for plan in once.stale])
            once.stale.clear()
        pending = _oldest_first(plan.customer for plan in (*once.stale, *once.late))


async def compare(book: Book, services: Services, record: Record = _unrecorded) -> Comparison:
    """Hold the whole book against everybody in the CRM who is marked, and write nothing there.

    Both sides are read at the same time, each at its own pace. People first: a customer is compared when everybody has
    been seen, so that whoever is marked while the book is being read is never taken for somebody without a customer.

    Args:
        book: Every live customer once, in portions; it must raise if it cannot be complete.
        services: Both sides.
        record: Takes the outcomes of customers who need nothing.

    Raises:
        UnavailableError: as in `sync`.
        Exception: whatever else the book and the ports raise.
    """
    comparison = Comparison(services.targets, overwrite_typed=services.overwrite_typed)
    waiting: Shelf[Customer] = Shelf()
    try:
        async with asyncio.TaskGroup() as reading:
            everybody = reading.create_task(_see_everybody(services.people, comparison))
            async for customers in _one_ahead(book):
                waiting.update((customer.id, customer) for customer in customers)
                for _ in range(CATCHING_UP * everybody.done()):
                    record(comparison.meet(waiting.take(COMPARED_AT_ONCE)))
                    await asyncio.sleep(0)  # the reading goes on meanwhile
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    while waiting:
        record(comparison.meet(waiting.take(COMPARED_AT_ONCE)))
    return comparison


async def _one_ahead(book: Book) -> AsyncIterator[Sequence[Customer]]:
    """Yield the portions of the book, and have the next one read while one is being looked at."""
    portions = aiter(book)
    upcoming = asyncio.ensure_future(anext(portions, None))
    try:
        while (customers := await upcoming) is not None:
            upcoming = asyncio.ensure_future(anext(portions, None))
            yield customers
    finally:
        upcoming.cancel()


async def _see_everybody(people: People, comparison: Comparison) -> None:
    async for page in people.marked():
        for number, person in enumerate(page):
            comparison.see(person)
            if number % COMPARED_AT_ONCE == 0:
                await asyncio.sleep(0)  # the reading of the book goes on meanwhile


async def reconcile(book: Book, services: Services, record: Record) -> Comparison:
    """Bring the whole book to Attio: one read of everybody marked, then lookups and writes where something differs.

    Args:
        book: As in `compare`.
        services: Both sides.
        record: As in `sync`.

    Returns:
        The comparison as it was before the writes: the drift.

    Raises:
        UnavailableError: as in `sync`.
    """
    comparison = await compare(book, services, record)

    def note(outcomes: Sequence[Outcome]) -> None:
        comparison.note(outcomes)
        record(outcomes)

    await sync(comparison.pending(), services, note)
    return comparison


async def unmark(people: Iterable[Marked], services: Services) -> list[Marked]:
    """Uncheck the mark of people whose customer is gone, each after asking for that customer once more."""
    unmarked: list[Marked] = []
    for person in people:
        if person.customer_id is None or await services.book.exists(person.customer_id):
            continue
        with suppress(RecordGoneError, RecordRefusedError):
            await services.people.update(person.record_id, {MARK_KEY: False})
            unmarked.append(person)
    return unmarked


def _oldest_first(customers: Iterable[Customer]) -> list[Customer]:
    return sorted(customers, key=lambda customer: (customer.created_at, customer.id))


def _chunks(customers: Sequence[Customer]) -> Iterator[Sequence[Customer]]:
    return (customers[start : start + LOOKUP_CHUNK] for start in range(0, len(customers), LOOKUP_CHUNK))


async def _plan_chunk(customers: Sequence[Customer], services: Services, claims: Claims) -> list[Plan]:
    ids = [customer.id for customer in customers]
    found = (await services.people.find(ids=ids, emails=_addresses(customers))).people
    known, unknown = _split_by_address(customers, PeopleIndex(found))
    owned = await asyncio.gather(*(_with_owner(customer, services.book) for customer in unknown))
    addresses = _addresses(owned)
    index = PeopleIndex(
        _distinct([*found, *(await services.people.find(ids=(), emails=addresses)).people]) if addresses else found
    )
    chunk = _oldest_first([*known, *owned])
    alive = await _alive({contested_id(customer, index) for customer in chunk}, services.book)
    return [
        plan(
            customer,
            claim(customer, match(customer, index, alive=alive), claims),
            services.targets,
            overwrite_typed=services.overwrite_typed,
        )
        for customer in chunk
    ]


def _addresses(customers: Iterable[Customer]) -> list[str]:
    addresses = (customer.address for customer in customers)
    return sorted({email_key(address) for address in addresses if address and not is_anonymised(address)})


def _split_by_address(customers: Iterable[Customer], index: PeopleIndex) -> tuple[list[Customer], list[Customer]]:
    """Part those who can be recognised as they are from those whose owner has to be asked for."""
    known: list[Customer] = []
    unknown: list[Customer] = []
    for customer in customers:
        recognisable = customer.address or index.holders_of_id(customer)
        (known if recognisable else unknown).append(customer)
    return known, unknown


async def _with_owner(customer: Customer, book: CustomerBook) -> Customer:
    return replace(customer, owner=await book.owner(customer.id))


async def _alive(ids: set[str | None], book: CustomerBook) -> frozenset[str]:
    asked = sorted(held for held in ids if held is not None)
    answers = await asyncio.gather(*(book.exists(held) for held in asked))
    return frozenset(held for held, exists in zip(asked, answers, strict=True) if exists)


def _distinct(people: Iterable[Person]) -> list[Person]:
    return list({person.record_id: person for person in people}.values())


@dataclass
class _Round:
    """One time through the customers.

    Attributes:
        stale: The plans that Attio had outrun.
        late: The plans that grew old before they were carried out.
        answered: Whether any write was answered.
        failures: Why writes failed for good.
    """

    services: Services
    record: Record
    stale: list[Plan] = field(default_factory=list)
    late: list[Plan] = field(default_factory=list)
    answered: bool = False
    failures: list[UnavailableError] = field(default_factory=list)

    async def run(self, customers: Sequence[Customer], claims: Claims) -> None:
        slots = asyncio.Semaphore(CONCURRENT_WRITES)
        try:
            async with asyncio.TaskGroup() as writes:
                for chunk in _chunks(customers):
                    expiry = asyncio.get_running_loop().time() + FRESH_SECONDS
                    plans = await _plan_chunk(chunk, self.services, claims)
                    self._record_unwritten(plans)
                    for due in plans:
                        if due.action in {Action.CREATE, Action.UPDATE}:
                            await slots.acquire()
                            writes.create_task(self._apply(due, slots, expiry))
        except BaseExceptionGroup as group:
            # One sentence ends a run, so the first error speaks for those that it cut short.
            raise group.exceptions[0] from None
        if self.failures:
            raise self.failures[0]

    def _record_unwritten(self, plans: Iterable[Plan]) -> None:
        self.record(
            [
                written(idle, idle.match.person) if idle.match.person else unwritable(idle)
                for idle in plans
                if idle.action not in {Action.CREATE, Action.UPDATE}
            ]
        )

    async def _apply(self, due: Plan, slots: asyncio.Semaphore, expiry: float) -> None:
        try:
            async with asyncio.timeout_at(expiry):
                person = await self._write(due)
        except TimeoutError:
            self.late.append(due)
        except (EmailTakenError, RecordGoneError):
            self.answered = True
            self.stale.append(due)
        except RecordRefusedError as error:
            self.answered = True
            self.record([refused(due, field=error.field, message=error.message)])
        except UnavailableError as error:
            self.failures.append(error)
            if len(self.failures) > TOLERATED_FAILURES:
                raise
        else:
            self.answered = True
            self.record([written(due, person)])
        finally:
            slots.release()

    async def _write(self, due: Plan) -> Person:
        if due.match.person is not None:
            return await self.services.people.update(due.match.person.record_id, due.values, add_email=due.new_email)
        assert due.new_email is not None, "a new person is created by its address"
        return await self.services.people.create(due.values, email=due.new_email)

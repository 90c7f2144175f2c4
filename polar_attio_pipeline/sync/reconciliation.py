"""Every customer of Polar against everybody in the CRM who is marked: compare, then bring what differs."""

import asyncio
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from polar_attio_pipeline.sync.comparison import Comparison
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.ports import Memory
from polar_attio_pipeline.sync.records import Customer, Person
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.tasks import task_group
from polar_attio_pipeline.sync.writing import Record

COMPARED_AT_ONCE = 25
"""Customers compared at a stretch, in which no request can leave: some ten milliseconds."""

Portions = AsyncIterable[Sequence[Customer]]
"""Customers in portions, as they are read."""


@dataclass(frozen=True, slots=True)
class Book:
    """What a comparison reads.

    Attributes:
        customers: Every live customer once, in portions; it must raise if it cannot be complete.
        newcomers: Asked for when both sides were read: the customers who were created meanwhile.
        people: How many people of the CRM are probably marked.
    """

    customers: Portions
    newcomers: Portions
    people: int = 0


def _unrecorded(outcomes: Sequence[Outcome]) -> None:
    """Keep nothing."""


def _unseen(people: int) -> None:
    """Count nothing."""


async def compare(
    book: Book, services: Services, record: Record = _unrecorded, seen: Callable[[int], None] = _unseen
) -> Comparison:
    """Hold all customers against everybody in the CRM who is marked, and write nothing there.

    Both sides are read at the same time, each at its own pace, and then who came meanwhile: so that a person who is
    marked while people are being read is never taken for one without a customer.

    Args:
        book: What to read.
        services: Both sides.
        record: Takes the outcomes of customers who need nothing.
        seen: Takes how many more people of the CRM were read, page by page.

    Raises:
        UnavailableError: a service failed for good.
        Exception: whatever else the reading of customers and the ports raise.
    """
    comparison = Comparison(
        services.targets,
        overwrite_typed=services.overwrite_typed,
        audience=services.audience,
        skipped=services.skipped,
    )
    async with task_group() as reading:
        reading.create_task(_add_people(services.people.marked(expected=book.people), comparison, seen))
        reading.create_task(_add_customers(book.customers, comparison))
    await _add_customers(book.newcomers, comparison)
    settled = comparison.settle()
    while outcomes := list(itertools.islice(settled, COMPARED_AT_ONCE)):
        record(outcomes)
        await asyncio.sleep(0)  # the lease is renewed meanwhile
    return comparison


async def bring(customers: Iterable[Customer], comparison: Comparison, services: Services, record: Record) -> None:
    """Bring every customer to the CRM whose person differs, or who has none.

    Args:
        customers: Those that a comparison has left pending.
        comparison: All customers, compared.
        services: Both sides. People whom the comparison has seen are looked at again by their record.
        record: As in `sync`.

    Raises:
        Exception: as `sync`.
    """

    def note(outcomes: Sequence[Outcome]) -> None:
        comparison.note(outcomes)
        record(outcomes)

    memory = Seen(comparison.record_ids(), services.memory)
    await sync(customers, replace(services, memory=memory), note)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in the CRM a moment ago, before what is on record. Implements `ports.Memory`.

    Attributes:
        seen: The record of customers, by Polar's id.
        memory: What is on record.
    """

    seen: Mapping[str, str]
    memory: Memory

    def record_ids(self, customer_ids: Iterable[str]) -> Mapping[str, str]:
        """Return the record of customers, as seen or else as on record."""
        ids = list(customer_ids)
        return {**self.memory.record_ids(ids), **{one: self.seen[one] for one in ids if one in self.seen}}

    def refusals(self, customer_ids: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """Return what is on record."""
        return self.memory.refusals(list(customer_ids))

    def links(self, record_ids: Iterable[str]) -> Mapping[str, str]:
        """Return what is on record."""
        return self.memory.links(list(record_ids))


async def _add_people(
    people: AsyncIterable[Sequence[Person]], comparison: Comparison, seen: Callable[[int], None]
) -> None:
    async for page in people:
        seen(len(page))
        for number, person in enumerate(page):
            comparison.add_person(person)
            if number % COMPARED_AT_ONCE == 0:
                await asyncio.sleep(0)  # the reading goes on meanwhile


async def _add_customers(customers: Portions, comparison: Comparison) -> None:
    async for portion in _one_ahead(customers):
        for number, customer in enumerate(portion):
            comparison.add_customer(customer)
            if number % COMPARED_AT_ONCE == 0:
                await asyncio.sleep(0)  # the reading goes on meanwhile


async def _one_ahead(customers: Portions) -> AsyncIterator[Sequence[Customer]]:
    """Yield the portions, and have the next one read while one is being looked at."""
    portions = aiter(customers)
    upcoming = asyncio.ensure_future(anext(portions, None))
    try:
        while (portion := await upcoming) is not None:
            upcoming = asyncio.ensure_future(anext(portions, None))
            yield portion
    finally:
        upcoming.cancel()

"""Passes over small worlds, each held against the promise, with a crash at every point and a second pass after it.

A pass is the real one, `sync.engine.sync` or a reconciliation (`sync.reconciliation`), over people in memory. While it
runs, what a crash would leave behind is taken down at every point at which something changes: before a write is
carried out, after it was and before its answer, after the answer; of writes that are on their way together, any may
have been carried out. A killed process does nothing more, so what it leaves behind is all that the next pass finds.

What a pass does follows from the world alone. So a world that was seen before, be it as a first one, as what a crash
has left or as the end of a pass, is not looked at again; and all of them together show more than was asked for: any
number of crashes, one after the other, ends in the same world.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import astuple, dataclass, field

from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.reconciliation import Book, bring, compare
from polar_attio_pipeline.sync.records import Customer, Owner
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writing import Record
from polar_attio_pipeline_tests.worlds.journal import Journal
from polar_attio_pipeline_tests.worlds.promise import check, check_history
from polar_attio_pipeline_tests.worlds.sides import NUMBERS, TARGETS, customers_of, everybody, named, recognised
from polar_attio_pipeline_tests.worlds.small import STRANGER, Customers, People, Someone, World, small_worlds
from polar_attio_pipeline_tests.worlds.workspace import Workspace


@dataclass
class Tally:
    """What was looked at.

    Attributes:
        worlds: Worlds at first.
        crashes: Points at which a pass may be killed.
        passes: Passes that ran to their end, each held against the promise.
        writes: Writes that they made.
    """

    worlds: int = 0
    crashes: int = 0
    passes: int = 0
    writes: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Polar:
    """The billing side: a stranger lives no more, and no team has an owner."""

    async def exists(self, customer_id: str) -> bool:
        return NUMBERS[customer_id] != STRANGER

    async def owner(self, customer_id: str) -> Owner | None:
        return None

    async def is_answering(self) -> bool:
        return True


@dataclass
class Explorer:
    """Looks at the worlds of one book.

    Attributes:
        book: The customers.
        reconciles: Whether a pass is a reconciliation of all customers; else it looks each of them up.
        tally: What was looked at.
    """

    book: Customers
    reconciles: bool = False
    tally: Tally = field(default_factory=Tally)
    _ends: dict[People, People] = field(default_factory=dict)

    async def explore(self, worlds: Iterable[World]) -> None:
        """Look at these worlds, at what any crash in them leaves behind, and at what becomes of all of that."""
        for world in worlds:
            assert world.customers == self.book
            self.tally.worlds += 1
            try:
                await self.end_of(world.people)
            except BaseException as error:
                error.add_note(f"In the world {world}")
                raise

    async def end_of(self, people: People) -> People:
        """Return everybody after a pass; whatever a crash leaves behind ends in the same, and there it rests."""
        known = self._ends.get(people)
        if known is not None:
            return known
        end, left_behind = await self._one_pass(people)
        self._ends[people] = end
        for some in left_behind:
            assert await self.end_of(some) == end, f"a crash that leaves {some} changes the end {end}"
        if end != people:
            assert await self.end_of(end) == end, f"a second pass over {end} changes it"
        return end

    async def _one_pass(self, people: People) -> tuple[People, set[People]]:
        before, customers = named(people), customers_of(self.book)
        workspace, journal = Workspace(everybody(people)), Journal()
        outcomes: list[Outcome] = []
        left_behind: set[People] = set()
        seen: set[object] = set()

        def crash() -> None:
            for written, everybody_then in workspace.as_a_crash_may_find_it():
                point = written, len(journal.written), len(journal.intended)
                if point in seen:
                    continue
                seen.add(point)
                people_then = everybody_then()
                found = recognised(people_then)
                check_history(before, found, journal.after_a_crash(people_then))
                left_behind.add(_sorted(found.values()))
                self.tally.crashes += 1

        workspace.watch = journal.watch = crash
        services = Services(workspace, Polar(), TARGETS, history=journal)
        await (_reconcile if self.reconciles else sync)(customers, services, outcomes.extend)
        after = recognised(workspace.people)
        check(self.book, before, after, outcomes)
        check_history(before, after, journal.written)
        assert not journal.intended, "it is not known what became of a write that was answered"
        changed = sum(one != before.get(record_id) for record_id, one in after.items())
        writes = len(workspace.carried_out)
        assert writes == changed, f"{writes} writes, and {changed} people differ"
        self.tally.passes += 1
        self.tally.writes += writes
        end = _sorted(after.values())
        return end, left_behind - {people, end}


def explore(book: Customers, people: int, reconciles: bool) -> Tally:
    """Look at all worlds of a book with up to so many people."""
    explorer = Explorer(book, reconciles)
    asyncio.run(explorer.explore(small_worlds(book, people)))
    return explorer.tally


async def _reconcile(customers: Sequence[Customer], services: Services, record: Record) -> None:
    comparison = await compare(Book(_pages(customers), _pages([])), services, record)
    await bring(comparison.pending(), comparison, services, record)


async def _pages(customers: Sequence[Customer]) -> AsyncIterator[Sequence[Customer]]:
    yield customers


def _sorted(people: Iterable[Someone]) -> People:
    return tuple(sorted(people))

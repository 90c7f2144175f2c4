"""All customers held against everybody who is marked: by which rules, in which portions, and who is looked at again."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from polar_attio_pipeline.sync.outcomes import Outcome, Result
from polar_attio_pipeline.sync.ports import NoMemory
from polar_attio_pipeline.sync.reconciliation import COMPARED_AT_ONCE, Book, Seen, compare
from polar_attio_pipeline.sync.records import CurrentValue, Customer, Person
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, customer, in_step
from polar_attio_pipeline_tests.worlds.exploring import Polar
from polar_attio_pipeline_tests.worlds.workspace import Workspace

One = TypeVar("One")


async def portions(*some: Sequence[Customer]) -> AsyncIterator[Sequence[Customer]]:
    for portion in some:
        yield portion


def services(*people: Person) -> Services:
    return Services(Workspace({person.record_id: person for person in people}), Polar(), TARGETS)


def many(count: int) -> list[Customer]:
    return [customer(f"{number:08}-0000-4000-8000-000000000000", f"{number}@example.com") for number in range(count)]


@pytest.mark.parametrize("overwrite_typed", [False, True])
async def test_a_typed_value_keeps_a_customer_pending_where_the_pass_may_write_over_it(
    *, overwrite_typed: bool
) -> None:
    ada = customer(country="FR")
    held = in_step("p1", ada)
    typed = replace(held, values={**held.values, "polar_country": CurrentValue("GB", "workspace-member")})
    given = replace(services(typed), overwrite_typed=overwrite_typed)

    comparison = await compare(Book(portions([ada]), portions()), given)

    assert [one.id for one in comparison.pending()] == ([ADA] if overwrite_typed else [])


async def test_a_customer_whom_a_person_has_chosen_to_leave_out_is_never_pending() -> None:
    outcomes: list[Outcome] = []
    given = replace(services(), skipped=frozenset({ADA}))

    comparison = await compare(Book(portions([customer(), customer(BOB)]), portions()), given, outcomes.extend)

    assert [(one.customer_id, one.result) for one in outcomes] == [(ADA, Result.EXCLUDED)]
    assert [one.id for one in comparison.pending()] == [BOB]


async def test_who_needs_nothing_is_recorded_in_portions_and_how_many_people_were_read_is_told() -> None:
    book = many(2 * COMPARED_AT_ONCE + 1)
    recorded: list[int] = []
    read: list[int] = []

    await compare(
        Book(portions(book[:30]), portions(book[30:])),
        services(*(in_step(one.id, one) for one in book)),
        lambda outcomes: recorded.append(len(outcomes)),
        read.append,
    )

    assert recorded == [COMPARED_AT_ONCE, COMPARED_AT_ONCE, 1]
    assert read == [len(book)]


class Counted(list[One]):
    """A page or a portion that counts how many were taken from it."""

    taken = 0

    def __iter__(self) -> Iterator[One]:
        for one in super().__iter__():
            self.taken += 1
            yield one


@dataclass
class OnePage(Workspace):
    """People who come in one page, whoever they are."""

    page: Sequence[Person] = ()

    async def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[Person]]:
        yield self.page


@pytest.mark.parametrize("side", ["customers", "people"])
async def test_a_large_portion_is_compared_in_stretches_between_which_other_work_goes_on(side: str) -> None:
    book = Counted(many(10 * COMPARED_AT_ONCE))
    page = Counted(in_step(one.id, one) for one in book)
    counted: Counted[Customer] | Counted[Person] = book if side == "customers" else page
    book.taken = 0
    stretches: list[int] = []

    async def other_work() -> None:
        while True:
            before = counted.taken
            await asyncio.sleep(0)
            stretches.append(counted.taken - before)

    working = asyncio.create_task(other_work())
    await compare(Book(portions(book), portions()), replace(services(), people=OnePage({}, page=page)))
    working.cancel()

    assert sum(stretches) == len(book)
    assert max(stretches) == COMPARED_AT_ONCE


@dataclass
class OnRecord(NoMemory):
    """What earlier passes have put on record of customers."""

    records: Mapping[str, str]
    refused: Mapping[str, tuple[str, str]]

    def record_ids(self, customer_ids: Iterable[str]) -> Mapping[str, str]:
        return {one: self.records[one] for one in customer_ids if one in self.records}

    def refusals(self, customer_ids: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        return {one: self.refused[one] for one in customer_ids if one in self.refused}


def test_what_was_seen_a_moment_ago_goes_before_what_is_on_record() -> None:
    memory = OnRecord({ADA: "old", BOB: "known"}, {BOB: ("print", "why")})
    seen = Seen({ADA: "new"}, memory)

    assert seen.record_ids([ADA, BOB, "nobody"]) == {ADA: "new", BOB: "known"}
    assert seen.refusals([ADA, BOB]) == {BOB: ("print", "why")}

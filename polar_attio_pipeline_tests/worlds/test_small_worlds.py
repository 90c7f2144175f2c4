"""Every small world, with a crash at every point of a pass and another pass after it: `exploring` says how.

Here are the worlds of up to two customers and two people, and those of three customers and one person; `make worlds`
goes through all of them, up to three and three (docs/worlds.md).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from polar_attio_pipeline.sync import looking, planning, writing
from polar_attio_pipeline.sync.intents import Intent, intent_of
from polar_attio_pipeline.sync.mapping import Policy
from polar_attio_pipeline.sync.matching import Claims, Match
from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.records import CurrentValue, Customer
from polar_attio_pipeline_tests.worlds import small
from polar_attio_pipeline_tests.worlds.exploring import Explorer, explore
from polar_attio_pipeline_tests.worlds.small import A, B, Customers

SIZES = ((1, 2), (2, 2), (3, 1))
BOOKS = [(book, people) for customers, people in SIZES for book in small.books(customers)]
SAMPLE = 400


@pytest.mark.parametrize("reconciles", [False, True], ids=["looked up", "reconciled"])
@pytest.mark.parametrize(("book", "people"), BOOKS)
def test_no_crash_and_no_second_pass_changes_what_becomes_of_a_small_world(
    book: Customers, people: int, reconciles: bool
) -> None:
    tally = explore(book, people, reconciles)

    assert tally.worlds == small.number_of_worlds(book, people)


def test_names_of_customers_addresses_and_people_decide_nothing() -> None:
    """What the reduction rests on, seen on worlds under names of all kinds."""
    worlds = Random(1).sample([*small.all_worlds(2, 1), *small.all_worlds(1, 2)], SAMPLE)

    async def ends() -> None:
        for world in worlds:
            end = await Explorer(world.customers).end_of(world.people)
            other = small.reduced(world)
            reduced_end = await Explorer(other.customers).end_of(other.people)
            assert small.reduced(small.World(world.customers, end)).people == reduced_end, world

    asyncio.run(ends())


def younger_first(customers: list[Customer]) -> list[Customer]:
    return sorted(customers, key=lambda one: one.created_at, reverse=True)


def unclaimed(customer: Customer, found: Match, claims: Claims) -> Match:
    return found


def over_typing(policy: Policy, held: CurrentValue | None, *, overwrite_typed: bool) -> bool:
    return True


def never_the_name(plan: Callable[..., Plan]) -> Callable[..., Plan]:
    def planned(*args: Any, **options: Any) -> Plan:
        made = plan(*args, **options)
        return replace(made, changes=tuple(change for change in made.changes if change.key != "name"))

    return planned


def always_again(plan: Callable[..., Plan]) -> Callable[..., Plan]:
    def planned(*args: Any, **options: Any) -> Plan:
        made = plan(*args, **options)
        again = (planning.Change("polar_customer", True, True),)
        return replace(made, action=Action.UPDATE, changes=again) if made.action is Action.KEEP else made

    return planned


def with_other_values(due: Plan) -> Intent:
    intent = intent_of(due)
    return Intent(intent.customer_id, intent.record_id, tuple(replace(one, old="?") for one in intent.values))


FAULTS: dict[str, tuple[Any, str, Any]] = {
    "the youngest customer goes first": (looking, "oldest_first", younger_first),
    "two customers get one address": (looking, "claim", unclaimed),
    "what a member typed is written over": (planning, "may_write", over_typing),
    "a name is never written": (looking, "plan", never_the_name(planning.plan)),
    "what is there is written again": (looking, "plan", always_again(planning.plan)),
    "an intended write is kept with another old value": (writing, "intent_of", with_other_values),
}


def some_are_explored() -> None:
    for book in ((A, 0), (A, A), (A, B)):
        explore(book, 1, reconciles=False)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_breaks_the_promise_in_some_small_world(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, wrong = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)

    with pytest.raises(AssertionError):
        some_are_explored()

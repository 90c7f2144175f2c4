"""What going through worlds came to, as tables in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields

from polar_attio_pipeline_tests.worlds import small
from polar_attio_pipeline_tests.worlds.exploring import Tally
from polar_attio_pipeline_tests.worlds.story import Account

LINE = 200
"""Seeded worlds in one line of the table."""


@dataclass(frozen=True)
class Explored:
    """Small worlds that were looked at, every promise kept.

    Attributes:
        customers: Of each of them.
        people: At most.
        reconciles: Whether the passes were reconciliations.
        tally: What was looked at.
    """

    customers: int
    people: int
    reconciles: bool
    tally: Tally

    @property
    def stand_for(self) -> int:
        """How many worlds these are under all names."""
        all_worlds, fewer = (
            small.number_of_all_worlds(most, self.people) for most in (self.customers, self.customers - 1)
        )
        return all_worlds - fewer


def small_table(explored: Sequence[Explored]) -> str:
    """Return a line for each number of customers, and one for all of them."""
    head = ("customers", "people", "a pass", "worlds", "stand for", "points of a crash", "passes", "writes")
    rows = [
        (
            str(one.customers),
            f"up to {one.people}",
            "reconciles everything" if one.reconciles else "looks each customer up",
            *_numbers((one.tally.worlds, one.stand_for, one.tally.crashes, one.tally.passes, one.tally.writes)),
        )
        for one in explored
    ]
    total = sum((one.tally for one in explored), Tally())
    stand_for = sum(one.stand_for for one in explored)
    numbers = _numbers((total.worlds, stand_for, total.crashes, total.passes, total.writes))
    return _table(head, [*rows, ("**all**", "", "", *(f"**{number}**" for number in numbers))])


def seeded_table(accounts: Sequence[Account]) -> str:
    """Return a line for some worlds each, and one for all of them."""
    head = (
        "worlds",
        "passes killed",
        "customers in plans",
        "written",
        "drifted, and named",
        "values back",
        "values of others kept",
        "unknown",
        "rows of history",
    )
    assert len(head) == 1 + len(fields(Account))
    rows = []
    for start in range(0, len(accounts), LINE):
        some = accounts[start : start + LINE]
        rows.append((f"{start + 1} to {start + len(some)}", *_numbers(astuple(sum(some, Account())))))
    total = _numbers(astuple(sum(accounts, Account())))
    return _table(head, [*rows, (f"**all {len(accounts)}**", *(f"**{number}**" for number in total))])


def _numbers(some: Iterable[int]) -> list[str]:
    return [f"{number:,}" for number in some]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

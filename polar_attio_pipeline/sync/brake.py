"""Whom a pass would change, counted: a pass that would change too many people at once stops before its first write.

A person counts who holds a Polar id already, and of whom at least one value that is there would be replaced or cleared.
Not counted is what fills an attribute that was empty, so that first imports and new attributes pass; an address, which
joins those that are there; a step that time takes for everybody (`mapping.Attribute.grows`); and what the CRM has
refused before, which is not sent.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Change, Plan

EXAMPLES = 10
"""People that are named for each attribute, and in a sentence."""

_ONE_IN = 5
"""An approval covers one more in five: while a person looks, customers come and change."""


class Effect(StrEnum):
    """What would happen to a value that is there."""

    REPLACED = "replaced"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, order=True)
class Touched:
    """One attribute, and what would happen to its values."""

    key: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class Example:
    """One person who would be changed.

    Attributes:
        customer_id: Polar's id.
        polar_url: Where a human opens the customer.
        attio_url: Where a human opens the person.
        touched: What would be replaced or cleared.
    """

    customer_id: str
    polar_url: str
    attio_url: str
    touched: tuple[Touched, ...]

    def in_words(self) -> str:
        """Return what would be touched as people read it: "name replaced, polar_status cleared"."""
        return ", ".join(f"{one.key} {one.effect}" for one in self.touched)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many people a pass may change.

    Attributes:
        max_share: Of the people who hold a Polar id; 1 allows all of them.
        min_people: So many are always allowed.
    """

    max_share: float
    min_people: int

    @property
    def is_off(self) -> bool:
        """Whether any number is allowed."""
        return self.max_share >= 1

    def people(self, holders: int) -> int:
        """Return how many people may be changed.

        Args:
            holders: How many people hold a Polar id.
        """
        # By decimals: 0.29 * 100 is less than 29 as floats.
        return max(self.min_people, int(Decimal(str(self.max_share)) * holders))


@dataclass(slots=True)
class Tally:
    """Takes plans, and keeps counts and a few examples of them, however many they are.

    Attributes:
        targets: The attributes of the workspace.
        people: How many people would be changed.
        unknown: About how many customers a service could not say anything.
        counts: Of how many people each attribute would be touched.
        examples: The first people of each.
    """

    targets: tuple[Target, ...]
    people: int = 0
    unknown: int = 0
    counts: Counter[Touched] = field(default_factory=Counter)
    examples: dict[Touched, list[Example]] = field(default_factory=dict)

    def add(self, due: Plan) -> None:
        """Take in a plan that would be carried out."""
        person = due.match.person
        found = touched(due, growing={one.attribute.key for one in self.targets if one.attribute.grows})
        if not found or person is None:
            return
        self.people += 1
        self.counts.update(found)
        example = Example(due.customer.id, due.customer.url, person.url, tuple(found))
        for one in found:
            shown = self.examples.setdefault(one, [])
            if len(shown) < EXAMPLES:
                shown.append(example)

    def shown(self) -> list[Example]:
        """Return ten people in all: of each attribute one first, those of the fewest people before others."""
        order = [one for one, _ in reversed(in_order(self.counts))]
        rows = itertools.zip_longest(*(self.examples[one] for one in order))
        return list(dict.fromkeys(example for row in rows for example in row if example))[:EXAMPLES]


def touched(due: Plan, *, growing: Collection[str] = ()) -> list[Touched]:
    """Return the attributes of a person on record whose values a plan would replace or clear.

    Args:
        due: The plan.
        growing: Keys of attributes that time makes later or more.
    """
    person = due.match.person
    if not due.writes or person is None or person_id(person) is None:
        return []
    return [
        Touched(change.key, Effect.CLEARED if change.new is None else Effect.REPLACED)
        for change in due.changes
        if change.old is not None and change.key != EMAILS_KEY and not (change.key in growing and _is_step(change))
    ]


def in_order(counts: Mapping[Touched, int]) -> list[tuple[Touched, int]]:
    """Return attributes with their counts, the most people first."""
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def in_words(counts: Mapping[Touched, int]) -> str:
    """Return counts as people read them: "name replaced of 312, polar_status cleared of 2"."""
    return ", ".join(f"{one.key} {one.effect} of {count:,}" for one, count in in_order(counts))


def covered(named: int, *, least: int) -> int:
    """Return how many people an approval covers that named so many: a fifth more, and what is always allowed."""
    return max(least, named + named // _ONE_IN)


def beyond(found: Mapping[Touched, int], approved: Mapping[Touched, int], *, least: int) -> dict[Touched, int]:
    """Return what an approval does not cover.

    Args:
        found: What a pass would touch now.
        approved: What was named when a person approved it.
        least: So many people may always be changed.
    """
    return {one: count for one, count in found.items() if count > covered(approved.get(one, 0), least=least)}


def _is_step(change: Change) -> bool:
    """Tell whether a value becomes later, or more."""
    match change.old, change.new:
        case (datetime() as old, datetime() as new):
            return new > old
        case (datetime(), _) | (_, datetime()):
            return False
        case (date() as old, date() as new):
            return new > old
        case (Decimal() as before, Decimal() as now):
            return now > before
    return False

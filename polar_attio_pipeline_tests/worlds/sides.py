"""A small world as the engine sees it: customers of Polar, people of Attio; and back again."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Customer, Person, PersonName, Value
from polar_attio_pipeline_tests.sync.builders import SPRING, customer, target
from polar_attio_pipeline_tests.worlds.small import NEW, NOBODY, OURS, STRANGER, TYPED, UNSET, A, B, Customers, Someone
from polar_attio_pipeline_tests.worlds.workspace import ID, MARK, Everybody, web_address

NAME = "name"
EMAILS = {A: "a@example.com", B: "b@example.com"}
IDS = {number: f"{number}0000000-0000-4000-8000-000000000000" for number in (1, 2, 3, STRANGER)}
NUMBERS = {customer_id: number for number, customer_id in IDS.items()}
SAYS = "Ada GmbH"
"""What Polar calls each customer: companies, which need no parser of names."""

NAMES: dict[int, tuple[str, Actor]] = {
    OURS: ("Ada AG", "api-token"),
    TYPED: ("The Countess", "workspace-member"),
    NEW: (SAYS, "api-token"),
}
MARKS: dict[int, Actor] = {OURS: "api-token", TYPED: "workspace-member"}
TARGETS: tuple[Target, ...] = (target(MARK), target(ID), target(NAME))


@cache
def customers_of(book: Customers) -> tuple[Customer, ...]:
    """The customers of a book, the oldest first, each a day younger than the one before."""
    return tuple(
        customer(IDS[number], EMAILS.get(address), name=SAYS, created_at=SPRING + timedelta(days=number))
        for number, address in enumerate(book, start=1)
    )


@cache
def person_of(record_id: str, one: Someone) -> Person:
    """A person as a search shows it."""
    values: dict[str, CurrentValue] = {}
    if one.holds != NOBODY:
        values[ID] = CurrentValue(IDS[one.holds], "api-token")
    if one.mark != UNSET:
        values[MARK] = CurrentValue(True, MARKS[one.mark])
    if one.name != UNSET:
        text, actor = NAMES[one.name]
        values[NAME] = CurrentValue(PersonName(text, "", text), actor)
    emails = tuple(email for address, email in EMAILS.items() if one.addresses & address)
    return Person(record_id, web_address(record_id), emails, values)


def everybody(people: tuple[Someone, ...]) -> dict[str, Person]:
    """People by record id."""
    return {record_id: person_of(record_id, one) for record_id, one in named(people).items()}


def named(people: tuple[Someone, ...]) -> dict[str, Someone]:
    """The same before they are what a search shows."""
    return {f"person-{number}": one for number, one in enumerate(people, start=1)}


def recognised(people: Everybody) -> dict[str, Someone]:
    """What people of the workspace are in a small world; whatever else one holds is an error."""
    return {record_id: _someone(person) for record_id, person in people.items()}


def _someone(person: Person) -> Someone:
    held = person.values
    assert held.keys() <= {ID, MARK, NAME}, held.keys()
    addresses = sum(address for address, email in EMAILS.items() if email in person.emails)
    assert len(person.emails) == addresses.bit_count(), person.emails
    return Someone(addresses, _holds(held), _mark(held), _name(held))


def _holds(held: Mapping[str, CurrentValue]) -> int:
    return NUMBERS[str(held[ID].value)] if ID in held else NOBODY


def _mark(held: Mapping[str, CurrentValue]) -> int:
    if MARK not in held:
        return UNSET
    assert held[MARK].value is True
    return next(mark for mark, actor in MARKS.items() if actor == held[MARK].actor)


def _name(held: Mapping[str, CurrentValue]) -> int:
    if NAME not in held:
        return UNSET
    value: Value = held[NAME].value
    assert isinstance(value, PersonName)
    return next(name for name, known in NAMES.items() if known == (value.full, held[NAME].actor))

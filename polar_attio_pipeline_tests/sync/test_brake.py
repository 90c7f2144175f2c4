"""What counts as a change of an existing person, how many are allowed, and what an approval covers."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.brake import Effect, Limit, Tally, Touched, beyond, covered, in_words, touched
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.records import Person, Value
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.builders import ADA, SPRING, customer, person

GROWING = {attribute.key for attribute in ATTRIBUTES if attribute.grows}
LATER = datetime(2026, 5, 1, 12, tzinfo=UTC)
ON_RECORD = person("p1", "ada@example.com", polar_customer_id=ADA)
NAME_REPLACED = Touched("name", Effect.REPLACED)
STATUS_CLEARED = Touched("polar_status", Effect.CLEARED)


def due(
    *changes: Change, of: Person | None = ON_RECORD, action: Action = Action.UPDATE, customer_id: str = ADA
) -> Plan:
    return Plan(customer(customer_id), Match(Case.KNOWN, of), action, changes)


def counted(*changes: Change, of: Person | None = ON_RECORD, action: Action = Action.UPDATE) -> list[Touched]:
    return touched(due(*changes, of=of, action=action), growing=GROWING)


def test_a_value_that_is_there_counts_when_it_is_replaced_or_cleared() -> None:
    found = counted(Change("polar_country", "DE", "GB"), Change("polar_status", "Active", None))
    assert found == [Touched("polar_country", Effect.REPLACED), STATUS_CLEARED]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(Change("polar_country", None, "GB"), id="a value where none was"),
        pytest.param(Change("email_addresses", "old@example.com", "new@example.com"), id="an address joins others"),
        pytest.param(Change("polar_renews_at", SPRING, LATER), id="the next renewal, a month later"),
        pytest.param(Change("polar_renews_at", date(2026, 4, 1), date(2026, 5, 1)), id="the same as days"),
        pytest.param(Change("polar_last_paid_at", SPRING, LATER), id="a payment"),
        pytest.param(Change("polar_lifetime_value", Decimal(10), Decimal(20)), id="and what it comes to"),
    ],
)
def test_what_fills_adds_or_only_follows_time_does_not_count(change: Change) -> None:
    assert counted(change) == []


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("polar_renews_at", LATER, SPRING),
        ("polar_renews_at", SPRING, None),
        ("polar_last_paid_at", SPRING, date(2026, 5, 1)),
        ("polar_lifetime_value", Decimal(20), Decimal(10)),
        ("polar_lifetime_value", "ten", "twenty"),
        ("polar_mrr", Decimal(10), Decimal(20)),
        ("polar_customer", False, True),
    ],
)
def test_a_step_back_another_type_and_every_other_attribute_count(key: str, old: Value, new: Value | None) -> None:
    assert [one.key for one in counted(Change(key, old, new))] == [key]


def test_people_who_hold_no_polar_id_do_not_count() -> None:
    typed = person("p1", "ada@example.com", polar_country="DE")
    assert counted(Change("polar_country", "DE", "GB"), of=typed) == []
    assert counted(Change("polar_country", None, "GB"), of=None, action=Action.CREATE) == []


def test_a_plan_that_writes_nothing_does_not_count() -> None:
    assert counted(Change("polar_country", "DE", "GB"), action=Action.ASK) == []


@pytest.mark.parametrize(
    ("share", "least", "holders", "allowed"),
    [
        (0.2, 25, 0, 25),
        (0.2, 25, 125, 25),
        (0.2, 25, 129, 25),
        (0.2, 25, 130, 26),
        (0.29, 0, 100, 29),
        (0.0, 0, 100, 0),
        (0.0, 3, 100, 3),
    ],
)
def test_the_larger_of_a_number_and_a_share_is_allowed(share: float, least: int, holders: int, allowed: int) -> None:
    assert Limit(share, least).people(holders) == allowed


def test_a_share_of_one_allows_everything() -> None:
    assert Limit(1, 25).is_off
    assert not Limit(0.99, 25).is_off


def test_a_person_counts_once_and_each_of_its_attributes_for_itself() -> None:
    tally = Tally(TARGETS)
    tally.add(due(Change("polar_country", "DE", "GB"), Change("polar_status", "Active", None)))
    tally.add(due(Change("polar_country", "DE", "GB")))
    tally.add(due(Change("polar_country", None, "GB")))
    assert tally.people == 2
    assert in_words(tally.counts) == "polar_country replaced of 2, polar_status cleared of 1"


def test_a_step_of_time_is_no_change_of_a_person() -> None:
    tally = Tally(tuple(Target(attribute, attribute.types[0]) for attribute in ATTRIBUTES))
    tally.add(due(Change("polar_renews_at", SPRING, LATER)))
    assert tally.people == 0


def test_attributes_are_named_the_most_people_first_and_by_name_where_as_many() -> None:
    counts = {STATUS_CLEARED: 2, NAME_REPLACED: 2, Touched("polar_country", Effect.REPLACED): 3}
    assert in_words(counts) == "polar_country replaced of 3, name replaced of 2, polar_status cleared of 2"


def test_ten_people_are_kept_for_each_attribute_and_shown_in_all_with_the_rare_ones_among_them() -> None:
    tally = Tally(TARGETS)
    for number in range(500):
        tally.add(due(Change("polar_country", "DE", "GB"), customer_id=f"customer-{number}"))
    tally.add(due(Change("polar_country", "DE", "GB"), Change("polar_status", "Active", None)))
    assert {one.key: len(shown) for one, shown in tally.examples.items()} == {"polar_country": 10, "polar_status": 1}
    assert [one.customer_id for one in tally.shown()] == [ADA, *(f"customer-{number}" for number in range(9))]
    assert tally.shown()[0].polar_url.endswith(ADA)
    assert tally.shown()[0].attio_url == ON_RECORD.url
    assert tally.shown()[0].in_words() == "polar_country replaced, polar_status cleared"


@pytest.mark.parametrize(("named", "allowed"), [(100, 120), (104, 124), (9, 25), (0, 25)])
def test_an_approval_covers_a_fifth_more_than_it_named_and_what_is_always_allowed(named: int, allowed: int) -> None:
    assert covered(named, least=25) == allowed


def test_an_approval_covers_no_other_attribute_and_no_other_effect() -> None:
    approved = {NAME_REPLACED: 100}
    assert beyond({NAME_REPLACED: 120, STATUS_CLEARED: 25}, approved, least=25) == {}
    assert beyond({NAME_REPLACED: 121}, approved, least=25) == {NAME_REPLACED: 121}
    assert beyond({NAME_REPLACED: 9, STATUS_CLEARED: 26}, approved, least=25) == {STATUS_CLEARED: 26}
    cleared = Touched("name", Effect.CLEARED)
    assert beyond({cleared: 100}, approved, least=25) == {cleared: 100}


def test_where_nobody_may_be_changed_an_approval_that_does_not_name_an_attribute_covers_nobody() -> None:
    assert beyond({STATUS_CLEARED: 1}, {}, least=0) == {STATUS_CLEARED: 1}

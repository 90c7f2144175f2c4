"""A preview as flat rows and as counts: who, which field, what it holds and what it would hold."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from polar_attio_pipeline.passes.preview import Preview
from polar_attio_pipeline.passes.preview_rows import rows, show
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.outcomes import unreadable
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.records import PersonName, Value
from polar_attio_pipeline_tests.sync.builders import ADA, customer, person, planned

LOVELACE = PersonName("Ada", "Lovelace", "Ada Lovelace")
BAD_ROW = unreadable("12 from the end", field="created_at", message="Field required.")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (LOVELACE, "Ada Lovelace"),
        (True, "yes"),
        (False, "no"),
        (datetime(2026, 11, 3, 12, tzinfo=UTC), "2026-11-03T12:00:00+00:00"),
        (date(2026, 11, 3), "2026-11-03"),
        ("DE", "DE"),
        ("", ""),
    ],
)
def test_a_value_is_shown_as_people_write_it(value: Value | None, shown: str | None) -> None:
    assert show(value) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (Decimal("19.9"), "USD", "19.90"),
        (Decimal(5000), "JPY", "5000"),
        (Decimal("5000.0"), "JPY", "5000"),
        (Decimal("0.5"), "JPY", "0.5"),
        (Decimal("1.2"), "KWD", "1.200"),
        (Decimal("1.2345"), "USD", "1.2345"),
        (Decimal("1E+300"), "USD", f"1{'0' * 300}.00"),
        (Decimal(3), "XAU", "3.00"),
        (Decimal(3), None, "3.00"),
    ],
)
def test_an_amount_has_the_decimals_of_the_currency_that_the_attribute_is_in(
    amount: Decimal, currency: str | None, shown: str
) -> None:
    held = person("r1", "ada@example.com")
    plan = Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.UPDATE, (Change("polar_mrr", amount, None),))
    currencies = {"polar_mrr": currency} if currency else {}

    (row,) = rows(Preview([plan], [], 0, currencies=currencies))

    assert row["old"] == shown


def test_a_number_that_is_no_amount_has_no_decimals_added() -> None:
    held = person("r1", "ada@example.com")
    plan = Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.UPDATE, (Change("polar_seats", None, Decimal(3)),))

    (row,) = rows(Preview([plan], [], 0))

    assert row["new"] == "3"


def test_each_field_to_write_is_a_row_with_the_person_it_belongs_to() -> None:
    held = person("r1", "ada@example.com")
    changes = (Change("name", None, LOVELACE), Change("polar_country", "DE", "GB"))
    plan = Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.UPDATE, changes)

    found = list(rows(Preview([plan], [], 0)))

    assert [(row["field"], row["old"], row["new"]) for row in found] == [
        ("name", None, "Ada Lovelace"),
        ("polar_country", "DE", "GB"),
    ]
    assert {(row["action"], row["customer"], row["attio"]) for row in found} == {("update", ADA, held.url)}


def test_what_is_left_alone_is_shown_and_says_why() -> None:
    held = person("r1")
    plan = Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.KEEP, kept=(Change("name", LOVELACE, LOVELACE),))

    (row,) = rows(Preview([plan], [], 0))

    assert row["note"] == "left alone: a human typed it, Attio enriched it, or another app wrote it"


def test_who_needs_a_human_is_one_row_with_every_record_involved() -> None:
    plan = planned(Action.ASK, Case.TWO_RECORDS, person("r1"), person("r2"))

    (row,) = rows(Preview([plan], [], 0))

    assert (row["action"], row["case"], row["field"]) == ("ask a human", "two_records", None)
    assert (row["attio"] or "").split() == [person("r1").url, person("r2").url]
    assert row["note"]


def test_a_row_that_polar_cannot_show_is_one_row_with_its_problem() -> None:
    (row,) = rows(Preview([], [BAD_ROW], 0))

    assert (row["action"], row["customer"], row["case"]) == ("reject", "12 from the end", "unreadable_in_polar")
    assert "created_at" in (row["note"] or "")


def test_every_row_has_the_same_keys() -> None:
    held = person("r1")
    changed = Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.UPDATE, (Change("name", None, LOVELACE),))
    asked = planned(Action.ASK, Case.TWO_RECORDS, held)

    assert len({tuple(row) for row in rows(Preview([changed, asked], [BAD_ROW], 0))}) == 1


def test_every_action_has_a_number_and_customers_not_looked_at_closely_count_as_kept() -> None:
    plans = [planned(Action.KEEP, Case.KNOWN, person("r1")), planned(Action.ASK, Case.TWO_RECORDS, person("r2"))]

    counts = Preview(plans, [BAD_ROW], unchanged=40).counts()

    assert counts == {"create": 0, "update": 0, "keep": 41, "reject": 1, "ask a human": 1, "exclude": 0}


def test_when_nothing_would_be_done_there_are_no_rows() -> None:
    assert list(rows(Preview([planned(Action.KEEP, Case.KNOWN, person("r1"))], [], 9))) == []

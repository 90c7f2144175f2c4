"""Writes that are about to be made: on record before they are sent, until it is known what became of them."""

import logging
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.schema import INTENTS
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import outcome


def intent(customer_id: str, new: str = "GB", *, record_id: str | None = "r1") -> Intent:
    return Intent(customer_id, record_id, (WrittenValue("polar_country", "DE", "app", new),))


def written(one: Intent, record_id: str = "r1") -> Write:
    return Write(one.customer_id, record_id, one.values, one.object_slug, one.action, "x-1")


def left(ledger: Ledger) -> list[tuple[str, str | None]]:
    return [(key.pass_id, intent.customer_id) for key, intent in ledger.unsettled()]


def test_a_write_is_on_record_as_soon_as_it_is_intended_and_comes_out_as_it_went_in(ledger: Ledger) -> None:
    values = (
        WrittenValue("email_addresses", ("a@example.com",), None, "ada@example.com"),
        WrittenValue("name", None, None, PersonName("Ada", "Zo\0ë", "Ada Zo\0ë")),
        WrittenValue("polar_mrr", Decimal("1.50"), "api-token", None),
        WrittenValue("polar_customer_since", None, None, datetime(2026, 1, 2, 3, 4, 5, 6, UTC)),
    )
    with ledger.recording("p1") as recorder:
        recorder.intend([Intent("ada", None, values), Intent(None, "c1", values[2:], "companies")])

        (_, of_ada), (_, of_company) = ledger.unsettled()

    assert (of_ada.customer_id, of_ada.record_id, of_ada.values) == ("ada", None, values)
    assert (of_company.customer_id, of_company.record_id, of_company.object_slug) == (None, "c1", "companies")
    assert of_company.values == values[2:]


def test_what_was_carried_out_is_in_the_history_and_no_longer_intended(ledger: Ledger) -> None:
    ada, bob = intent("ada"), intent("bob", record_id=None)
    with ledger.recording("p1") as recorder:
        recorder.intend([ada, bob])
        recorder.settle(ada, written(ada))
        recorder.settle(bob, *bob.done("r9", [(["polar_country"], "x-2")]))
        recorder.record([outcome("ada"), outcome("bob")])

    assert [
        (
            row.polar_customer_id,
            row.record_id,
            row.old_value,
            row.old_actor,
            row.new_value,
            row.action,
            row.execution_id,
        )
        for row in ledger.changes_of_pass("p1")
    ] == [
        ("ada", "r1", "DE", "app", "GB", "update", "x-1"),
        ("bob", "r9", "DE", "app", "GB", "create", "x-2"),
    ]
    assert left(ledger) == []


def test_what_was_certainly_not_carried_out_is_neither_in_the_history_nor_intended(ledger: Ledger) -> None:
    ada = intent("ada")
    with ledger.recording("p1") as recorder:
        recorder.intend([ada])
        recorder.settle(ada)

    assert (ledger.changes_of_pass("p1"), left(ledger)) == ([], [])


def test_what_is_not_settled_stays_and_is_put_on_record_by_a_later_pass_as_of_the_pass_that_intended_it(
    ledger: Ledger,
) -> None:
    with ledger.recording("p1") as recorder:
        recorder.intend([intent("ada"), intent("bob")])

    with ledger.recording("p2") as recorder:
        (ada,) = recorder.unsettled("ada")
        assert ada in recorder.left
        recorder.settle(ada, written(ada))

    assert [row.polar_customer_id for row in ledger.changes_of_pass("p1")] == ["ada"]
    assert (ledger.changes_of_pass("p2"), left(ledger)) == ([], [("p1", "bob")])


def test_a_later_write_of_the_same_takes_the_place_of_one_of_which_nothing_was_seen(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        recorder.intend([intent("ada"), intent("bob", record_id="r2")])

    with ledger.recording("p2") as recorder:
        recorder.intend([intent("ada", "FR")])
        assert len(recorder.unsettled("ada")) == 1

    assert left(ledger) == [("p1", "bob"), ("p2", "ada")]


def test_a_process_that_wakes_up_after_another_pass_has_settled_its_writes_puts_nothing_on_record_twice(
    ledger: Ledger,
) -> None:
    ada = intent("ada")
    with ledger.recording("p1") as asleep:
        asleep.intend([ada])
        asleep.settle(ada, written(ada))
        with ledger.recording("p2") as awake:
            (seen,) = awake.left
            awake.settle(seen, written(seen))
            awake.save()
            awake.intend([intent("bob")])

    assert [row.polar_customer_id for row in ledger.changes_of_pass("p1")] == ["ada"]
    assert left(ledger) == [("p2", "bob")], "it has the number that the first one had"


def test_a_row_that_cannot_be_read_stays_is_logged_and_hides_no_other(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with ledger.recording("p1") as recorder:
        recorder.intend([intent("ada"), intent("bob", record_id="r2")])
    with ledger._database.writing() as connection:
        broken = INTENTS.c.polar_customer_id == "ada"
        connection.execute(sa.update(INTENTS).where(broken).values(content='[{"attribute": "name"}]'))

    with caplog.at_level(logging.WARNING):
        assert left(ledger) == [("p1", "bob")]

    assert "What pass p1 intended to write (row 1 of the table intents) cannot be read" in caplog.text
    with ledger._database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(INTENTS)).scalar_one() == 2

"""Writes that are about to be made: on record before they are sent, until it is known what became of them."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
import time_machine

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.schema import CHANGES, INTENTS
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import NOON, carry_out, outcome


def country(old: str, new: str) -> WrittenValue:
    return WrittenValue("polar_country", old, "api-token", new)


def intent(customer_id: str, new: str = "GB", *, record_id: str | None = "r1", old: str = "DE") -> Intent:
    return Intent(customer_id, record_id, (WrittenValue("polar_country", old, "app", new),))


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
    with time_machine.travel(NOON, tick=False), ledger.recording("p1") as recorder:
        recorder.intend([Intent("ada", None, values), Intent(None, "c1", values[2:], "companies")])

        (_, of_ada), (_, of_company) = ledger.unsettled()

    assert (of_ada.pass_id, of_ada.planned_at) == ("p1", NOON)

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


def overwritten(later: Intent, ledger: Ledger) -> None:
    """Intend a write, be killed, and write over it without a look at what became of it."""
    with ledger.recording("p1") as recorder:
        recorder.intend([intent("ada")])
    with ledger.recording("p2") as recorder:
        recorder.intend([later])
        assert recorder.unsettled("ada") == [later]
        recorder.settle(later, written(later))


SHOWS = Intent("ada", "r1", (country("GB", "FR"),))


def test_a_write_that_a_later_one_has_found_carried_out_stays_for_the_look_of_the_next_pass(ledger: Ledger) -> None:
    overwritten(SHOWS, ledger)

    assert left(ledger) == [("p1", "ada")]
    with ledger.recording("p3") as recorder:
        assert [one.customer_id for one in recorder.left] == ["ada"]
        assert recorder.unsettled("ada") == [], "what the person holds now says nothing of it"
        recorder.intend([Intent("ada", "r1", (country("FR", "ES"),))])

    assert left(ledger) == [("p1", "ada"), ("p3", "ada")]


def test_of_two_open_writes_only_the_later_one_can_be_told_by_what_the_person_holds_now(ledger: Ledger) -> None:
    for number, one in enumerate([intent("ada"), SHOWS], start=1):
        with ledger.recording(f"p{number}") as recorder:
            recorder.intend([one])

    with ledger.recording("p3") as recorder:
        assert [one.values for one in recorder.unsettled("ada")] == [SHOWS.values]


def test_what_later_passes_have_written_over_for_a_company_is_known_to_the_passes_after_them(ledger: Ledger) -> None:
    status = WrittenValue("polar_status", "Trial", "api-token", "Active")
    first = Intent(None, "c1", (country("DE", "GB"), status), "companies")
    second = Intent(None, "c1", (country("GB", "FR"),), "companies")
    with ledger.recording("p1") as recorder:
        recorder.intend([first])
    with ledger.recording("p2") as recorder:
        recorder.intend([second])
        recorder.settle(second, written(second, "c1"))

    with ledger.recording("p3") as recorder:
        again = WrittenValue("polar_status", "Cancelled", "workspace-member", "Active")
        recorder.intend([Intent(None, "c1", (country("FR", "ES"), again), "companies")])

    assert left(ledger) == [("p1", None), ("p3", None)]


@pytest.mark.parametrize(
    "later",
    [
        Intent("bob", "r1", (country("GB", "FR"),)),
        Intent("ada", "r2", (country("GB", "FR"),)),
        Intent("ada", "r1", (WrittenValue("polar_status", None, None, "Active"),)),
    ],
)
def test_a_later_write_of_something_else_leaves_an_open_one_to_be_told_by_a_look(ledger: Ledger, later: Intent) -> None:
    with ledger.recording("p1") as recorder:
        recorder.intend([intent("ada")])
        carry_out(recorder, written(later, str(later.record_id)))

    with ledger.recording("p2") as recorder:
        assert [one.values for one in recorder.unsettled("ada")] == [intent("ada").values]


def test_a_write_that_becomes_known_late_stands_before_the_later_ones_of_the_same_attribute(ledger: Ledger) -> None:
    overwritten(SHOWS, ledger)
    other = Intent("ada", "r1", (WrittenValue("polar_status", None, None, "Active"),))
    with ledger.recording("p3") as recorder:
        carry_out(recorder, written(other))
    before = ledger.all_changes()

    with ledger.recording("p4") as recorder:
        (earlier,) = recorder.left
        recorder.settle_seen(earlier, written(earlier), [past.number for past in ledger.written_to(["r1"])["r1"]])

    changes = ledger.all_changes()
    assert [(row.pass_id, row.new_value) for row in changes] == [("p3", "Active"), ("p1", "GB"), ("p2", "FR")]
    assert [changes[2], changes[0]] == before, "nothing else of them is another"


def test_writes_that_become_known_together_stand_in_the_order_in_which_they_were_intended(ledger: Ledger) -> None:
    steps = [intent("ada"), Intent("bob", "r1", (country("GB", "FR"),)), Intent("eve", "r1", (country("ES", "IT"),))]
    for number, one in enumerate(steps, start=1):
        with ledger.recording(f"p{number}") as recorder:
            recorder.intend([one])
            if number == 2:
                recorder.settle(one, written(one))
    (between,) = ledger.written_to(["r1"])["r1"]

    with ledger.recording("p4") as recorder:
        first, last = recorder.left
        recorder.settle_seen(last, written(last), [])
        recorder.settle_seen(first, written(first), [between.number])

    assert [row.new_value for row in ledger.all_changes()] == ["GB", "FR", "IT"]


class TestWhatWasWrittenToARecord:
    def test_it_is_known_with_its_moment_the_newest_first(self, ledger: Ledger) -> None:
        for number in (1, 2):
            with (
                time_machine.travel(NOON + timedelta(minutes=number), tick=False),
                ledger.recording(f"p{number}") as recorder,
            ):
                one = intent("ada", f"v{number}")
                recorder.intend([one])
                recorder.settle(one, written(one))

        assert ledger.written_to([]) == {}
        found = ledger.written_to(["r1", "r2"])
        assert {
            record: [(past.moment(intent("ada")), past.value and past.value.new) for past in of_record]
            for record, of_record in found.items()
        } == {"r1": [(NOON + timedelta(minutes=2), "v2"), (NOON + timedelta(minutes=1), "v1")]}

    def test_one_without_an_answer_is_as_old_as_its_pass_however_late_a_look_has_shown_it(self, ledger: Ledger) -> None:
        with time_machine.travel(NOON, tick=False):
            ledger.begin_pass("p1", kind="hourly", reason="test")
        with ledger.recording("p1") as recorder:
            carry_out(recorder, replace(written(intent("ada")), execution_id=None))

        (past,) = ledger.written_to(["r1"])["r1"]

        of_a_later_pass = replace(intent("ada"), planned_at=NOON + timedelta(minutes=1), pass_id="p2")
        assert (past.moment(of_a_later_pass), past.is_since(of_a_later_pass)) == (NOON, False)
        assert past.is_since(replace(of_a_later_pass, pass_id="p1")), "it was intended later than that, and seen before"

    def test_a_row_that_cannot_be_read_counts_without_its_value(self, ledger: Ledger) -> None:
        with ledger.recording("p1") as recorder:
            carry_out(recorder, written(intent("ada")))
        with ledger._database.writing() as connection:
            connection.execute(sa.update(CHANGES).values(old_value="{"))

        assert [past.value for past in ledger.written_to(["r1"])["r1"]] == [None]

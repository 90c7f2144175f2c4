"""Outcomes: one row a customer, and only what differs is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from sqlalchemy import event

from polar_attio_pipeline.ledger import PORTION, Ledger, OutcomeRow
from polar_attio_pipeline.ledger.engine import WRITES
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline_tests.ledger.builders import NOON, outcome, rejected

MINUTE = timedelta(minutes=1)

LATER = NOON + timedelta(hours=1)
EVERYTHING = (datetime(2000, 1, 1, tzinfo=NOON.tzinfo), datetime(2100, 1, 1, tzinfo=NOON.tzinfo))


def rows(ledger: Ledger) -> dict[str, OutcomeRow]:
    """Every row that failed, by customer."""
    return {row.polar_customer_id: row for row in ledger.unresolved(limit=None)}


def every_row(ledger: Ledger) -> dict[str, Any]:
    """Every row, by customer."""
    with ledger._database.reading() as connection:
        found = connection.execute(sa.text("SELECT * FROM outcomes")).mappings().all()
    return {row["polar_customer_id"]: dict(row) for row in found}


@contextmanager
def write_transactions(ledger: Ledger) -> Iterator[list[str]]:
    """Collect a word for each transaction that writes."""
    seen: list[str] = []

    def note(connection: sa.Connection) -> None:
        if connection.get_execution_options().get(WRITES):
            seen.append("writes")

    engine = ledger._database._engine
    event.listen(engine, "begin", note)
    yield seen
    event.remove(engine, "begin", note)


def test_an_outcome_is_kept_whole(ledger: Ledger) -> None:
    with time_machine.travel(LATER, tick=False):
        ledger.record(
            [
                Outcome(
                    customer_id="ada",
                    email="Ada@example.com",
                    result=Result.AMBIGUOUS,
                    created_at=NOON + timedelta(microseconds=123_456),
                    reason=Reason.TWO_RECORDS,
                    detail="Merge them.",
                    urls=("https://one.example", "https://two.example"),
                    fingerprint="f00",
                )
            ],
            pass_id="pass-1",
        )

    assert ledger.unresolved(limit=10) == [
        OutcomeRow(
            polar_customer_id="ada",
            email="Ada@example.com",
            outcome="ambiguous",
            reason="two_records",
            detail="Merge them.",
            attio_record_id=None,
            attio_url="https://one.example https://two.example",
            created_at=NOON + timedelta(microseconds=123_456),
            changed_at=LATER,
            tried_at=LATER,
            pass_id="pass-1",
            fingerprint="f00",
        )
    ]


def test_moments_come_back_in_utc_whatever_zone_they_had(ledger: Ledger) -> None:
    east = datetime(2026, 11, 3, 14, tzinfo=timezone(timedelta(hours=2)))
    ledger.record([rejected("ada", created_at=east)], pass_id="p")

    (row,) = ledger.unresolved(limit=1)

    assert row.created_at == NOON
    assert row.created_at.tzinfo == NOON.tzinfo
    assert row.tried_at.tzinfo == NOON.tzinfo


def test_the_newest_outcome_of_a_customer_is_the_only_one(ledger: Ledger) -> None:
    ledger.record([rejected("ada"), outcome("bob")], pass_id="p1")
    ledger.record([outcome("ada", Result.UPDATED), rejected("ada"), outcome("ada", Result.UNCHANGED)], pass_id="p2")

    assert ledger.counts() == {**dict.fromkeys(Result, 0), Result.CREATED: 1, Result.UNCHANGED: 1}
    assert rows(ledger) == {}


@pytest.mark.parametrize("before", [Result.CREATED, Result.UPDATED, Result.UNCHANGED])
def test_an_unchanged_customer_that_is_on_record_as_arrived_is_not_written(ledger: Ledger, before: Result) -> None:
    with time_machine.travel(NOON, tick=False):
        ledger.record([outcome("ada", before)], pass_id="p1")
    known = every_row(ledger)

    with time_machine.travel(LATER, tick=False), write_transactions(ledger) as writes:
        ledger.record([outcome("ada", Result.UNCHANGED)], pass_id="p2")

    assert writes == []
    assert every_row(ledger) == known


@pytest.mark.parametrize(
    "changes",
    [
        {"record_id": "another record"},
        {"email": "ada@new.example"},
        {"urls": ("https://attio.example/new",)},
        {"created_at": LATER},
    ],
)
def test_an_unchanged_customer_of_whom_something_else_is_on_record_is_written(
    ledger: Ledger, changes: dict[str, Any]
) -> None:
    ledger.record([outcome("ada")], pass_id="p1")

    ledger.record([replace(outcome("ada", Result.UNCHANGED), **changes)], pass_id="p2")

    assert every_row(ledger)["ada"]["pass_id"] == "p2"
    assert every_row(ledger)["ada"]["outcome"] == "unchanged"


def test_an_unchanged_customer_that_failed_before_or_is_new_is_written(ledger: Ledger) -> None:
    ledger.record([rejected("ada")], pass_id="p1")

    ledger.record([outcome("ada", Result.UNCHANGED), outcome("bob", Result.UNCHANGED)], pass_id="p2")

    assert ledger.counts()[Result.UNCHANGED] == 2
    assert every_row(ledger)["ada"]["reason"] is None


def test_a_failure_that_repeats_itself_moves_only_the_time_of_the_try(ledger: Ledger) -> None:
    with time_machine.travel(NOON, tick=False):
        ledger.record([rejected("ada"), rejected("bob")], pass_id="p1")
    with time_machine.travel(LATER, tick=False):
        ledger.record([rejected("ada"), rejected("bob", Reason.ANONYMISED)], pass_id="p2")

    ada, bob = rows(ledger)["ada"], rows(ledger)["bob"]

    assert (ada.changed_at, ada.tried_at, ada.pass_id) == (NOON, LATER, "p1")
    assert (bob.changed_at, bob.tried_at, bob.pass_id) == (LATER, LATER, "p2")


def test_a_customer_that_is_updated_again_is_written_again(ledger: Ledger) -> None:
    ledger.record([outcome("ada", Result.UPDATED)], pass_id="p1")
    ledger.record([outcome("ada", Result.UPDATED)], pass_id="p2")

    assert every_row(ledger)["ada"]["pass_id"] == "p2"


def test_a_row_that_cannot_be_read_any_more_keeps_the_time_of_its_creation(ledger: Ledger) -> None:
    ledger.record([outcome("ada")], pass_id="p1")
    ledger.record([rejected("ada", Reason.UNREADABLE, created_at=None)], pass_id="p2")

    assert rows(ledger)["ada"].created_at == NOON


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "é\udfff", "\0", "plain", "Zoë 李小龙 😀"])
def test_a_text_that_a_database_refuses_costs_a_character_and_is_not_written_twice(ledger: Ledger, text: str) -> None:
    strange = rejected(f"id {text}", email=text, detail=text)
    ledger.record([strange, rejected("ada")], pass_id="p1")
    known = every_row(ledger)
    assert len(known) == 2

    ledger.record([strange], pass_id="p2")

    stored = every_row(ledger)[f"id {text}".replace("\0", "�").replace("\ud800", "�").replace("\udfff", "�")]
    assert stored["pass_id"] == "p1"
    assert ledger.recorded([f"id {text}"]) == {stored["polar_customer_id"]}


def test_nothing_to_record_opens_nothing(tmp_path: Any) -> None:
    Ledger(tmp_path / "ledger.db").record([], pass_id="p")

    assert list(tmp_path.iterdir()) == []


def test_a_pass_over_an_unchanged_book_begins_no_transaction_that_writes(ledger: Ledger) -> None:
    customers = [outcome(str(number)) for number in range(2 * PORTION + 7)]
    ledger.record(customers, pass_id="p1")

    with write_transactions(ledger) as writes, ledger.recording("p2") as recorder:
        recorder.record([replace(one, result=Result.UNCHANGED) for one in customers])

    assert writes == []


def test_a_hundred_thousand_unchanged_customers_write_one_row_that_of_the_pass(file: Path) -> None:
    ledger = Ledger(file)
    customers = [outcome(f"{number:06}") for number in range(100_000)]
    ledger.record(customers, pass_id="p1")
    unchanged = [replace(one, result=Result.UNCHANGED) for one in customers]

    with write_transactions(ledger) as writes:
        ledger.begin_pass("p2", kind="reconciliation", reason="test")
        with ledger.recording("p2") as recorder:
            for start in range(0, len(unchanged), PORTION):
                recorder.record(unchanged[start : start + PORTION])
        ledger.forget(ledger.not_among({one.customer_id for one in customers}))
        ledger.end_pass("p2", ended="finished", counts={"unchanged": len(customers)}, requests=1)

    assert len(writes) == len(["the beginning", "the end"])
    assert ledger.counts()[Result.CREATED] == len(customers)


def test_a_pass_that_ends_in_an_error_leaves_what_it_knew(ledger: Ledger) -> None:
    def run() -> None:
        with ledger.recording("p1") as recorder:
            recorder.record([outcome("ada")])
            recorder.record([outcome("bob")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()

    assert ledger.counts()[Result.CREATED] == 2


def test_a_long_pass_is_on_record_as_it_goes(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        recorder.record([outcome(str(number)) for number in range(PORTION - 1)])
        assert ledger.counts()[Result.CREATED] == 0
        recorder.record([outcome("one more")])

        assert ledger.counts()[Result.CREATED] == PORTION


def test_the_customers_that_are_forgotten_leave_and_no_others(ledger: Ledger) -> None:
    ledger.record([rejected("ada"), rejected("bob")], pass_id="p1")

    ledger.forget([])
    ledger.forget(["ada", "unknown"])

    assert ledger.to_retry(limit=10) == ["bob"]


def test_customers_that_are_not_among_those_of_the_book_are_found(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polar_attio_pipeline.ledger.ledger._PAGE", 10)
    ledger.record([outcome(f"c{number:03}") for number in range(95)], pass_id="p1")
    book = [f"c{number:03}" for number in range(0, 95, 2)] + ["unknown"]

    found = ledger.not_among(book)

    assert found == [f"c{number:03}" for number in range(1, 95, 2)]
    ledger.forget(found)
    assert ledger.recorded_between(*EVERYTHING) == book[:-1]
    assert ledger.not_among(set(book)) == []
    assert ledger.not_among(()) == book[:-1]


def test_a_failure_in_other_words_has_lasted_since_it_began(ledger: Ledger) -> None:
    for minute, detail in enumerate(("500, id 1", "500, id 2", "500, id 3")):
        with time_machine.travel(NOON + minute * MINUTE, tick=False):
            ledger.record([rejected("ada", Reason.NOT_TAKEN, detail=detail)], pass_id=f"p{minute}")

    (row,) = ledger.lasting({Reason.NOT_TAKEN}, since=NOON + MINUTE)
    assert (row.changed_at, row.tried_at, row.detail) == (NOON, NOON + 2 * MINUTE, "500, id 3")
    assert ledger.lasting({Reason.NOT_TAKEN}, since=NOON) == []
    assert ledger.lasting({Reason.UNANSWERED}, since=NOON + MINUTE) == []


def test_a_failure_for_another_reason_begins_anew(ledger: Ledger) -> None:
    with time_machine.travel(NOON, tick=False):
        ledger.record([rejected("ada", Reason.NOT_TAKEN)], pass_id="p1")
    with time_machine.travel(NOON + MINUTE, tick=False):
        ledger.record([rejected("ada", Reason.UNANSWERED)], pass_id="p2")

    assert ledger.lasting(set(Reason), since=NOON + MINUTE) == []

"""The ledger: one row a customer, the newest word on each."""

import multiprocessing
import threading
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
import time_machine

from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.ledger import PORTION, Ledger
from polar_attio_pipeline.storage import connect
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return LedgerResource(database=str(tmp_path / "ledger.duckdb")).open()


def outcome(customer_id: str, result: Result = Result.CREATED, **fields: Any) -> Outcome:
    given = {"email": f"{customer_id}@example.com", "created_at": NOON, **fields}
    return Outcome(customer_id=customer_id, result=result, **given)


def rejected(customer_id: str, reason: Reason = Reason.NO_EMAIL) -> Outcome:
    return outcome(customer_id, Result.REJECTED, reason=reason, detail="Give it an address.")


def test_an_outcome_is_kept_whole(ledger: Ledger) -> None:
    whole = Outcome(
        customer_id="ada",
        email="Ada@example.com",
        result=Result.AMBIGUOUS,
        created_at=NOON,
        reason=Reason.TWO_RECORDS,
        detail="Merge them.",
        record_id=None,
        urls=("https://one.example", "https://two.example"),
    )
    ledger.record([whole], run_id="run-1")

    (row,) = ledger.unresolved(limit=10)

    assert (row.polar_customer_id, row.email, row.outcome, row.reason) == (
        "ada",
        "Ada@example.com",
        "ambiguous",
        "two_records",
    )
    assert (row.detail, row.attio_record_id, row.attio_url) == (
        "Merge them.",
        None,
        "https://one.example https://two.example",
    )
    assert (row.created_at, row.run_id) == (NOON.replace(tzinfo=None), "run-1")


def test_the_columns_are_those_that_others_rely_on(ledger: Ledger) -> None:
    with connect(ledger.database) as connection:
        columns = [name for name, *_ in connection.execute("DESCRIBE attio_people").fetchall()]

    assert set(columns) >= {
        "polar_customer_id",
        "email",
        "outcome",
        "reason",
        "attio_record_id",
        "attio_url",
        "created_at",
        "synced_at",
        "run_id",
    }


def test_the_newest_outcome_of_a_customer_is_the_only_one(ledger: Ledger) -> None:
    ledger.record([rejected("ada"), outcome("bob")], run_id="run-1")
    ledger.record([outcome("ada", Result.UPDATED), rejected("ada"), outcome("ada", Result.UNCHANGED)], run_id="run-2")

    assert ledger.counts() == {**dict.fromkeys(Result, 0), Result.CREATED: 1, Result.UNCHANGED: 1}
    assert ledger.unresolved(limit=10) == []


def test_nothing_to_record_does_not_touch_the_file(ledger: Ledger) -> None:
    ledger.record([], run_id="run-1")

    assert not Path(ledger.database).exists()


def test_a_pass_that_ends_in_an_error_leaves_what_it_knew(ledger: Ledger) -> None:
    def run() -> None:
        with ledger.recording("run-1") as record:
            record([outcome("ada")])
            record([outcome("bob")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()

    assert ledger.counts()[Result.CREATED] == 2


def test_a_long_pass_is_on_record_as_it_goes(ledger: Ledger) -> None:
    with ledger.recording("run-1") as record:
        record([outcome(str(number)) for number in range(PORTION - 1)])
        assert ledger.counts()[Result.CREATED] == 0
        record([outcome("one more")])

        assert ledger.counts()[Result.CREATED] == PORTION


def test_who_waits_longest_comes_first(ledger: Ledger) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for name in ("carol", "ada", "bob"):
            ledger.record([rejected(name)], run_id="run-1")
            clock.shift(60)
        ledger.record([rejected("carol")], run_id="run-2")

    assert [row.polar_customer_id for row in ledger.unresolved(limit=2)] == ["ada", "bob"]
    assert [row.polar_customer_id for row in ledger.unresolved(limit=None)] == ["ada", "bob", "carol"]
    assert ledger.to_retry(limit=2) == ["ada", "bob"]


def test_rows_that_polar_could_not_show_are_unresolved_but_cannot_be_asked_for_one_by_one(ledger: Ledger) -> None:
    ledger.record([rejected("12 from the end", Reason.UNREADABLE), rejected("ada"), outcome("bob")], run_id="run-1")

    assert {row.polar_customer_id for row in ledger.unresolved(limit=10)} == {"12 from the end", "ada"}
    assert ledger.to_retry(limit=10) == ["ada"]


def test_whoever_is_forgotten_is_gone_and_nobody_else(ledger: Ledger) -> None:
    ledger.record([rejected("ada"), rejected("bob")], run_id="run-1")

    ledger.forget([])
    ledger.forget(["ada", "nobody"])

    assert ledger.to_retry(limit=10) == ["bob"]


def test_the_last_word_of_another_run_has_a_time_and_ones_own_does_not_count(ledger: Ledger) -> None:
    assert ledger.last_synced(not_by="run-1") is None
    with time_machine.travel(NOON, tick=False) as clock:
        ledger.record([outcome("ada")], run_id="run-1")
        clock.shift(timedelta(hours=1))
        ledger.record([outcome("bob")], run_id="run-2")

    assert ledger.last_synced(not_by="run-2") == NOON
    assert ledger.last_synced(not_by="run-1") == NOON + timedelta(hours=1)


def test_a_pass_that_was_killed_may_have_written_up_to_now(ledger: Ledger) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        begin_and_die(ledger, "killed")
        clock.shift(timedelta(hours=3))
        assert ledger.last_synced(not_by="run-2") == NOON + timedelta(hours=3)
        assert ledger.last_synced(not_by="killed") is None
        clock.shift(timedelta(days=1))
        assert ledger.last_synced(not_by="run-2") is None


def test_a_pass_that_ends_leaves_no_doubt_even_by_an_error(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.recording("run-1"):
        raise RuntimeError
    assert ledger.last_synced(not_by="run-2") is None


def begin_and_die(ledger: Ledger, run_id: str) -> None:
    """Begin a pass in a process of its own, and kill that."""
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=record_for_ever, args=(ledger.database, run_id, datetime.now(UTC), begun))
    process.start()
    begun.wait()
    process.kill()
    process.join()


def record_for_ever(database: Path | str, run_id: str, now: datetime, begun: Event) -> None:
    with time_machine.travel(now, tick=False), Ledger(database).recording(run_id):
        begun.set()
        threading.Event().wait()

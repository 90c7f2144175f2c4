"""Facts, confirmations and passes."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import time_machine

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.schema import PASSES
from polar_attio_pipeline_tests.ledger.builders import NOON


def passes(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger._database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(PASSES)).mappings()]


def test_a_fact_is_what_was_set_last(ledger: Ledger) -> None:
    assert ledger.fact("organization") is None

    ledger.set_fact("organization", "one")
    ledger.set_fact("organization", "two")
    ledger.set_fact("workspace", "three")

    assert (ledger.fact("organization"), ledger.fact("workspace")) == ("two", "three")


def test_a_confirmation_counts_once_however_often_it_was_given(ledger: Ledger) -> None:
    assert not ledger.take_confirmation("fewer customers")
    ledger.confirm("fewer customers")
    ledger.confirm("fewer customers")

    assert not ledger.take_confirmation("another thing")
    assert ledger.take_confirmation("fewer customers")
    assert not ledger.take_confirmation("fewer customers")


def test_a_pass_has_one_row_with_its_begin_and_its_end(ledger: Ledger) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        ledger.begin_pass("p1", kind="hourly", reason="the schedule")
        clock.shift(timedelta(minutes=2))
        ledger.end_pass("p1", ended="finished", counts={"created": 3, "updated": 0}, requests=12)

    assert passes(ledger) == [
        {
            "pass_id": "p1",
            "kind": "hourly",
            "reason": "the schedule",
            "began_at": NOON,
            "ended_at": NOON + timedelta(minutes=2),
            "ended": "finished",
            "counts": {"created": 3, "updated": 0},
            "requests": 12,
        }
    ]


def test_a_pass_that_was_killed_has_no_end_and_when_tried_again_it_begins_again(ledger: Ledger) -> None:
    ledger.begin_pass("p1", kind="hourly", reason="the schedule")
    ledger.end_pass("p1", ended="Attio is down.", counts={}, requests=1)

    ledger.begin_pass("p1", kind="hourly", reason="tried again")

    (row,) = passes(ledger)
    assert (row["reason"], row["ended"], row["ended_at"], row["requests"]) == ("tried again", None, None, None)


def test_a_fact_is_changed_with_no_other_writer_between(ledger: Ledger) -> None:
    ledger.counts()

    def count(known: str | None) -> str:
        # Long enough for others to come between, could they.
        time.sleep(0.01)
        return str(int(known or 0) + 1)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: ledger.update_fact("visits", count), range(12)))

    assert ledger.fact("visits") == "12"


def test_a_fact_that_stays_the_same_is_returned(ledger: Ledger) -> None:
    ledger.set_fact("start_date", "2026-11-01")

    assert ledger.update_fact("start_date", lambda known: known or "2026-11-20") == "2026-11-01"

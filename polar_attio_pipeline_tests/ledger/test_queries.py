"""What the ledger can be asked about outcomes."""

from datetime import timedelta

import time_machine

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline_tests.ledger.builders import NOON, outcome, rejected

MINUTE = timedelta(minutes=1)
UUID = "ada00000-0000-4000-8000-000000000001"


def test_a_new_ledger_answers_every_question(ledger: Ledger) -> None:
    assert ledger.counts() == dict.fromkeys(Result, 0)
    assert ledger.unresolved(limit=None) == []
    assert ledger.to_retry(limit=5) == []
    assert ledger.of_customers(["ada"]) == {}
    assert ledger.recorded(["ada"]) == set()
    assert ledger.recorded_between(NOON, NOON + MINUTE) == []
    assert ledger.record_ids(["ada"]) == {}
    assert ledger.refusals(["ada"]) == {}
    assert ledger.not_among([]) == []


def test_the_outcomes_of_some_customers_are_those_that_are_on_record(ledger: Ledger) -> None:
    ledger.record([rejected("ada"), outcome("bob"), outcome("carol")], pass_id="p1")

    found = ledger.of_customers(["ada", "bob", "dave"])

    assert {name: row.outcome for name, row in found.items()} == {"ada": "rejected", "bob": "created"}
    assert ledger.of_customers([]) == {}


def test_the_customer_that_was_not_tried_for_longest_comes_first(ledger: Ledger) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for name in ("carol", "ada", "bob"):
            ledger.record([rejected(name)], pass_id="p1")
            clock.shift(60)
        ledger.record([rejected("carol"), outcome("dave")], pass_id="p2")

    assert [row.polar_customer_id for row in ledger.unresolved(limit=2)] == ["ada", "bob"]
    assert [row.polar_customer_id for row in ledger.unresolved(limit=None)] == ["ada", "bob", "carol"]
    assert ledger.to_retry(limit=2) == ["ada", "bob"]


def test_a_row_that_polar_could_not_show_is_tried_again_only_by_an_id_that_it_showed(ledger: Ledger) -> None:
    unreadable = [rejected(name, Reason.UNREADABLE) for name in ("12 from the end", "f" * 64, "unknown", UUID)]
    ledger.record([*unreadable, rejected("ada"), outcome("bob")], pass_id="p1")

    assert len(ledger.unresolved(limit=10)) == 5
    assert sorted(ledger.to_retry(limit=10)) == sorted([UUID, "ada"])


def test_the_customers_of_a_time_are_those_created_in_it_its_end_excluded(ledger: Ledger) -> None:
    times = {"before": -1, "first": 0, "last": 59, "after": 60}
    ledger.record([outcome(name, created_at=NOON + MINUTE * n) for name, n in times.items()], pass_id="p1")
    ledger.record([rejected("timeless", created_at=None)], pass_id="p1")

    assert ledger.recorded_between(NOON, NOON + 60 * MINUTE) == ["first", "last"]


def test_more_customers_than_a_statement_takes_can_be_asked_for(ledger: Ledger) -> None:
    names = [f"c{number}" for number in range(2500)]
    ledger.record([outcome(name) for name in names[:2000]], pass_id="p1")

    assert ledger.recorded(names) == set(names[:2000])
    assert ledger.record_ids(names) == {name: f"record of {name}" for name in names[:2000]}


def test_a_record_is_known_only_where_there_is_exactly_one(ledger: Ledger) -> None:
    ledger.record([outcome("ada"), outcome("bob", Result.AMBIGUOUS, record_id=None)], pass_id="p1")

    assert ledger.record_ids(["ada", "bob", "carol"]) == {"ada": "record of ada"}


def test_what_attio_refused_is_known_by_its_fingerprint_and_what_was_said(ledger: Ledger) -> None:
    ledger.record([rejected("ada", Reason.REFUSED, fingerprint="f00"), rejected("bob")], pass_id="p1")

    assert ledger.refusals(["ada", "bob", "carol"]) == {"ada": ("f00", "Give it an address.")}

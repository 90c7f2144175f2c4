"""Customers that Polar no longer has: noted once, alive again without a trace, erased when their time is over."""

from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.ledger.builders import carry_out, outcome, rejected, write

LATER = datetime.now(UTC) + timedelta(days=1)


def fill(ledger: Ledger, *customer_ids: str) -> None:
    """Have customers with an outcome and a history."""
    with ledger.recording("p1") as recorder:
        for one in customer_ids:
            carry_out(recorder, write(one))
        recorder.record([outcome(one) for one in customer_ids])


def test_a_customer_of_whom_something_is_on_record_is_noted_when_it_is_forgotten(ledger: Ledger) -> None:
    fill(ledger, "ada", "bob")

    ledger.forget(["ada", "unknown"])

    assert ledger.deleted_since("ada") is not None
    assert ledger.deleted_since("bob") is None
    assert ledger.deleted_since("unknown") is None


def test_a_customer_that_is_found_missing_again_keeps_the_time_of_the_first_time(ledger: Ledger) -> None:
    fill(ledger, "ada")
    ledger.forget(["ada"])
    first = ledger.deleted_since("ada")

    ledger.forget(["ada"])

    assert ledger.deleted_since("ada") == first


def test_a_customer_that_is_alive_again_is_not_noted_any_more(ledger: Ledger) -> None:
    fill(ledger, "ada", "bob")
    ledger.forget(["ada", "bob"])

    ledger.record([rejected("ada")], pass_id="p2")

    assert ledger.deleted_since("ada") is None
    assert ledger.expire_deleted(LATER, limit=10) == ["bob"]
    assert len(ledger.changes_of_customer("ada")) == 1


def test_only_those_noted_before_the_moment_are_erased_and_no_more_than_the_limit(ledger: Ledger) -> None:
    fill(ledger, "ada", "bob", "cyd", "living")
    ledger.forget(["ada", "bob", "cyd"])
    assert ledger.expire_deleted(LATER - timedelta(days=2), limit=10) == []

    erased = ledger.expire_deleted(LATER, limit=2)

    assert len(erased) == 2
    assert [ledger.changes_of_customer(one) for one in erased] == [[], []]
    assert [ledger.deleted_since(one) for one in erased] == [None, None]
    assert len(ledger.expire_deleted(LATER, limit=2)) == 1
    assert ledger.expire_deleted(LATER, limit=2) == []
    assert len(ledger.changes_of_customer("living")) == 1


def test_the_history_of_a_person_stays_whom_a_living_customer_has_taken_over(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        carry_out(recorder, write("before", record_id="r1"))
        carry_out(recorder, write("after", record_id="r1"))
        recorder.record([outcome("before", record_id="r1"), outcome("after", record_id="r1")])
    ledger.forget(["before"])

    ledger.expire_deleted(LATER, limit=10)

    assert [row.polar_customer_id for row in ledger.changes_of_pass("p1")] == ["after"]


def test_old_history_goes_portion_by_portion_and_links_to_companies_stay(ledger: Ledger) -> None:
    with ledger.recording("p1") as recorder:
        for number in range(501):
            carry_out(recorder, write(f"customer {number}"))
        carry_out(recorder, Write("ada", "r1", (WrittenValue("company", None, None, "c1"),)))

    assert ledger.expire_changes(LATER - timedelta(days=2)) == 0
    assert [ledger.expire_changes(LATER) for _ in range(3)] == [500, 1, 0]
    assert [row.attribute for row in ledger.changes_of_pass("p1")] == ["company"]
    assert ledger.links(["r1"]) == {"r1": "c1"}


def test_old_passes_go_too(ledger: Ledger) -> None:
    ledger.begin_pass("p1", kind="hourly", reason="test")

    assert ledger.expire_passes(LATER - timedelta(days=2)) == 0
    assert ledger.expire_passes(LATER) == 1
    assert ledger.expire_passes(LATER) == 0

"""Customers that are left out: on record with their reason, counted as excluded at once, due again when that ends."""

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.audience import left_out
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.ledger.builders import NOON, outcome, rejected
from polar_attio_pipeline_tests.sync.builders import customer

UUID = "ada00000-0000-4000-8000-000000000001"


def test_who_is_left_out_since_when_and_why_is_on_record(ledger: Ledger) -> None:
    ledger.skip("ada", why="a test account")
    ledger.skip("bob")

    assert ledger.skipped() == {"ada", "bob"}
    assert [(row.polar_customer_id, row.why) for row in ledger.skipped_rows()] == [
        ("ada", "a test account"),
        ("bob", None),
    ]


def test_to_leave_out_again_keeps_the_time_and_takes_the_new_reason(ledger: Ledger) -> None:
    ledger.skip("ada", why="a test account")
    (before,) = ledger.skipped_rows()

    ledger.skip("ada", why="our own account")

    (after,) = ledger.skipped_rows()
    assert (after.skipped_at, after.why) == (before.skipped_at, "our own account")


def test_a_customer_that_failed_is_excluded_at_once_and_its_address_is_no_longer_on_record(ledger: Ledger) -> None:
    ledger.record([rejected("ada"), rejected("bob")], pass_id="p1")

    ledger.skip("ada")

    assert ledger.counts()[Result.EXCLUDED] == 1
    assert [row.polar_customer_id for row in ledger.unresolved(limit=None)] == ["bob"]
    assert ledger.of_customers(["ada"])["ada"].email is None


def test_a_pass_that_leaves_the_customer_out_finds_nothing_to_put_on_record(ledger: Ledger) -> None:
    ledger.record([outcome("ada")], pass_id="p1")
    ledger.skip("ada")
    before = ledger.of_customers(["ada"])

    ledger.record([left_out(customer("ada", "ada@example.com", created_at=NOON))], pass_id="p2")

    assert ledger.of_customers(["ada"]) == before


def test_the_person_of_a_customer_that_is_left_out_stays_on_record(ledger: Ledger) -> None:
    ledger.record([outcome("ada", record_id="r1", urls=("https://attio.example/r1",))], pass_id="p1")

    ledger.record([left_out(customer("ada", created_at=NOON))], pass_id="p2")

    assert ledger.record_ids(["ada"]) == {"ada": "r1"}
    assert ledger.of_customers(["ada"])["ada"].attio_url == "https://attio.example/r1"


def test_a_customer_that_is_left_out_no_longer_is_tried_with_those_that_failed(ledger: Ledger) -> None:
    ledger.record([rejected(UUID)], pass_id="p1")
    ledger.skip(UUID)
    assert ledger.to_retry(limit=10) == []

    assert ledger.unskip(UUID)

    assert ledger.to_retry(limit=10) == [UUID]
    assert ledger.skipped() == frozenset()
    assert not ledger.unskip(UUID)

"""What is old enough leaves the ledger at the end of a pass, in whole days, and no error of it spoils the pass."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.passes import retention
from polar_attio_pipeline.passes.retention import Expired, expire
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline_tests.passes.stage import Stage

NEVER = Rules(history_days=0, forget_deleted_days=0)


def in_days(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def deleted(stage: Stage) -> str:
    """A customer that was written, and that a pass has noticed to be deleted in Polar."""
    ada = stage.add("ada")
    stage.add("bob")
    stage.reconcile()
    stage.sandbox.polar.delete_customer(ada.id)
    stage.reconcile()
    return ada.id


def test_what_belongs_to_a_deleted_customer_goes_after_the_days_of_the_setting(stage: Stage) -> None:
    ada = deleted(stage)
    rules = Rules(history_days=0, forget_deleted_days=90)

    assert expire(stage.ledger, rules, now=in_days(90)) == Expired()
    assert stage.ledger.changes_of_customer(ada)
    assert expire(stage.ledger, rules, now=in_days(91)) == Expired(customers=1)

    assert stage.ledger.changes_of_customer(ada) == []
    assert not stage.ledger.is_on_record(ada)
    assert stage.ledger.customers_of_address("bob@example.com")


def test_a_customer_that_came_back_meanwhile_stays(stage: Stage) -> None:
    ada = deleted(stage)
    stage.ledger.set_fact("unrelated", "yes")
    again = stage.add("ada")
    stage.reconcile()

    expire(stage.ledger, Rules(), now=in_days(91))

    # The person is the new customer's: what was written to it, for either, is still there to be taken back.
    assert stage.ledger.changes_of_customer(ada) == []
    assert stage.ledger.changes_of_customer(again.id)


def test_history_and_passes_go_after_their_days(stage: Stage) -> None:
    stage.add("ada")
    report = stage.reconcile()
    assert report.counts
    rules = Rules(history_days=30, forget_deleted_days=0)

    assert expire(stage.ledger, rules, now=in_days(30)) == Expired()
    expired = expire(stage.ledger, rules, now=in_days(31))

    assert expired.changes > 1
    assert expired.passes == 1
    assert expire(stage.ledger, rules, now=in_days(31)) == Expired()


def test_zero_keeps_everything(stage: Stage) -> None:
    deleted(stage)

    assert expire(stage.ledger, NEVER, now=in_days(100_000)) == Expired()


def test_a_pass_does_it_at_its_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = deleted(stage)
    monkeypatch.setattr(retention, "_days_before", lambda now, _: now + timedelta(seconds=1))

    stage.reconcile()

    assert stage.ledger.changes_of_customer(ada) == []


def test_a_ledger_that_cannot_do_it_spoils_no_pass(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> list[str]:
        raise LedgerError("The ledger was locked.")

    stage.add("ada")
    monkeypatch.setattr(stage.ledger, "expire_deleted", fail)

    with caplog.at_level(logging.WARNING):
        assert stage.reconcile().counts

    assert "stays in the ledger until the next pass: The ledger was locked." in caplog.text


def test_it_ends_when_its_time_is_over_however_much_is_left(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.ledger, "expire_changes", lambda _: 500)

    began = time.monotonic()
    first = expire(stage.ledger, Rules(), now=in_days(0), seconds=0)
    more = expire(stage.ledger, Rules(), now=in_days(0), seconds=0.05)

    assert first.changes == 500
    assert more.changes > 500
    assert time.monotonic() - began < 5

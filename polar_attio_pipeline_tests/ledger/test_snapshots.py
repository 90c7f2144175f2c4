"""Snapshots: what a run kept of an hour comes out whole, for that run alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from polar_attio_pipeline.hours import HOUR, between
from polar_attio_pipeline.ledger import Ledger, Snapshot, snapshots
from polar_attio_pipeline.sync.outcomes import Outcome, Reason
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.ledger.builders import NOON, rejected
from polar_attio_pipeline_tests.sync.builders import customer

READ = NOON + 3 * HOUR
POLAR = READ + timedelta(seconds=7)


def snapshot(*customers: Customer, bad: tuple[Outcome, ...] = (), **fields: Any) -> Snapshot:
    given = {"read_at": READ, "polar_read_at": POLAR, "free_lease_token": None, **fields}
    return Snapshot(customers=customers, unreadable=bad, **given)


def bad_row(created_at: datetime | None = NOON) -> Outcome:
    detail = "Polar's answer does not parse."
    return rejected("not-a-uuid", Reason.UNREADABLE, email=None, created_at=created_at, detail=detail)


def numbered(count: int, **fields: Any) -> list[Customer]:
    return [customer(f"customer {number}", created_at=NOON, **fields) for number in range(count)]


def test_a_snapshot_comes_out_as_it_went_in(ledger: Ledger) -> None:
    mapped = (("metadata.tier", "pro \ud800\0"), ("metadata.seats", 3), ("metadata.ok", True), ("metadata.odd", None))
    moment = NOON + timedelta(microseconds=123_456)
    full = customer(created_at=moment, country="DE", external_id="usr_1", mapped=mapped)
    bare = customer("b", email=None, name=None, created_at=NOON + HOUR)
    kept = snapshot(bare, full, bad=(bad_row(), bad_row()), free_lease_token=7)

    ledger.save_snapshot("run", [NOON, NOON + HOUR], kept)

    assert ledger.load_snapshot("run", [NOON + HOUR, NOON]) == kept


@pytest.mark.parametrize("name", ["", " ", "Zoë 'O\"Brien", "李小龙", "a\nb", "nan", "None", "1e5", "%s", ":name"])
def test_a_name_is_kept_as_it_is(ledger: Ledger, name: str) -> None:
    ledger.save_snapshot("run", [NOON], snapshot(customer(name=name, created_at=NOON)))

    loaded = ledger.load_snapshot("run", [NOON])

    assert loaded
    assert [one.name for one in loaded.customers] == [name]


def test_hours_without_customers_are_kept_too(ledger: Ledger) -> None:
    ledger.save_snapshot("run", [NOON], snapshot())

    assert ledger.load_snapshot("run", [NOON]) == snapshot()


def test_another_runs_snapshot_is_none(ledger: Ledger) -> None:
    ledger.save_snapshot("run", [NOON], snapshot())

    assert ledger.load_snapshot("another run", [NOON]) is None


def test_a_snapshot_that_lacks_one_of_the_hours_is_none(ledger: Ledger) -> None:
    ledger.save_snapshot("run", [NOON], snapshot())
    ledger.save_snapshot("another run", [NOON + HOUR], snapshot())

    assert ledger.load_snapshot("run", [NOON, NOON + HOUR]) is None
    assert ledger.load_snapshot("run", []) is None


def test_some_of_a_runs_hours_bring_their_customers_only(ledger: Ledger) -> None:
    customers = [customer(f"c{number}", created_at=NOON + HOUR * number) for number in range(4)]
    ledger.save_snapshot("run", between(NOON, NOON + 3 * HOUR), snapshot(*customers))

    assert ledger.load_snapshot("run", [NOON, NOON + 2 * HOUR]) == snapshot(customers[0], customers[2])


def test_a_newer_snapshot_replaces_an_hour_and_leaves_its_neighbours(ledger: Ledger) -> None:
    old = [customer(f"c{number}", created_at=NOON + HOUR * number) for number in range(3)]
    ledger.save_snapshot("run", between(NOON, NOON + 2 * HOUR), snapshot(*old))
    new = snapshot(customer("new", created_at=NOON + HOUR))

    ledger.save_snapshot("another run", [NOON + HOUR], new)

    assert ledger.load_snapshot("another run", [NOON + HOUR]) == new
    assert ledger.load_snapshot("run", [NOON, NOON + 2 * HOUR]) == snapshot(old[0], old[2])
    assert ledger.load_snapshot("run", between(NOON, NOON + 2 * HOUR)) is None


def test_hours_that_a_run_read_at_different_times_are_together_as_old_as_the_oldest(ledger: Ledger) -> None:
    ledger.save_snapshot("run", [NOON], snapshot(free_lease_token=3))
    later = snapshot(free_lease_token=4, read_at=READ + HOUR, polar_read_at=POLAR + HOUR)
    ledger.save_snapshot("run", [NOON + HOUR], later)

    assert ledger.load_snapshot("run", [NOON + HOUR]) == later
    assert ledger.load_snapshot("run", [NOON, NOON + HOUR]) == snapshot(free_lease_token=None)


@pytest.mark.parametrize("created_at", [None, NOON - 5 * HOUR, NOON + 5 * HOUR])
def test_a_row_whose_time_lies_in_none_of_the_hours_is_not_lost(ledger: Ledger, created_at: datetime | None) -> None:
    kept = snapshot(bad=(bad_row(created_at),))

    ledger.save_snapshot("run", [NOON, NOON + HOUR], kept)

    assert ledger.load_snapshot("run", [NOON, NOON + HOUR]) == kept


def test_a_range_of_a_year_with_many_customers_is_kept_in_order(ledger: Ledger) -> None:
    hours = between(NOON, NOON + 8759 * HOUR)
    customers = [replace(one, created_at=hours[n % 8760]) for n, one in enumerate(numbered(2000))]

    ledger.save_snapshot("run", hours, snapshot(*customers))

    assert ledger.load_snapshot("run", hours) == snapshot(*customers)


def test_a_process_that_dies_while_storing_leaves_the_older_snapshot_with_its_older_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def die(*_: Any) -> None:
        raise KilledError

    older = snapshot(customer(created_at=NOON))
    ledger.save_snapshot("run", [NOON], older)

    with monkeypatch.context() as patched:
        # After the old rows were deleted and the new times are noted, before the new rows are inserted.
        patched.setattr(snapshots, "_rows", die)
        with pytest.raises(KilledError):
            ledger.save_snapshot("run", [NOON], snapshot(read_at=READ + HOUR))

    assert ledger.load_snapshot("run", [NOON]) == older


def test_a_snapshot_is_dropped_with_its_names_and_addresses_when_a_pass_ends_a_week_later(ledger: Ledger) -> None:
    ledger.save_snapshot("old", [NOON], snapshot(customer(created_at=NOON)))
    ledger.save_snapshot("new", [NOON + HOUR], snapshot(customer("b", created_at=NOON + HOUR), read_at=READ + HOUR))
    ledger.begin_pass("p1", kind="hourly", reason="test")

    with time_machine.travel(READ + snapshots.KEPT, tick=False):
        ledger.end_pass("p1", ended="finished", counts={}, requests=0)
    assert ledger.load_snapshot("old", [NOON]) is not None

    with time_machine.travel(READ + snapshots.KEPT + timedelta(seconds=1), tick=False):
        ledger.end_pass("p1", ended="finished", counts={}, requests=0)
    assert ledger.load_snapshot("old", [NOON]) is None
    assert ledger.load_snapshot("new", [NOON + HOUR]) is not None
    with ledger._database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM polar_customers")).scalar_one() == 1

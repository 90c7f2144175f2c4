"""The snapshot of subscriptions: one reading comes out as it went in, for its run alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import time_machine

from polar_attio_pipeline.ledger import Ledger, SubscriptionSnapshot, subscriptions
from polar_attio_pipeline.sync.purchases import Subscription
from polar_attio_pipeline_tests.ledger.builders import NOON

FULL = Subscription(
    id="s1",
    customer_id="ada",
    status="active",
    product="Pro \ud800 'Ü\0",
    amount=900,
    currency="USD",
    interval="month",
    interval_count=3,
    started_at=NOON,
    current_period_end=NOON + timedelta(days=30),
    trial_end=NOON + timedelta(microseconds=1),
    cancel_at_period_end=True,
    ends_at=NOON + timedelta(days=90),
    ended_at=NOON + timedelta(days=91),
    seats=4,
    cancellation_reason="too_expensive",
)
BARE = Subscription("s2", "bob", "trialing", "Free", 0, "JPY", "year", 1)


def snapshot(*some: Subscription, **fields: object) -> SubscriptionSnapshot:
    given = SubscriptionSnapshot(some, {}, NOON, NOON + timedelta(seconds=7), None)
    return replace(given, **fields)  # type: ignore[arg-type]  # a test names what it is about


@pytest.mark.parametrize("kept", [snapshot(), snapshot(FULL, BARE, problems={"eve": "amount: ?"}, free_lease_token=3)])
def test_a_snapshot_comes_out_as_it_went_in(ledger: Ledger, kept: SubscriptionSnapshot) -> None:
    ledger.save_subscriptions("run", kept)

    assert ledger.load_subscriptions("run") == kept


def test_another_run_has_none(ledger: Ledger) -> None:
    ledger.save_subscriptions("run", snapshot(FULL))

    assert ledger.load_subscriptions("another run") is None


def test_the_next_reading_takes_its_place_whole(ledger: Ledger) -> None:
    ledger.save_subscriptions("run 1", snapshot(*(replace(BARE, id=f"s{number}") for number in range(4500))))
    ledger.save_subscriptions("run 2", snapshot(FULL))

    assert ledger.load_subscriptions("run 1") is None
    assert ledger.load_subscriptions("run 2") == snapshot(FULL)


def test_thousands_are_a_few_rows(ledger: Ledger) -> None:
    many = snapshot(*(replace(BARE, id=f"s{number}") for number in range(4500)), problems={"eve": "?"})

    ledger.save_subscriptions("run", many)

    assert ledger.load_subscriptions("run") == many
    with ledger._database.reading() as connection:
        counts = connection.execute(sa.text("SELECT subscriptions FROM polar_subscriptions ORDER BY portion")).scalars()
        assert list(counts) == [2000, 2000, 500]


def test_what_is_too_old_goes_with_the_next_pass_and_everything_with_an_erased_person(ledger: Ledger) -> None:
    ledger.save_subscriptions("run", snapshot(FULL))
    with time_machine.travel(NOON + timedelta(days=8), tick=False):
        ledger.begin_pass("p", kind="hourly", reason="test")
        ledger.end_pass("p", ended="finished", counts={}, requests=0)
    assert ledger.load_subscriptions("run") is None

    ledger.save_subscriptions("run", snapshot(FULL, BARE, read_at=datetime.now(UTC)))
    ledger.erase("ada")
    assert ledger.load_subscriptions("run") is None


def test_every_field_that_is_a_moment_comes_back_as_one() -> None:
    moments = {name for name in subscriptions._FIELDS if isinstance(getattr(FULL, name), datetime)}

    assert moments == subscriptions._MOMENTS

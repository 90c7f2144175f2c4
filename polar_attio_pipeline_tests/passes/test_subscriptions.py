"""Subscriptions that a step before the reconciliation has read: when the pass uses them, and when it reads anew."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from polar_attio_pipeline.ledger import SubscriptionSnapshot
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.subscriptions import SubscriptionsRead, read_subscriptions
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline_tests.passes.stage import Stage

PATH = "/v1/subscriptions/"


def subscribe(stage: Stage, customer: Customer) -> str:
    billing = stage.sandbox.polar.billing
    return billing.subscribe(customer.id, billing.product("Pro", amount=900), at=stage.here + timedelta(hours=1)).id


def read(stage: Stage) -> SubscriptionsRead:
    async def run() -> SubscriptionsRead:
        async with stage.context() as context:
            return await read_subscriptions(context.polar, context.ledger)

    return stage.run(run())


def snapshot(stage: Stage) -> SubscriptionSnapshot:
    found = read(stage).snapshot
    assert found is not None
    return found


def reconcile_with(stage: Stage, given: SubscriptionSnapshot) -> int:
    """Reconcile with a snapshot, and return how many requests for subscriptions that took."""

    async def run() -> None:
        async with stage.context() as context:
            await reconcile(context, given)

    before = scans(stage)
    stage.run(run())
    return scans(stage) - before


def scans(stage: Stage) -> int:
    return stage.sandbox.traffic.count(service="polar", route=PATH)


def status(stage: Stage, customer: Customer) -> object:
    person = stage.person_of(customer.id)
    assert person is not None
    return person.values.get("polar_status")


def test_a_snapshot_of_a_moment_ago_is_what_the_pass_writes_from(stage: Stage) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    subscribe(stage, ada)
    given = snapshot(stage)

    assert reconcile_with(stage, given) == 0

    assert (status(stage, ada), status(stage, bob)) == ("Paying", "Never paid")
    writes = stage.writes
    stage.reconcile()
    assert stage.writes == writes


def is_old(given: SubscriptionSnapshot, stage: Stage) -> SubscriptionSnapshot:
    return replace(given, read_at=given.read_at - timedelta(minutes=6))


def is_followed_by_a_pass(given: SubscriptionSnapshot, stage: Stage) -> SubscriptionSnapshot:
    stage.hourly()
    return given


def was_read_during_a_pass(given: SubscriptionSnapshot, stage: Stage) -> SubscriptionSnapshot:
    return replace(given, free_lease_token=None)


@pytest.mark.parametrize("change", [is_old, is_followed_by_a_pass, was_read_during_a_pass])
def test_a_snapshot_is_read_anew_where_somebody_may_have_written_since(
    stage: Stage, change: Callable[[SubscriptionSnapshot, Stage], SubscriptionSnapshot]
) -> None:
    ada = stage.add("ada")
    subscription = subscribe(stage, ada)
    given = change(snapshot(stage), stage)
    stage.sandbox.polar.billing.revoke(subscription)

    assert reconcile_with(stage, given) > 0

    assert status(stage, ada) == "Churned"


def test_a_customer_who_came_since_the_snapshot_is_read_by_itself(stage: Stage) -> None:
    given = snapshot(stage)
    ada = stage.sandbox.polar.add_customer(email="ada@example.com", created_at=datetime.now(UTC))
    billing = stage.sandbox.polar.billing
    billing.subscribe(ada.id, billing.product("Pro", amount=900))

    assert reconcile_with(stage, given) == 1

    assert status(stage, ada) == "Paying"


def test_customers_whose_subscriptions_could_not_be_read_keep_what_they_have_and_are_named(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada)
    stage.reconcile()
    given = replace(snapshot(stage), subscriptions=(), problems={ada.id: "amount: ?"})
    writes = stage.writes

    reconcile_with(stage, given)

    assert stage.writes == writes
    assert status(stage, ada) == "Paying"
    assert f"{ada.id}: amount: ?" in caplog.text


def test_a_reading_without_the_scope_says_so_and_warns_of_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    token = stage.sandbox.polar.tokens[POLAR_TOKEN]
    token.scopes = token.scopes - {"subscriptions:read", "subscriptions:write"}

    found = read(stage)

    assert found.snapshot is None
    assert "subscriptions:read" in (found.problem or "")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_reading_that_fails_is_an_answer_with_its_reason(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", path=PATH, status=500))

    found = read(stage)

    assert found.snapshot is None
    assert "500" in (found.problem or "")
    assert found.requests > 0
    assert "could not be read ahead of the reconciliation" in caplog.text

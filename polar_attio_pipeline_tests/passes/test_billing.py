"""What customers pay, on its way to Attio: in each pass, with scopes missing, and with Polar's lists failing."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.passes.progress import BillingRead, Ended, Event
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.passes.story import sentences
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.billing_rows import Product, Subscription
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sync.attributes import BY_KEY, ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline_tests.passes.stage import PEOPLE, Stage

OF_SUBSCRIPTIONS = "/v1/subscriptions/"
OF_ORDERS = "/v1/orders/"
Run = Callable[[Stage], object]


def hourly(stage: Stage) -> object:
    return stage.hourly()


def reconciling(stage: Stage) -> object:
    return stage.reconcile()


EACH_PASS = pytest.mark.parametrize("run", [hourly, reconciling], ids=["hourly", "reconciliation"])


def product(stage: Stage, name: str = "Pro", **fields: Any) -> Product:
    return stage.sandbox.polar.billing.product(name, **{"amount": 900, **fields})


def subscribe(stage: Stage, customer: Customer, name: str = "Pro", **fields: Any) -> Subscription:
    """Begin a subscription, an hour after the hour in which customers of these tests come."""
    given = {"at": stage.here + timedelta(hours=1), **fields}
    return stage.sandbox.polar.billing.subscribe(customer.id, product(stage, name), **given)


def held(stage: Stage, customer: Customer, key: str) -> Any:
    """What Attio holds of a customer; None where it holds nothing."""
    person = stage.person_of(customer.id)
    assert person is not None
    return person.values.get(key)


def take_away(stage: Stage, *scopes: str) -> None:
    token = stage.sandbox.polar.tokens[POLAR_TOKEN]
    # The scope to write a thing is one to read it too.
    token.scopes = token.scopes - {*scopes, *(scope.replace(":read", ":write") for scope in scopes)}


def fail(stage: Stage, path: str, **fields: Any) -> None:
    stage.sandbox.faults.add(Fault(**{"kind": Kind.STATUS, "service": "polar", "path": path, "status": 500, **fields}))


def requests(stage: Stage, path: str) -> int:
    return stage.sandbox.traffic.count(service="polar", route=path)


@EACH_PASS
def test_a_pass_writes_what_a_customer_pays_and_a_second_one_writes_nothing(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada)
    subscribe(stage, ada, "Storage", amount=12_000, interval="year")

    run(stage)

    assert held(stage, ada, "polar_status") == "Paying"
    assert held(stage, ada, "polar_products") == "Pro, Storage"
    assert held(stage, ada, "polar_mrr") == 19
    assert held(stage, ada, "polar_lifetime_value") == 129
    assert held(stage, ada, "polar_renews_at") is not None

    writes = stage.writes
    run(stage)
    assert stage.writes == writes


def test_the_hourly_pass_and_the_reconciliation_agree(stage: Stage) -> None:
    customers = [stage.add(who) for who in ("ada", "bob", "eve", "zoe")]
    subscribe(stage, customers[0])
    ended = subscribe(stage, customers[1])
    stage.sandbox.polar.billing.revoke(ended.id)
    subscribe(stage, customers[2], trial_days=30, at=datetime.now(UTC))
    stage.hourly()
    writes = stage.writes

    stage.reconcile()

    assert stage.writes == writes
    assert [held(stage, one, "polar_status") for one in customers] == ["Paying", "Churned", "Trialing", "Never paid"]


@EACH_PASS
def test_from_paying_to_canceling_to_churned(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    subscription = subscribe(stage, ada)
    run(stage)

    stage.sandbox.polar.billing.cancel(subscription.id, "too_expensive")
    run(stage)

    assert held(stage, ada, "polar_status") == "Canceling"
    assert held(stage, ada, "polar_renews_at") is None
    assert held(stage, ada, "polar_ends_at") is not None
    assert held(stage, ada, "polar_churn_reason") == "too_expensive"
    assert held(stage, ada, "polar_mrr") == 9

    stage.sandbox.polar.billing.revoke(subscription.id)
    run(stage)

    assert held(stage, ada, "polar_status") == "Churned"
    assert held(stage, ada, "polar_mrr") == 0
    assert held(stage, ada, "polar_products") is None
    writes = stage.writes
    run(stage)
    assert stage.writes == writes


def test_a_reconciliation_brings_what_changed_since_the_last_one_and_nothing_else(stage: Stage) -> None:
    ada, *_ = stage.add_many(5)
    stage.reconcile()
    assert held(stage, ada, "polar_status") == "Never paid"
    writes = stage.writes

    subscribe(stage, ada)
    stage.reconcile()

    assert held(stage, ada, "polar_status") == "Paying"
    assert stage.writes == writes + 1


def test_refunds_reach_the_lifetime_value(stage: Stage) -> None:
    ada = stage.add("ada")
    order = stage.sandbox.polar.billing.buy_once(ada.id, product(stage, "Book", amount=2_000, interval=None))
    stage.hourly()
    assert held(stage, ada, "polar_status") == "Bought once"
    assert held(stage, ada, "polar_lifetime_value") == 20

    stage.sandbox.polar.billing.refund(order.id, 500)
    stage.reconcile()

    assert held(stage, ada, "polar_lifetime_value") == 15


@EACH_PASS
def test_of_two_currencies_nothing_is_added_up_and_it_is_said_of_that_customer(stage: Stage, run: Run) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    subscribe(stage, ada)
    subscribe(stage, ada, "Storage", currency="eur")
    subscribe(stage, bob)

    run(stage)

    assert held(stage, ada, "polar_mrr") is None
    assert held(stage, ada, "polar_products") == "Pro, Storage"
    assert held(stage, bob, "polar_mrr") == 9
    assert held(stage, bob, "polar_status") == held(stage, ada, "polar_status") == "Paying"


@EACH_PASS
@pytest.mark.parametrize(
    ("scope", "lacking", "written"),
    [
        (SUBSCRIPTIONS, ("polar_status", "polar_mrr", "polar_products"), ("polar_lifetime_value",)),
        (ORDERS, ("polar_lifetime_value", "polar_last_paid_at"), ("polar_status", "polar_mrr", "polar_products")),
    ],
    ids=[SUBSCRIPTIONS, ORDERS],
)
def test_without_a_scope_its_part_is_off_and_all_else_works(  # noqa: PLR0917  # as pytest gives it
    stage: Stage,
    caplog: pytest.LogCaptureFixture,
    run: Run,
    scope: str,
    lacking: tuple[str, ...],
    written: tuple[str, ...],
) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada)
    take_away(stage, scope)
    caplog.set_level(logging.INFO, logger="polar_attio_pipeline")

    run(stage)

    assert all(held(stage, ada, key) is None for key in lacking)
    assert all(held(stage, ada, key) is not None for key in written)
    about = [record for record in caplog.records if scope in record.getMessage()]
    assert [record.levelno for record in about] == [logging.INFO]


def test_a_scope_that_is_taken_away_later_leaves_what_was_written(stage: Stage) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada)
    stage.reconcile()
    take_away(stage, SUBSCRIPTIONS)
    writes = stage.writes

    stage.reconcile()

    assert stage.writes == writes
    assert held(stage, ada, "polar_status") == "Paying"


@EACH_PASS
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"kind": Kind.REFUSE, "status": 422}], ids=str)
def test_subscriptions_that_fail_for_ever_harm_no_customer_and_are_reported(
    stage: Stage, run: Run, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    subscribe(stage, ada)
    run(stage)
    assert held(stage, ada, "polar_status") == "Paying"
    stage.sandbox.polar.update_customer(bob.id, name="Robert Example")
    fail(stage, OF_SUBSCRIPTIONS, **fault)

    run(stage)

    assert held(stage, bob, "name") == "Robert Example"
    assert held(stage, ada, "polar_status") == "Paying"
    assert "Polar's subscriptions could not be read" in caplog.text


def test_orders_that_fail_change_no_status_that_they_decide(stage: Stage) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    ended = subscribe(stage, ada, amount=0)
    stage.sandbox.polar.billing.revoke(ended.id)
    stage.sandbox.polar.billing.buy_once(bob.id, product(stage, "Book", interval=None))
    stage.reconcile()
    before = [held(stage, one, "polar_status") for one in (ada, bob)]
    writes = stage.writes
    fail(stage, OF_ORDERS)

    stage.reconcile()

    assert before == ["Never paid", "Bought once"]
    assert [held(stage, one, "polar_status") for one in (ada, bob)] == before
    assert stage.writes == writes


def test_while_orders_fail_what_subscriptions_tell_is_written(stage: Stage) -> None:
    ada = stage.add("ada")
    subscription = subscribe(stage, ada)
    stage.reconcile()
    stage.sandbox.polar.billing.revoke(subscription.id)
    fail(stage, OF_ORDERS)

    stage.reconcile()

    assert held(stage, ada, "polar_mrr") == 0
    assert held(stage, ada, "polar_products") is None


def test_while_subscriptions_fail_what_orders_tell_is_written(stage: Stage) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada)
    stage.reconcile()
    stage.sandbox.polar.billing.buy_once(ada.id, product(stage, "Book", amount=2_000, interval=None))
    fail(stage, OF_SUBSCRIPTIONS)

    stage.reconcile()

    assert held(stage, ada, "polar_lifetime_value") == 29
    assert held(stage, ada, "polar_status") == "Paying"


def test_orders_that_polar_cannot_show_of_one_customer_cost_what_follows_from_them_alone(stage: Stage) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada)
    fail(stage, OF_ORDERS, contains=ada.id)

    stage.hourly()

    assert held(stage, ada, "polar_status") == "Paying"
    assert held(stage, ada, "polar_lifetime_value") is None


@EACH_PASS
def test_while_orders_fail_a_customer_in_trial_who_may_have_paid_before_waits(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada, trial_days=30, at=datetime.now(UTC))
    stage.sandbox.polar.billing.buy_once(ada.id, product(stage, "Book", interval=None))
    stage.rules = Rules(audience=Audience.EVER_PAID)
    fail(stage, OF_ORDERS)

    run(stage)

    assert stage.person_of(ada.id) is None
    assert stage.ledger.to_retry(limit=10) == [ada.id]

    stage.sandbox.faults.clear()
    run(stage)
    assert held(stage, ada, "polar_status") == "Trialing"


def test_orders_are_read_for_the_status_alone_too(stage: Stage) -> None:
    ada = stage.add("ada")
    stage.sandbox.polar.billing.buy_once(ada.id, product(stage, "Book", interval=None))
    attributes = stage.sandbox.attio.people_type.attributes
    attributes[:] = [one for one in attributes if one.slug not in {"polar_lifetime_value", "polar_last_paid_at"}]

    stage.hourly()

    assert held(stage, ada, "polar_status") == "Bought once"


def test_what_could_not_be_read_is_part_of_what_a_pass_says_at_its_end(stage: Stage) -> None:
    stage.add("ada")
    fail(stage, OF_SUBSCRIPTIONS)
    heard: list[Event] = []

    async def run() -> None:
        async with stage.context(report=heard.append) as context:
            await reconcile(context)

    stage.run(run())

    (ended,) = [event for event in heard if isinstance(event, Ended)]
    assert any("Polar's subscriptions could not be read" in line for line in sentences(ended))


def test_a_preview_says_what_it_could_not_read(stage: Stage) -> None:
    stage.add("ada")
    fail(stage, OF_SUBSCRIPTIONS)

    assert any("subscriptions could not be read" in note for note in stage.preview().notes)
    assert any("subscriptions could not be read" in note for note in stage.preview(hour=0).notes)


def test_a_preview_plans_what_the_pass_writes(stage: Stage) -> None:
    ada = stage.add("ada")
    subscribe(stage, ada)

    planned = {change.key: change.new for plan in stage.preview().plans for change in plan.changes}
    assert planned["polar_status"] == "Paying"
    assert planned == {change.key: change.new for plan in stage.preview(hour=0).plans for change in plan.changes}
    stage.reconcile()

    assert held(stage, ada, "polar_status") == "Paying"
    assert not [plan for plan in stage.preview().plans if plan.writes]


def test_a_customer_whose_subscription_polar_cannot_show_is_named_and_costs_no_other(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    subscribe(stage, ada)
    subscribe(stage, bob)
    fail(stage, OF_SUBSCRIPTIONS, contains=ada.id)

    stage.hourly()

    assert held(stage, bob, "polar_status") == "Paying"
    assert held(stage, ada, "polar_status") is None
    assert ada.id in caplog.text
    assert "ada@example.com" not in caplog.text


def test_a_row_that_polar_cannot_serialise_has_the_others_read_around_it(stage: Stage) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    subscribe(stage, ada)
    subscribe(stage, bob)
    stage.sandbox.polar.break_customer(ada.id)

    stage.reconcile()

    assert stage.person_of(ada.id) is None
    assert held(stage, bob, "polar_status") == "Paying"
    assert held(stage, bob, "polar_lifetime_value") == 9


def test_very_many_subscriptions_that_no_order_tells_apart_are_read_in_portions(stage: Stage) -> None:
    teams = [
        stage.add(f"team{number}", email=None, type="team", hour=number // 60, minute=number % 60)
        for number in range(150)
    ]
    for number, team in enumerate(teams):
        stage.sandbox.polar.add_member(team.id, email=f"owner{number}@example.com", name="Owen Owner")
        subscribe(stage, team)

    stage.reconcile()

    assert {held(stage, team, "polar_status") for team in teams} == {"Paying"}


def test_a_customer_who_came_since_the_scan_is_read_by_itself(stage: Stage) -> None:
    ada = stage.sandbox.polar.add_customer(email="ada@example.com", created_at=datetime.now(UTC))

    stage.reconcile()

    assert held(stage, ada, "polar_status") == "Never paid"
    # For the scan, and this customer.
    assert requests(stage, OF_SUBSCRIPTIONS) == requests(stage, OF_ORDERS) == 2


@EACH_PASS
def test_nothing_is_read_where_no_attribute_of_the_workspace_needs_it(stage: Stage, run: Run) -> None:
    subscribe(stage, stage.add("ada"))
    attributes = stage.sandbox.attio.people_type.attributes
    billed = {key for key, attribute in BY_KEY.items() if attribute.scope in {SUBSCRIPTIONS, ORDERS}}
    attributes[:] = [one for one in attributes if one.slug not in billed]

    run(stage)

    assert requests(stage, OF_SUBSCRIPTIONS) == requests(stage, OF_ORDERS) == 0


def test_an_hour_without_customers_reads_no_billing(stage: Stage) -> None:
    stage.hourly()

    assert requests(stage, OF_SUBSCRIPTIONS) == requests(stage, OF_ORDERS) == 0


def test_a_reconciliation_tells_what_it_has_scanned(stage: Stage) -> None:
    subscribe(stage, stage.add("ada"))
    heard: list[Event] = []

    async def run() -> None:
        async with stage.context(report=heard.append) as context:
            await reconcile(context)

    stage.run(run())

    lines = [line for event in heard if isinstance(event, BillingRead) for line in sentences(event)]
    assert lines == ["Read 1 subscription of 1 customer from Polar.", "Read 1 order of 1 customer from Polar."]


def test_a_token_that_is_not_accepted_any_more_ends_the_reading(stage: Stage) -> None:
    stage.add("ada")
    stage.sandbox.faults.add(Fault(kind=Kind.REVOKED, service="polar", path=OF_SUBSCRIPTIONS))

    with pytest.raises(FatalError, match="POLAR_ACCESS_TOKEN"):
        stage.reconcile()

    assert stage.writes == 0


def test_customers_who_are_tried_again_have_their_billing(stage: Stage) -> None:
    ada = stage.add("ada")
    stage.sandbox.faults.add(Fault(kind=Kind.REFUSE, service="attio", method="POST", path=PEOPLE, status=400))
    stage.hourly()
    assert stage.person_of(ada.id) is None
    stage.sandbox.faults.clear()
    subscribe(stage, ada)

    stage.hourly(1, retry_unresolved=True)

    assert held(stage, ada, "polar_status") == "Paying"


def test_customers_are_read_while_subscriptions_are_scanned(stage: Stage) -> None:
    everybody = stage.add_many(250)
    for one in everybody:
        subscribe(stage, one)
    stage.reconcile()
    stage.sandbox.traffic.reset()
    stage.sandbox.faults.add(Fault(kind=Kind.LATENCY, service="polar", seconds=0.02))
    stage.reconcile()
    asked = [seen["path"] for seen in stage.sandbox.traffic.log]
    last_of_scan = len(asked) - asked[::-1].index(OF_SUBSCRIPTIONS) - 1
    assert asked.index("/v1/customers/") < last_of_scan

"""What follows from subscriptions and orders beside the status: revenue, products, dates, seats, what was ever paid."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.sync.billing import Billing, billing
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.purchases import Order, Subscription
from polar_attio_pipeline.sync.status import Status

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def subscription(**fields: Any) -> Subscription:
    defaults: dict[str, Any] = {
        "id": "sub",
        "customer_id": "ada",
        "status": "active",
        "product": "Pro",
        "amount": 1000,
        "currency": "USD",
        "interval": "month",
        "interval_count": 1,
        "started_at": NOW - 60 * DAY,
        "current_period_end": NOW + 10 * DAY,
    }
    return Subscription(**(defaults | fields))


def order(**fields: Any) -> Order:
    defaults: dict[str, Any] = {
        "customer_id": "ada",
        "status": "paid",
        "net": 1000,
        "refunded": 0,
        "currency": "USD",
        "created_at": NOW - 9 * DAY,
        "of_subscription": True,
    }
    return Order(**(defaults | fields))


def of(*subscriptions: Subscription, orders: list[Order] | None = None) -> Billing:
    return billing(subscriptions, orders, now=NOW)


# Monthly recurring revenue.


@pytest.mark.parametrize(
    ("status", "earns"),
    [
        ("active", True),
        ("past_due", True),
        ("trialing", False),
        ("paused", False),
        ("canceled", False),
        ("unpaid", False),
        ("incomplete", False),
        ("incomplete_expired", False),
    ],
)
def test_only_money_that_comes_or_is_expected_is_revenue(status: str, *, earns: bool) -> None:
    assert of(subscription(status=status)).mrr == ((Money(1000, "USD"),) if earns else ())


def test_a_subscription_that_is_set_to_end_earns_until_it_ends() -> None:
    assert of(subscription(cancel_at_period_end=True, ends_at=NOW + DAY)).mrr == (Money(1000, "USD"),)
    assert of(subscription(cancel_at_period_end=True, ends_at=NOW)).mrr == ()


def test_each_subscription_is_rounded_by_itself_as_polar_does() -> None:
    quarterly = subscription(amount=1000, interval_count=3)

    assert of(quarterly, quarterly, quarterly).mrr == (Money(999, "USD"),)


def test_revenue_is_not_summed_over_currencies() -> None:
    found = of(subscription(), subscription(currency="EUR", amount=900), subscription(currency="JPY", amount=5000))

    assert found.mrr == (Money(900, "EUR"), Money(5000, "JPY"), Money(1000, "USD"))


@pytest.mark.parametrize("amount", [0, -1000])
def test_a_free_subscription_in_another_currency_is_not_in_the_way(amount: int) -> None:
    assert of(subscription(), subscription(currency="EUR", amount=amount)).mrr == (Money(1000, "USD"),)


def test_of_an_interval_that_is_not_known_the_revenue_is_not_said_and_all_else_is() -> None:
    found = of(subscription(), subscription(interval="fortnight", product="New"))

    assert found.mrr is None
    assert found.status is Status.PAYING
    assert found.products == ("New", "Pro")
    assert found.is_certain


def test_of_a_status_that_is_not_known_neither_status_nor_revenue_is_said() -> None:
    found = of(subscription(status="on_holiday"), subscription(status="trialing"), orders=[order()])

    assert (found.status, found.mrr, found.is_certain) == (None, None, False)
    assert found.lifetime_value == (Money(1000, "USD"),)
    assert found.last_paid_at == NOW - 9 * DAY


def test_who_pays_already_pays_whatever_another_status_means() -> None:
    assert of(subscription(status="on_holiday"), subscription()).status is Status.PAYING


def test_a_subscription_of_an_unknown_status_that_has_ended_is_over() -> None:
    assert of(subscription(status="on_holiday", ended_at=NOW), subscription()).is_certain


# Lifetime value.


def test_refunds_are_taken_off_and_free_and_unpaid_orders_count_nothing() -> None:
    orders = [
        order(),
        order(status="partially_refunded", refunded=400),
        order(status="refunded", refunded=1000),
        order(net=0),
        order(status="pending", net=700),
        order(status="draft", net=700),
        order(status="void", net=700),
    ]

    assert of(orders=orders).lifetime_value == (Money(1600, "USD"),)


def test_an_order_that_was_refunded_whole_in_another_currency_is_not_in_the_way() -> None:
    orders = [order(), order(currency="EUR", status="refunded", refunded=1000)]

    assert of(orders=orders).lifetime_value == (Money(1000, "USD"),)


def test_of_orders_that_are_not_read_nothing_is_said() -> None:
    found = of(subscription())

    assert found.lifetime_value is None
    assert found.last_paid_at is None


def test_the_newest_payment_counts_even_if_it_was_given_back() -> None:
    orders = [
        order(created_at=NOW - 3 * DAY, status="refunded", refunded=1000),
        order(created_at=NOW - 9 * DAY),
        order(created_at=NOW - DAY, net=0),
        order(created_at=NOW, status="pending"),
    ]

    assert of(orders=orders).last_paid_at == NOW - 3 * DAY


# Products, seats, dates.


def test_only_what_runs_is_named_each_product_once() -> None:
    found = of(
        subscription(product="Team"), subscription(), subscription(), subscription(status="canceled", product="X")
    )

    assert found.products == ("Pro", "Team")


def test_seats_are_those_of_running_subscriptions() -> None:
    assert of(subscription(seats=3), subscription(seats=2), subscription(status="canceled", seats=9)).seats == 5
    assert of(subscription()).seats is None


def test_who_subscribed_twice_did_so_since_the_older_one_that_runs() -> None:
    old, new = subscription(started_at=NOW - 90 * DAY), subscription(started_at=NOW - DAY)

    assert of(new, old).subscribed_since == NOW - 90 * DAY
    assert of(new, subscription(status="canceled", started_at=NOW - 300 * DAY)).subscribed_since == NOW - DAY


def test_after_all_has_ended_the_one_that_ended_last_counts() -> None:
    first = subscription(status="canceled", ended_at=NOW - 40 * DAY, cancellation_reason="too_expensive")
    last = subscription(
        status="canceled", started_at=NOW - 30 * DAY, ended_at=NOW - 2 * DAY, cancellation_reason="unused"
    )

    found = of(last, first)
    assert (found.subscribed_since, found.ends_at, found.churn_reason) == (NOW - 30 * DAY, NOW - 2 * DAY, "unused")


@pytest.mark.parametrize(
    "ending",
    [
        subscription(cancel_at_period_end=True, ends_at=NOW + DAY, cancellation_reason="unused"),
        subscription(status="canceled", ended_at=NOW - DAY, cancellation_reason="unused"),
    ],
)
def test_a_customer_who_keeps_one_subscription_has_no_end(ending: Subscription) -> None:
    found = of(ending, subscription())

    assert (found.ends_at, found.churn_reason) == (None, None)
    assert found.renews_at == NOW + 10 * DAY


def test_where_all_are_set_to_end_the_last_end_counts_and_none_renews() -> None:
    ending = [subscription(cancel_at_period_end=True, ends_at=NOW + days * DAY) for days in (5, 9, 2)]

    found = of(*ending)
    assert (found.ends_at, found.renews_at) == (NOW + 9 * DAY, None)


def test_the_first_trial_to_end_counts_and_only_of_subscriptions_in_trial() -> None:
    found = of(
        subscription(status="trialing", trial_end=NOW + 9 * DAY),
        subscription(status="trialing", trial_end=NOW + 3 * DAY),
        subscription(trial_end=NOW + DAY),
    )

    assert found.trial_ends_at == NOW + 3 * DAY


def test_what_is_paused_does_not_renew() -> None:
    assert of(subscription(status="paused")).renews_at is None


# Whether money ever came.


@pytest.mark.parametrize(
    ("subscriptions", "orders", "ever"),
    [
        ([], None, False),
        ([], [], False),
        ([], [order(net=0)], False),
        ([], [order(of_subscription=False)], True),
        ([], [order(status="refunded", refunded=1000)], True),
        ([subscription(amount=0)], None, False),
        ([subscription(amount=0)], [order()], True),
        ([subscription()], [], True),
        ([subscription(status="past_due")], [], True),
        ([subscription(status="trialing", trial_end=NOW + DAY)], None, False),
        ([subscription(status="canceled", ended_at=NOW - DAY)], None, True),
        ([subscription(status="canceled", ended_at=NOW - DAY)], [], False),
        ([subscription(status="canceled", ended_at=NOW - DAY), subscription(amount=0)], None, True),
        ([subscription(status="canceled", ended_at=NOW - DAY, trial_end=NOW - DAY)], None, False),
        ([subscription(status="paused")], None, True),
        ([subscription(status="paused", trial_end=NOW + DAY)], None, False),
        ([subscription(status="incomplete")], None, False),
        ([subscription(status="on_holiday")], None, False),
    ],
)
def test_who_ever_paid(subscriptions: list[Subscription], orders: list[Order] | None, *, ever: bool) -> None:
    assert of(*subscriptions, orders=orders).ever_paid is ever


# What was not read.


def test_of_subscriptions_that_are_not_read_nothing_is_said_and_of_orders_everything() -> None:
    found = billing(None, [order()], now=NOW)

    assert (found.status, found.mrr, found.is_certain) == (None, None, False)
    assert (found.lifetime_value, found.last_paid_at) == ((Money(1000, "USD"),), NOW - 9 * DAY)


@pytest.mark.parametrize(("orders", "ever"), [(None, None), ([], None), ([order()], True)])
def test_without_subscriptions_a_payment_tells_who_ever_paid_and_nothing_tells_who_did_not(
    orders: list[Order] | None, ever: bool | None
) -> None:
    found = billing(None, orders, now=NOW)

    assert (found.ever_paid, found.pays_now) == (ever, None)


@pytest.mark.parametrize(
    ("subscriptions", "status", "ever"),
    [
        ([], None, None),
        ([subscription(status="canceled")], None, None),
        ([subscription(status="canceled", amount=0)], None, None),
        ([subscription(status="trialing")], Status.TRIALING, None),
        ([subscription(status="paused")], Status.PAUSED, None),
        ([subscription(amount=0)], Status.FREE, None),
        ([subscription()], Status.PAYING, True),
        ([subscription(status="past_due")], Status.PAST_DUE, True),
    ],
)
def test_while_orders_cannot_be_read_only_what_they_cannot_change_is_said(
    subscriptions: list[Subscription], status: Status | None, ever: bool | None
) -> None:
    found = of(*subscriptions).without_orders()

    assert (found.status, found.ever_paid) == (status, ever)
    assert found.pays_now is bool(ever)
    assert found.mrr == of(*subscriptions).mrr


@given(
    st.lists(
        st.builds(
            subscription,
            status=st.sampled_from(["active", "past_due", "trialing", "paused", "canceled"]),
            amount=st.integers(-(10**12), 10**12),
            currency=st.sampled_from(["USD", "EUR", "JPY"]),
            interval=st.sampled_from(["day", "week", "month", "year"]),
            interval_count=st.integers(1, 24),
        ),
        max_size=5,
    ),
    st.lists(st.builds(order, net=st.integers(0, 10**12), refunded=st.integers(0, 10**12)), max_size=5),
)
def test_money_stays_in_whole_numbers(subscriptions: list[Subscription], orders: list[Order]) -> None:
    found = of(*subscriptions, orders=orders)

    assert found.mrr is not None
    assert found.lifetime_value is not None
    assert all(type(money.minor) is int for money in (*found.mrr, *found.lifetime_value))
    assert all(money.minor > 0 for money in found.mrr)

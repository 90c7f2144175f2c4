"""Polar's charts: what each says of one interval, and of all of them together.

As Polar's server computes them (`server/polar/metrics/metrics.py` and `queries.py`), with three simplifications:
amounts in other currencies count one to one, as they were seen to where no payment gives a rate; nothing is charged for
the service; and what was paid is read from orders, not from a store of events.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple, get_args

from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Reason, Subscription

Number = int | float
Values = Mapping[str, Number]

_A_MONTH_HAS = {"year": (1, 12), "month": (1, 1), "week": (52, 12), "day": (365, 12)}


@dataclass(frozen=True, slots=True)
class Counted:
    """A subscription, with the beginnings of the intervals in which something happened to it; None: it did not.

    Attributes:
        is_committed: It has no end, or that is in an interval before this one.
        monthly: What it makes in a month, in whole cents.
    """

    row: Subscription
    started: datetime | None
    ended: datetime | None
    trial_ended: datetime | None
    is_committed: bool
    monthly: int


@dataclass(frozen=True, slots=True)
class Paid:
    """An order that was paid.

    Attributes:
        is_new: Its subscription began in the same interval; None: it is of no subscription.
    """

    row: Order
    is_new: bool | None

    @property
    def left(self) -> int:
        """What was paid and not given back."""
        return self.row.net_amount - self.row.refunded_amount


@dataclass(frozen=True, slots=True)
class Period:
    """One interval.

    Attributes:
        begins: When.
        running: The subscriptions that have begun by its end and do not end in it.
        begun: Those that began in it.
        churned: Those that end in it.
        canceled: Those that were canceled in it.
        churn_rate: Which share of those that ran 30 days before it was canceled since.
        orders: What was paid of the orders of this interval.
        orders_so_far: The same up to its end.
    """

    begins: datetime
    running: Sequence[Counted]
    begun: int
    churned: int
    canceled: Sequence[Subscription]
    churn_rate: float
    orders: Sequence[Paid]
    orders_so_far: Sequence[Paid]

    @property
    def paying(self) -> Sequence[Counted]:
        """The running ones that are not in a trial."""
        return [one for one in self.running if one.trial_ended is None or one.trial_ended <= self.begins]

    @property
    def trialing(self) -> Sequence[Counted]:
        """The running ones whose trial ends in a later interval."""
        return [one for one in self.running if one.trial_ended is not None and one.trial_ended > self.begins]


class Metric(NamedTuple):
    """One chart.

    Attributes:
        display_name: Its title.
        type: Its unit; currencies are in cents.
        value: Returns what it says of an interval.
        total: Returns what it says of all of them, from what all charts say of each.
    """

    display_name: str
    type: Literal["scalar", "currency", "percentage"]
    value: Callable[[Period], Number]
    total: Callable[[str, Sequence[Values]], Number]


def monthly(row: Subscription) -> int:
    """Return what a subscription makes in a month, in whole cents, halves away from zero."""
    times, per = _A_MONTH_HAS[row.interval]
    return _rounded(Decimal(row.net_amount) * times / (per * row.interval_count))


def _rounded(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_HALF_UP))


def _sum(slug: str, periods: Sequence[Values]) -> Number:
    return sum(values[slug] for values in periods)


def _last(slug: str, periods: Sequence[Values]) -> Number:
    return periods[-1][slug]


def _mean_of(revenue: str) -> Callable[[str, Sequence[Values]], Number]:
    def total(_: str, periods: Sequence[Values]) -> Number:
        orders = _sum("orders", periods)
        return _sum(revenue, periods) / orders if orders else 0.0

    return total


def _mrr(rows: Sequence[Counted], *, committed: bool = False) -> int:
    return sum(one.monthly for one in rows if one.is_committed or not committed)


def _revenue_per_user(period: Period) -> int:
    customers = len({one.row.customer_id for one in period.running})
    return _rounded(Decimal(_mrr(period.paying)) / customers) if customers else 0


def _net(orders: Sequence[Paid]) -> int:
    return sum(one.row.net_amount for one in orders)


def _left(orders: Sequence[Paid]) -> int:
    return sum(one.left for one in orders)


def _mean(amount: int, orders: Sequence[Paid]) -> int:
    return math.ceil(Decimal(amount) / len(orders)) if orders else 0


def _once(period: Period) -> Sequence[Paid]:
    return [one for one in period.orders if one.is_new is None]


def _first(period: Period) -> Sequence[Paid]:
    return [one for one in period.orders if one.is_new is True]


def _renewing(period: Period) -> Sequence[Paid]:
    return [one for one in period.orders if one.is_new is False]


def _of_subscriptions() -> dict[str, Metric]:
    return {
        "active_subscriptions": Metric("Active Subscriptions", "scalar", lambda p: len(p.running), _last),
        "committed_subscriptions": Metric(
            "Committed Subscriptions", "scalar", lambda p: sum(one.is_committed for one in p.running), _last
        ),
        "monthly_recurring_revenue": Metric("Monthly Recurring Revenue", "currency", lambda p: _mrr(p.paying), _last),
        "trial_monthly_recurring_revenue": Metric(
            "Trial Monthly Recurring Revenue", "currency", lambda p: _mrr(p.trialing), _last
        ),
        "committed_monthly_recurring_revenue": Metric(
            "Committed Monthly Recurring Revenue", "currency", lambda p: _mrr(p.paying, committed=True), _last
        ),
        "trial_committed_monthly_recurring_revenue": Metric(
            "Trial Committed Monthly Recurring Revenue", "currency", lambda p: _mrr(p.trialing, committed=True), _last
        ),
        "average_revenue_per_user": Metric("Average Revenue Per User", "currency", _revenue_per_user, _last),
        "churned_subscriptions": Metric("Churned Subscriptions", "scalar", lambda p: p.churned, _sum),
        "churn_rate": Metric("Churn Rate", "percentage", lambda p: p.churn_rate, _last),
        "new_subscriptions": Metric("New Subscriptions", "scalar", lambda p: p.begun, _sum),
        "canceled_subscriptions": Metric("Canceled Subscriptions", "scalar", lambda p: len(p.canceled), _sum),
        **{f"canceled_subscriptions_{reason}": _canceled_because(reason) for reason in get_args(Reason)},
    }


def _canceled_because(reason: Reason) -> Metric:
    title = f"Canceled Subscriptions - {reason.replace('_', ' ').title()}"
    return Metric(title, "scalar", lambda p: sum(row.reason == reason for row in p.canceled), _sum)


def _of_orders() -> dict[str, Metric]:
    return {
        "orders": Metric("Orders", "scalar", lambda p: len(p.orders), _sum),
        "cumulative_revenue": Metric("Cumulative Revenue", "currency", lambda p: _net(p.orders_so_far), _last),
        "net_cumulative_revenue": Metric("Net Cumulative Revenue", "currency", lambda p: _left(p.orders_so_far), _last),
        "average_order_value": Metric(
            "Average Order Value", "currency", lambda p: _mean(_net(p.orders), p.orders), _mean_of("revenue")
        ),
        "net_average_order_value": Metric(
            "Net Average Order Value", "currency", lambda p: _mean(_left(p.orders), p.orders), _mean_of("net_revenue")
        ),
        "one_time_products": Metric("One-Time Products", "scalar", lambda p: len(_once(p)), _sum),
        "renewed_subscriptions": Metric(
            "Renewed Subscriptions",
            "scalar",
            lambda p: len({one.row.subscription_id for one in _renewing(p)}),
            _sum,
        ),
        **_revenue("", "", lambda p: p.orders),
        **_revenue("one_time_products_", "One-Time Products ", _once),
        **_revenue("new_subscriptions_", "New Subscriptions ", _first),
        **_revenue("renewed_subscriptions_", "Renewed Subscriptions ", _renewing),
    }


def _revenue(slug: str, title: str, orders: Callable[[Period], Sequence[Paid]]) -> dict[str, Metric]:
    return {
        f"{slug}revenue": Metric(f"{title}Revenue", "currency", lambda p: _net(orders(p)), _sum),
        f"{slug}net_revenue": Metric(f"{title}Net Revenue", "currency", lambda p: _left(orders(p)), _sum),
    }


METRICS: Mapping[str, Metric] = {**_of_subscriptions(), **_of_orders()}
"""Those that follow from subscriptions and orders, by slug."""

OF_TOTALS = ("orders", "revenue", "net_revenue")
"""Those that the totals of others are made of."""

OTHER_SLUGS = frozenset((
    "active_user_by_event", "annual_recurring_revenue", "average_seats_per_customer", "cashflow", "checkouts",
    "checkouts_conversion", "churned_seat_customers", "committed_annual_recurring_revenue", "cost_per_user", "costs",
    "cumulative_costs", "gross_margin", "gross_margin_percentage", "ltv", "new_seat_customers", "seat_customers",
    "seat_utilization_rate", "seats_claimed", "seats_pending", "seats_total", "succeeded_checkouts",
))  # fmt: skip
"""Those that Polar has beside them, and the sandbox leaves out: no checkouts, costs or holders of seats are in it."""

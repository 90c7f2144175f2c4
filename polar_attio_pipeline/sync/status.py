"""How a customer stands in Polar: one status, from its subscriptions and orders."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from polar_attio_pipeline.sync.purchases import Order, Subscription


class Status(StrEnum):
    """How a customer stands, best first: of several subscriptions, the one with the best status counts."""

    PAYING = "Paying"
    CANCELING = "Canceling"
    PAST_DUE = "Past due"
    TRIALING = "Trialing"
    PAUSED = "Paused"
    FREE = "Free"
    CHURNED = "Churned"
    BOUGHT_ONCE = "Bought once"
    NEVER_PAID = "Never paid"
    DELETED = "Deleted"


STATUS_RULES: dict[Status, str] = {
    Status.PAYING: "A subscription is active, has a price above zero and is not set to end.",
    Status.CANCELING: "A subscription is active, has a price above zero and is set to end with its period.",
    Status.PAST_DUE: "The payment of a subscription failed, and Polar tries it again.",
    Status.TRIALING: "A subscription is in its trial.",
    Status.PAUSED: "A subscription is paused.",
    Status.FREE: "A subscription is active at a price of zero.",
    Status.CHURNED: "No subscription runs; one that was paid for has ended. Where orders cannot be read, one with a "
    "price that ended after its trial counts as paid for.",
    Status.BOUGHT_ONCE: "No subscription runs and none was ever paid for; a product without subscription was.",
    Status.NEVER_PAID: "No subscription runs, and nothing was ever paid for. Where orders cannot be read, this is said "
    "only of a customer whose subscriptions were free or ended in their trial.",
    Status.DELETED: "The customer was deleted in Polar. The MRR is 0 then; products, seats, the end of a trial and the "
    "next renewal are empty.",
}
"""When each status holds. The documentation's table is made of this."""

PAYING_NOW = frozenset({Status.PAYING, Status.CANCELING, Status.PAST_DUE})
"""The statuses of customers whose money comes, or is expected."""

DECIDED_BY_ORDERS = frozenset({Status.CHURNED, Status.BOUGHT_ONCE, Status.NEVER_PAID})
"""The statuses that depend on what was paid once no subscription runs."""


def status_of(subscription: Subscription) -> Status:
    """Return how a customer with this one running subscription stands."""
    if subscription.status == "active" and subscription.amount <= 0:
        return Status.FREE
    if subscription.status == "active":
        return Status.CANCELING if subscription.cancel_at_period_end else Status.PAYING
    return {"past_due": Status.PAST_DUE, "trialing": Status.TRIALING, "paused": Status.PAUSED}[subscription.status]


def combined_status(
    running: Sequence[Subscription],
    ended: Sequence[Subscription],
    payments: Sequence[Order] | None,
    *,
    is_certain: bool,
    now: datetime,
) -> Status | None:
    """Return how a customer stands; None where it cannot be told.

    Args:
        running: The subscriptions that run.
        ended: Those that have ended.
        payments: Orders with a payment; None where orders are not read.
        is_certain: Whether all that may run is known.
        now: When all of it was read, UTC.
    """
    order = list(Status)
    best = min((status_of(one) for one in running), key=order.index, default=None)
    if not is_certain:
        # A subscription in a status that is not known may be the best one, unless nothing is better.
        return best if best is order[0] else None
    if best is not None:
        return best
    if payments is None:
        return _status_without_orders(ended, now)
    if any(order.of_subscription for order in payments):
        return Status.CHURNED
    return Status.BOUGHT_ONCE if payments else Status.NEVER_PAID


def _status_without_orders(ended: Sequence[Subscription], now: datetime) -> Status | None:
    if not ended:
        # Such a customer may have bought something once: orders would say.
        return None
    return Status.CHURNED if any(seems_paid_for(one, now) for one in ended) else Status.NEVER_PAID


def seems_paid_for(begun: Subscription, now: datetime) -> bool:
    """Tell from a subscription alone whether it was paid for: it has a price, and went on after its trial."""
    end = min(begun.ended_at or begun.ends_at or now, now)
    return begun.amount > 0 and (begun.trial_end is None or begun.trial_end < end)

"""What a customer pays: status, products, recurring revenue, from its subscriptions and orders.

The rules are Polar's own where Polar has one (polarsource/polar at c6c3645e, `server/polar/metrics`), but for one: its
chart of monthly recurring revenue counts every subscription that has not ended, also one that is paused, unpaid or
incomplete. On a person, money that does not come is none, so here the status decides (`EARNING`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from polar_attio_pipeline.sync.money import Money, totals
from polar_attio_pipeline.sync.purchases import Order, Subscription
from polar_attio_pipeline.sync.revenue import monthly
from polar_attio_pipeline.sync.status import DECIDED_BY_ORDERS, PAYING_NOW, Status, combined_status, seems_paid_for

EARNING = frozenset({"active", "past_due"})
"""Polar's statuses of subscriptions that count as monthly recurring revenue; trials do not."""

_RUNNING = frozenset({"active", "past_due", "trialing", "paused"})
_NEVER_BEGUN = frozenset({"incomplete", "incomplete_expired"})


@dataclass(frozen=True, slots=True)
class Billing:
    """What Polar says now about what a customer pays.

    Attributes:
        status: How the customer stands; None where it cannot be told.
        products: What runs, in alphabetical order.
        mrr: Monthly recurring revenue, each currency by itself; None where it cannot be told. Empty is zero.
        seats: Of all running subscriptions; None where none is sold by seat.
        subscribed_since: Start of the oldest running subscription, else of the one that ended last.
        trial_ends_at: When the first trial that runs ends.
        renews_at: When the next running subscription renews.
        ends_at: When the last one ends that is set to end, or has ended.
        churn_reason: Why the customer cancelled what ends or has ended last, in Polar's word.
        lifetime_value: Paid, net of refunds and tax, each currency by itself; None where orders are not read. Empty is
            zero.
        last_paid_at: When the newest order with a payment was made.
        ever_paid: Whether it is known that money came, or is expected now; None where what was not read would tell.
        is_certain: Whether all that may run is known. Where subscriptions were not read, or Polar says a status that is
            not known here, what follows from running subscriptions is not to be said.
    """

    status: Status | None = None
    products: tuple[str, ...] = ()
    mrr: tuple[Money, ...] | None = ()
    seats: int | None = None
    subscribed_since: datetime | None = None
    trial_ends_at: datetime | None = None
    renews_at: datetime | None = None
    ends_at: datetime | None = None
    churn_reason: str | None = None
    lifetime_value: tuple[Money, ...] | None = None
    last_paid_at: datetime | None = None
    ever_paid: bool | None = False
    is_certain: bool = True

    @property
    def pays_now(self) -> bool | None:
        """Whether money comes or is expected now; None where a subscription that is not known might tell."""
        return self.status in PAYING_NOW or (False if self.is_certain else None)

    def without_orders(self) -> "Billing":
        """Return what of this is certain where there are orders to read, and they were not."""
        status = None if self.status in DECIDED_BY_ORDERS else self.status
        return replace(self, status=status, ever_paid=self.status in PAYING_NOW or None)


def billing(subscriptions: Iterable[Subscription] | None, orders: Sequence[Order] | None, *, now: datetime) -> Billing:
    """Return what a customer pays.

    Args:
        subscriptions: All of the customer's, past ones too; None where they are not read.
        orders: All of the customer's; None where they are not read.
        now: When both were read, UTC.
    """
    if subscriptions is None:
        paid = billing((), orders, now=now)
        return replace(paid, status=None, mrr=None, ever_paid=paid.ever_paid or None, is_certain=False)
    begun = [one for one in subscriptions if one.status not in _NEVER_BEGUN]
    running = [one for one in begun if one.status in _RUNNING and not one.has_ended(now)]
    ended = [one for one in begun if one.has_ended(now)]
    payments = None if orders is None else [order for order in orders if order.is_payment]
    is_certain = len(running) + len(ended) == len(begun)
    status = combined_status(running, ended, payments, is_certain=is_certain, now=now)
    closing = [one for one in running if _is_closing(one)] if running else ended
    all_close = len(closing) == len(running) or not running
    last = max(closing, key=_end, default=None) if all_close else None
    over = [*ended, *(one for one in running if one.status == "paused")]
    seem_paid_for = any(seems_paid_for(one, now) for one in over)
    return Billing(
        status=status,
        products=tuple(sorted({one.product for one in running})),
        mrr=_mrr(running) if is_certain else None,
        seats=_total_seats(running),
        subscribed_since=_since(running, ended),
        trial_ends_at=_first(one.trial_end for one in running if one.status == "trialing"),
        renews_at=_first(one.current_period_end for one in running if _renews(one)),
        ends_at=(last.ended_at or last.ends_at) if last else None,
        churn_reason=last.cancellation_reason if last else None,
        lifetime_value=None
        if payments is None
        else _not_zero(Money(order.net - order.refunded, order.currency) for order in payments),
        last_paid_at=max((order.created_at for order in payments or ()), default=None),
        ever_paid=status in PAYING_NOW or bool(payments) or (payments is None and seem_paid_for),
        is_certain=is_certain,
    )


def _mrr(running: Sequence[Subscription]) -> tuple[Money, ...] | None:
    earning = [one for one in running if one.status in EARNING]
    amounts = [(monthly(one.amount, one.interval, one.interval_count), one.currency) for one in earning]
    if any(minor is None for minor, _ in amounts):
        return None
    return _not_zero(Money(minor or 0, currency) for minor, currency in amounts)


def _not_zero(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """Add amounts up. Zero is zero in every currency: it must not stand in the way of another one."""
    return tuple(money for money in totals(amounts) if money.minor)


def _total_seats(running: Sequence[Subscription]) -> int | None:
    seats = [one.seats for one in running if one.seats is not None]
    return sum(seats) if seats else None


def _since(running: Sequence[Subscription], ended: Sequence[Subscription]) -> datetime | None:
    if running:
        return _first(one.started_at for one in running)
    last = max(ended, key=_end, default=None)
    return last.started_at if last else None


def _is_closing(running: Subscription) -> bool:
    return running.cancel_at_period_end


def _renews(running: Subscription) -> bool:
    return running.status != "paused" and not _is_closing(running)


def _end(subscription: Subscription) -> float:
    end = subscription.ended_at or subscription.ends_at or subscription.current_period_end
    return end.timestamp() if end else 0.0


def _first(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)

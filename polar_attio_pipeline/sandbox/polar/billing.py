"""What can happen to a subscription: each change writes the row, its order and its events, as Polar does at once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from polar_attio_pipeline.sandbox.polar import said
from polar_attio_pipeline.sandbox.polar.billing_rows import (
    ACTIVE,
    Discount,
    Interval,
    Order,
    Product,
    Reason,
    Status,
    Subscription,
)
from polar_attio_pipeline.sandbox.polar.events import EventLog
from polar_attio_pipeline.sandbox.polar.periods import after
from polar_attio_pipeline.sandbox.polar.sales import ImpossibleError, Sales
from polar_attio_pipeline.sandbox.polar.subscriptions import Orders, Subscriptions

_RUNNING: tuple[Status, ...] = ("trialing", "active", "past_due", "paused")


class Billing(Sales):
    """The subscriptions of one organization. Each method returns the row as it is afterwards.

    Each takes `at`, when it happened, for histories; None: now. A subscription that does not exist raises KeyError,
    one whose status does not allow the change raises ImpossibleError.

    Args:
        clock: Returns aware datetimes.
        lock: Taken while rows change.
        new_id: Returns ids.
        events: Where what happens is recorded.
    """

    def __init__(
        self, clock: Callable[[], datetime], lock: threading.RLock, new_id: Callable[[], str], events: EventLog
    ) -> None:
        super().__init__(clock, lock, new_id, events, Orders())
        self.subscriptions = Subscriptions()

    def clear(self) -> None:
        """Forget subscriptions and orders. Products and discounts stay."""
        self.subscriptions.clear()
        self.orders.clear()

    def subscribe(  # noqa: PLR0913  # keyword-only: what a subscription can differ in
        self,
        customer_id: str,
        product: Product,
        *,
        trial_days: int = 0,
        currency: str | None = None,
        interval: Interval | None = None,
        interval_count: int | None = None,
        amount: int | None = None,
        inclusive_tax: int = 0,
        seats: int | None = None,
        discount: Discount | None = None,
        is_incomplete: bool = False,
        at: datetime | None = None,
    ) -> Subscription:
        """Begin a subscription, with an order that is paid: of nothing when it is free, or begins with a trial.

        Args:
            customer_id: Whose.
            product: Of what; gives what is not given otherwise.
            trial_days: How long nothing is paid; 0: no trial.
            currency: ISO 4217, in lower case.
            interval: Of a period.
            interval_count: How many of those a period has.
            amount: Per period before the discount, in the currency's smallest unit; None: the product's, per seat.
            inclusive_tax: How much of that is tax.
            seats: How many people it is for; None: it is not sold by seats.
            discount: What is taken off each period.
            is_incomplete: The first payment has not come: it never started, and is not listed.
            at: When.

        Raises:
            ImpossibleError: the product is sold once and no interval is given.
        """
        chosen = interval or product.interval
        if chosen is None:
            raise ImpossibleError("This product is sold once.")
        with self.lock:
            now = at or self.clock()
            count = interval_count or product.interval_count
            price = product.amount * (seats or 1) if amount is None else amount
            charged = price - (discount.of(price) if discount else 0)
            trial_end = now + timedelta(days=trial_days) if trial_days else None
            row = Subscription(
                id=self.new_id(),
                created_at=now,
                customer_id=customer_id,
                product=product,
                status="incomplete" if is_incomplete else "trialing" if trial_end else "active",
                started_at=None if is_incomplete else now,
                current_period_start=now,
                current_period_end=trial_end or after(now, chosen, count),
                amount=charged,
                net_amount=charged - inclusive_tax,
                currency=currency or product.currency,
                interval=chosen,
                interval_count=count,
                seats=seats,
                discount=discount,
                trial_start=now if trial_end else None,
                trial_end=trial_end,
            )
            self.subscriptions.put(row)
            if is_incomplete:
                return row
            self._say("created", row, now, lambda: said.of_subscription(row, started_at=now))
            self.charge(row, "subscription_create", now, is_free=trial_end is not None)
            return row

    def cancel(
        self,
        subscription_id: str,
        reason: Reason | None = None,
        *,
        comment: str | None = None,
        at: datetime | None = None,
    ) -> Subscription:
        """Have a subscription end with its period; until then its status stays."""
        with self.lock:
            now, row = self._begin(subscription_id, at, *ACTIVE)
            end = row.current_period_end
            row = self._put(
                row, now, cancel_at_period_end=True, canceled_at=now, ends_at=end, reason=reason, comment=comment
            )
            self._say("canceled", row, now, lambda: said.of_cancellation(row))
            return row

    def uncancel(self, subscription_id: str, *, at: datetime | None = None) -> Subscription:
        """Take a cancellation back before the period ends."""
        with self.lock:
            now, row = self._begin(subscription_id, at, *ACTIVE)
            if not row.cancel_at_period_end:
                raise ImpossibleError("This subscription is not set to end.")
            row = self._put(
                row, now, cancel_at_period_end=False, canceled_at=None, ends_at=None, reason=None, comment=None
            )
            self._say("uncanceled", row, now, lambda: said.of_subscription(row))
            return row

    def pause(
        self, subscription_id: str, *, resumes_at: datetime | None = None, at: datetime | None = None
    ) -> Subscription:
        """Pause a subscription: nothing is paid until it is resumed."""
        with self.lock:
            now, row = self._begin(subscription_id, at, *ACTIVE)
            row = self._put(row, now, status="paused", paused_at=now, resumes_at=resumes_at, pause_at_period_end=False)
            self._say("paused", row, now, lambda: said.of_subscription(row, paused_at=now, resumes_at=row.resumes_at))
            return row

    def resume(self, subscription_id: str, *, at: datetime | None = None) -> Subscription:
        """End a pause; what was paid for still counts, otherwise a new period begins and is paid."""
        with self.lock:
            now, row = self._begin(subscription_id, at, "paused")
            is_over = row.current_period_end <= now
            row = self._put(row, now, status="active", paused_at=None, resumes_at=None)
            self._say("resumed", row, now, lambda: said.of_subscription(row))
            return self._new_period(row, now, start=now) if is_over else row

    def past_due(self, subscription_id: str, *, at: datetime | None = None) -> Subscription:
        """Have the payment of the next period fail: its order waits, and Polar tries again."""
        with self.lock:
            now, row = self._begin(subscription_id, at, "active")
            row = self._put(row, now, status="past_due", past_due_at=now)
            self._say("past_due", row, now, lambda: said.of_subscription(row, past_due_at=now))
            self.charge(row, "subscription_cycle", now, is_paid=False)
            return row

    def revoke(self, subscription_id: str, *, unpaid: bool = False, at: datetime | None = None) -> Subscription:
        """End a subscription at once; `unpaid`: because the money never came."""
        with self.lock:
            now, row = self._begin(subscription_id, at, *_RUNNING)
            return self._end(row, now, now, status="unpaid" if unpaid else "canceled")

    def end_trial(self, subscription_id: str, *, at: datetime | None = None) -> Subscription:
        """End a trial: the first period that costs something begins, and is paid."""
        with self.lock:
            now, row = self._begin(subscription_id, at, "trialing")
            if row.cancel_at_period_end:
                return self._end(row, now, now)
            row = self._put(row, now, status="active", trial_end=now)
            row = self._new_period(row, now, start=now)
            self._say("cycled", row, now, lambda: said.of_subscription(row))
            return row

    def renew(self, subscription_id: str, *, at: datetime | None = None) -> Subscription:
        """Come to the end of the period: the next one begins and is paid, or what was set for its end happens."""
        with self.lock:
            now, row = self._begin(subscription_id, at, "active")
            if row.cancel_at_period_end:
                return self._end(row, now, row.current_period_end)
            if row.pause_at_period_end:
                return self.pause(row.id, at=now)
            row = self._new_period(row, now, start=row.current_period_end)
            self._say("cycled", row, now, lambda: said.of_subscription(row))
            return row

    def pay(self, order_id: str, *, at: datetime | None = None) -> Order:
        """Have an order that waits be paid; its subscription is no longer past due."""
        with self.lock:
            now = at or self.clock()
            order = self.settle(order_id, now)
            row = self.subscriptions[order.subscription_id] if order.subscription_id else None
            if row is not None and row.status == "past_due":
                row = self._put(row, now, status="active", past_due_at=None)
                row = self._next_period(row, now, row.current_period_end)
                self._say("reactivated", row, now, lambda: said.of_subscription(row))
            return order

    def cancel_all(self, customer_id: str, now: datetime) -> None:
        """End every subscription of a customer that is deleted."""
        for row in self.subscriptions.of(customer_id):
            if row.status in ACTIVE:
                self._end(row, now, now)

    def _begin(self, subscription_id: str, at: datetime | None, *allowed: Status) -> tuple[datetime, Subscription]:
        row = self.subscriptions[subscription_id]
        if row.status not in allowed:
            raise ImpossibleError(f"This subscription is {row.status.replace('_', ' ')}.")
        return at or self.clock(), row

    def _put(self, row: Subscription, now: datetime, **changes: Any) -> Subscription:
        return self.subscriptions.put(replace(row, modified_at=now, **changes))

    def _end(self, row: Subscription, now: datetime, end: datetime, *, status: Status = "canceled") -> Subscription:
        row = self._put(row, now, status=status, canceled_at=row.canceled_at or now, ends_at=end, ended_at=end)
        self._say("revoked", row, now, lambda: said.of_subscription(row))
        return row

    def _next_period(self, row: Subscription, now: datetime, start: datetime) -> Subscription:
        end = after(start, row.interval, row.interval_count)
        return self._put(row, now, current_period_start=start, current_period_end=end)

    def _new_period(self, row: Subscription, now: datetime, *, start: datetime) -> Subscription:
        row = self._next_period(row, now, start)
        self.charge(row, "subscription_cycle", now)
        return row

    def _say(self, what: str, row: Subscription, now: datetime, metadata: Callable[[], dict[str, Any]]) -> None:
        self.events.record(f"subscription.{what}", row.customer_id, metadata, timestamp=now)

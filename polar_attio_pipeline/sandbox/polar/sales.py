"""Products, discounts and orders."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from polar_attio_pipeline.sandbox.polar import said
from polar_attio_pipeline.sandbox.polar.billing_rows import (
    BillingReason,
    Discount,
    Interval,
    Order,
    Product,
    Subscription,
)
from polar_attio_pipeline.sandbox.polar.events import EventLog
from polar_attio_pipeline.sandbox.polar.subscriptions import Orders


class ImpossibleError(Exception):
    """The row's status does not allow the change; the text says why."""


class Sales:
    """What is sold, and what was ordered.

    Args:
        clock: Returns aware datetimes.
        lock: Taken while rows change.
        new_id: Returns ids.
        events: Where what happens is recorded.
        orders: Where orders are kept.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        lock: threading.RLock,
        new_id: Callable[[], str],
        events: EventLog,
        orders: Orders,
    ) -> None:
        self.clock = clock
        self.lock = lock
        self.new_id = new_id
        self.events = events
        self.orders = orders
        self.products: dict[str, Product] = {}

    def product(  # noqa: PLR0913  # keyword-only: what products differ in
        self,
        name: str,
        *,
        amount: int = 2900,
        currency: str = "usd",
        interval: Interval | None = "month",
        interval_count: int = 1,
        created_at: datetime | None = None,
    ) -> Product:
        """Return the product of this name; it is made of the rest when there is none yet."""
        with self.lock:
            known = self.products.get(name)
            if known is None:
                made_at = created_at or self.clock()
                ids = self.new_id(), self.new_id()
                known = Product(*ids, name, amount, interval, made_at, currency, interval_count)
                self.products[name] = known
            return known

    def discount(self, name: str, *, percent: int) -> Discount:
        """Make a discount of so many percent, for ever."""
        return Discount(self.new_id(), self.clock(), name, percent * 100)

    def buy_once(  # noqa: PLR0913  # keyword-only: in what purchases differ
        self,
        customer_id: str,
        product: Product,
        *,
        amount: int | None = None,
        currency: str | None = None,
        tax: int = 0,
        at: datetime | None = None,
    ) -> Order:
        """Buy a product that is not a subscription.

        Args:
            customer_id: Who buys.
            product: What; gives amount and currency unless they are given.
            amount: In the currency's smallest unit, without tax.
            currency: ISO 4217, in lower case.
            tax: What comes on top.
            at: When; None: now.
        """
        with self.lock:
            now = at or self.clock()
            order = Order(
                id=self.new_id(),
                created_at=now,
                customer_id=customer_id,
                product=product,
                status="paid",
                billing_reason="purchase",
                currency=currency or product.currency,
                subtotal_amount=product.amount if amount is None else amount,
                number=len(self.orders) + 1,
                tax_amount=tax,
            )
            self._record("paid", self.orders.put(order), now, said.of_payment)
            return order

    def charge(  # keyword-only: in what periods differ
        self, row: Subscription, reason: BillingReason, now: datetime, *, is_free: bool = False, is_paid: bool = True
    ) -> Order:
        """Order a period of a subscription.

        Args:
            row: The subscription, in its new period.
            reason: Why.
            now: When.
            is_free: The period is a trial.
            is_paid: The payment came at once.
        """
        tax = 0 if is_free else row.amount - row.net_amount
        net = 0 if is_free else row.net_amount
        off = _taken_off(row.discount, net)
        order = Order(
            id=self.new_id(),
            created_at=now,
            customer_id=row.customer_id,
            product=row.product,
            status="paid" if is_paid else "pending",
            billing_reason=reason,
            currency=row.currency,
            subtotal_amount=net + off,
            number=len(self.orders) + 1,
            discount_amount=off,
            tax_amount=tax,
            subscription_id=row.id,
            discount=row.discount,
            seats=row.seats,
        )
        self.orders.put(order)
        if is_paid:
            self._record("paid", order, now, said.of_payment)
        return order

    def settle(self, order_id: str, now: datetime) -> Order:
        """Have an order that waits be paid.

        Raises:
            KeyError: no such order.
            ImpossibleError: it does not wait.
        """
        order = self.orders[order_id]
        if order.status != "pending":
            raise ImpossibleError(f"This order is {order.status.replace('_', ' ')}.")
        order = self.orders.put(replace(order, status="paid", modified_at=now))
        self._record("paid", order, now, said.of_payment)
        return order

    def void(self, order_id: str, *, at: datetime | None = None) -> Order:
        """Give up an order that waits.

        Raises:
            KeyError: no such order.
            ImpossibleError: it does not wait.
        """
        with self.lock:
            order, now = self.orders[order_id], at or self.clock()
            if order.status != "pending":
                raise ImpossibleError(f"This order is {order.status.replace('_', ' ')}.")
            order = self.orders.put(replace(order, status="void", modified_at=now))
            self._record("voided", order, now, said.of_void)
            return order

    def refund(self, order_id: str, amount: int | None = None, *, at: datetime | None = None) -> Order:
        """Give back what was paid, in the currency's smallest unit without tax; None: all that is left.

        Raises:
            KeyError: no such order.
            ImpossibleError: it is not paid, or less than this is left of it.
        """
        with self.lock:
            order, now = self.orders[order_id], at or self.clock()
            left = order.net_amount - order.refunded_amount
            given = left if amount is None else amount
            if not order.paid or not 0 < given <= left:
                raise ImpossibleError("There is not that much to give back.")
            refunded = order.refunded_amount + given
            is_whole = refunded == order.net_amount
            tax = order.tax_amount if is_whole else order.tax_amount * refunded // order.net_amount
            order = replace(
                order,
                status="refunded" if is_whole else "partially_refunded",
                refunded_amount=refunded,
                refunded_tax_amount=tax,
                modified_at=now,
            )
            self._record("refunded", self.orders.put(order), now, said.of_refund)
            return order

    def _record(self, what: str, order: Order, now: datetime, say: Callable[[Order], dict[str, Any]]) -> None:
        self.events.record(f"order.{what}", order.customer_id, lambda: say(order), timestamp=now)


def _taken_off(discount: Discount | None, net: int) -> int:
    """Return what a discount took off when `net` is left."""
    if discount is None or discount.basis_points >= 10_000:
        return 0
    return round(net * discount.basis_points / (10_000 - discount.basis_points))

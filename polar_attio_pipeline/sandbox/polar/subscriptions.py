"""The subscriptions of all customers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from polar_attio_pipeline.sandbox.polar.ordering import Key, sort_key
from polar_attio_pipeline.sandbox.polar.rows import ACTIVE, Subscription

FIELDS: Mapping[str, Callable[[Subscription], Any]] = {
    "customer": lambda row: row.customer_id,
    "status": lambda row: row.status,
    "started_at": lambda row: row.started_at,
    "current_period_end": lambda row: row.current_period_end,
    "ended_at": lambda row: row.ended_at,
    "ends_at": lambda row: row.ended_at,
    "amount": lambda row: row.product.amount,
    "product": lambda row: row.product.name,
    "discount": lambda _: None,
}


class Subscriptions:
    """Subscriptions by customer, with every order that was asked for kept until the next write."""

    def __init__(self) -> None:
        self._by_customer: dict[str, list[Subscription]] = {}
        self._orders: dict[tuple[str, ...], tuple[list[Subscription], Callable[[Subscription], Key]]] = {}

    def __iter__(self) -> Iterator[Subscription]:
        """Iterate customer by customer."""
        for rows in self._by_customer.values():
            yield from rows

    def of(self, customer_id: str) -> Sequence[Subscription]:
        """Return one customer's subscriptions."""
        return self._by_customer.get(customer_id, ())

    def is_active(self, customer_id: str) -> bool:
        """Tell whether the customer has a subscription that is trialing, active or past due."""
        return any(row.status in ACTIVE for row in self.of(customer_id))

    def add(self, row: Subscription) -> None:
        """Add a subscription."""
        self._by_customer.setdefault(row.customer_id, []).append(row)
        self._orders.clear()

    def cancel(self, customer_id: str, now: datetime) -> None:
        """End every active subscription of the customer."""
        rows = self._by_customer.get(customer_id)
        if not rows:
            return
        self._by_customer[customer_id] = [
            replace(row, status="canceled", canceled_at=now, ended_at=now, modified_at=now)
            if row.status in ACTIVE
            else row
            for row in rows
        ]
        self._orders.clear()

    def clear(self) -> None:
        """Forget all of them."""
        self._by_customer.clear()
        self._orders.clear()

    def ordered(self, sorting: Sequence[str]) -> tuple[Sequence[Subscription], Callable[[Subscription], Key]]:
        """Return all rows in this order, and the key of the order. Not a copy: do not change it."""
        wanted = tuple(sorting)
        if wanted not in self._orders:
            key = sort_key(wanted, FIELDS)
            self._orders[wanted] = (sorted(self, key=key), key)
        return self._orders[wanted]

"""The subscriptions and the orders of all customers."""

from collections.abc import Callable, Mapping
from typing import Any

from polar_attio_pipeline.sandbox.polar.billing_rows import ACTIVE, Order, Subscription
from polar_attio_pipeline.sandbox.polar.book import Book

SUBSCRIPTION_FIELDS: Mapping[str, Callable[[Subscription], Any]] = {
    "customer": lambda row: row.customer_id,
    "status": lambda row: row.status,
    "started_at": lambda row: row.started_at,
    "current_period_end": lambda row: row.current_period_end,
    "ended_at": lambda row: row.ended_at,
    "ends_at": lambda row: row.ends_at,
    "amount": lambda row: row.amount,
    "product": lambda row: row.product.name,
    "discount": lambda row: row.discount and row.discount.name,
}
ORDER_FIELDS: Mapping[str, Callable[[Order], Any]] = {
    "created_at": lambda row: row.created_at,
    "status": lambda row: row.status,
    "invoice_number": lambda row: row.number,
    "amount": lambda row: row.net_amount,
    "net_amount": lambda row: row.net_amount,
    "customer": lambda row: row.customer_id,
    "product": lambda row: row.product.name,
    "discount": lambda row: row.discount and row.discount.name,
    "subscription": lambda row: row.subscription_id,
}


class Subscriptions(Book[Subscription]):
    """Subscriptions; those that never started are not listed (seen on Polar's server)."""

    def __init__(self) -> None:
        super().__init__(SUBSCRIPTION_FIELDS, lambda row: row.started_at is not None)

    def is_active(self, customer_id: str) -> bool:
        """Tell whether the customer has a subscription that is trialing, active or past due."""
        return any(row.status in ACTIVE for row in self.of(customer_id))


class Orders(Book[Order]):
    """Orders."""

    def __init__(self) -> None:
        super().__init__(ORDER_FIELDS, lambda _: True)

"""Reads orders of Polar's."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from sys import intern
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from polar_attio_pipeline.polar.entries import Currency, Entry, UtcMoment, entry_of
from polar_attio_pipeline.polar.models import CanonicalUuid
from polar_attio_pipeline.sync.purchases import Order

SORTING = ["-created_at", "invoice_number", "customer"]
"""Orders that a renewal or an import creates at one instant differ in their invoice's number."""


class _Row(BaseModel):
    id: CanonicalUuid
    customer_id: CanonicalUuid
    status: str
    net_amount: int = Field(strict=True)
    refunded_amount: int = Field(strict=True)
    currency: Annotated[Currency, AfterValidator(intern)]
    created_at: UtcMoment
    subscription_id: str | None


def order_entry(item: object) -> Entry[Order]:
    """Return one listed order, or what is wrong with it."""
    return entry_of(item, model=_Row, value=_order, sorted_by="created_at")


def condensed(orders: Sequence[Order]) -> tuple[Order, ...]:
    """Return few orders from which the same billing follows as from all of these of one customer.

    One stands for all payments of a currency, those of subscriptions and others apart: with their sums, and the moment
    of the newest. Orders without a payment are left out: a customer may have hundreds.
    """
    alike: defaultdict[tuple[str, bool], list[Order]] = defaultdict(list)
    for order in orders:
        if order.is_payment:
            alike[order.currency, order.of_subscription].append(order)
    return tuple(map(_sum, alike.values()))


def _sum(orders: Sequence[Order]) -> Order:
    return replace(
        max(orders, key=lambda order: order.created_at),
        net=sum(order.net for order in orders),
        refunded=sum(order.refunded for order in orders),
    )


def _order(row: _Row) -> Order:
    return Order(
        customer_id=row.customer_id,
        status=row.status,
        net=row.net_amount,
        refunded=row.refunded_amount,
        currency=row.currency,
        created_at=row.created_at,
        of_subscription=row.subscription_id is not None,
    )

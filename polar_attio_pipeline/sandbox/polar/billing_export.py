"""Subscriptions and orders as CSV: no id of a customer, and amounts divided by 100 whatever the currency.

As Polar's server writes them (`server/polar/subscription/export.py`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from starlette.responses import Response

from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.export import csv_response
from polar_attio_pipeline.sandbox.polar.rows import Customer

Row = TypeVar("Row", Subscription, Order)


@dataclass(frozen=True, slots=True)
class Exported(Generic[Row]):
    """A row to export.

    Attributes:
        row: The subscription or order.
        customer: Whose it is.
        zone: Of the times that are written.
    """

    row: Row
    customer: Customer
    zone: ZoneInfo

    def time(self, moment: datetime | None) -> str | None:
        """Write a time."""
        return None if moment is None else moment.astimezone(self.zone).isoformat()


Columns = Mapping[str, Callable[[Exported[Row]], Any]]

_HEADERS = {"recurring_interval": "Billing Interval", "cancel_at_period_end": "Cancels At Period End"}
"""Those that are not their column's name in other letters."""


def _hundredths(amount: int) -> str:
    """Write an amount divided by 100, with at least one decimal place."""
    whole, rest = divmod(abs(amount), 100)
    decimals = f"{rest:02}".rstrip("0") or "0"
    return f"{'-' if amount < 0 else ''}{whole}.{decimals}"


def _interval(row: Subscription) -> str:
    return row.interval if row.interval_count == 1 else f"{row.interval_count} {row.interval}s"


def _billing_name(customer: Customer) -> str | None:
    return customer.billing_name or customer.name


def _country(customer: Customer) -> str | None:
    return (customer.billing_address or {}).get("country")


SUBSCRIPTION_COLUMNS: Columns[Subscription] = {
    "email": lambda one: one.customer.email,
    "started_at": lambda one: one.time(one.row.started_at),
    "product": lambda one: one.row.product.name,
    "amount": lambda one: _hundredths(one.row.amount),
    "currency": lambda one: one.row.currency,
    "status": lambda one: one.row.status,
    "recurring_interval": lambda one: _interval(one.row),
    "customer_name": lambda one: one.customer.name,
    "billing_name": lambda one: _billing_name(one.customer),
    "billing_country": lambda one: _country(one.customer),
    "net_amount": lambda one: _hundredths(one.row.net_amount),
    "discount": lambda one: one.row.discount and one.row.discount.name,
    "seats": lambda one: one.row.seats,
    "current_period_start": lambda one: one.time(one.row.current_period_start),
    "current_period_end": lambda one: one.time(one.row.current_period_end),
    "cancel_at_period_end": lambda one: str(one.row.cancel_at_period_end).lower(),
    "canceled_at": lambda one: one.time(one.row.canceled_at),
    "ends_at": lambda one: one.time(one.row.ends_at),
    "ended_at": lambda one: one.time(one.row.ended_at),
    "cancellation_reason": lambda one: one.row.reason,
    "trial_start": lambda one: one.time(one.row.trial_start),
    "trial_end": lambda one: one.time(one.row.trial_end),
}
"""Every column of the export of subscriptions, in the order of the contract."""

ORDER_COLUMNS: Columns[Order] = {
    "email": lambda one: one.customer.email,
    "created_at": lambda one: one.time(one.row.created_at),
    "product": lambda one: one.row.product.name,
    "net_amount": lambda one: _hundredths(one.row.net_amount),
    "currency": lambda one: one.row.currency,
    "status": lambda one: one.row.status,
    "invoice_number": lambda one: one.row.invoice_number,
    "customer_name": lambda one: one.customer.name,
    "billing_name": lambda one: _billing_name(one.customer),
    "billing_country": lambda one: _country(one.customer),
    "subtotal_amount": lambda one: _hundredths(one.row.subtotal_amount),
    "discount_amount": lambda one: _hundredths(one.row.discount_amount),
    "tax_amount": lambda one: _hundredths(one.row.tax_amount),
    "total_amount": lambda one: _hundredths(one.row.total_amount),
    "refunded_amount": lambda one: _hundredths(one.row.refunded_amount),
    "billing_reason": lambda one: one.row.billing_reason,
}
"""Every column of the export of orders, in the order of the contract."""

DEFAULT_COLUMNS = 7
"""So many of them, the first ones, are exported where none are asked for."""


def billing_csv(
    what: str, columns: Columns[Row], rows: Iterable[Exported[Row]], wanted: Sequence[str] | None
) -> Response:
    """Return rows as CSV.

    Args:
        what: Is exported; names the file.
        columns: Those that there are.
        rows: What to export.
        wanted: The columns that were asked for; None: not any.
    """
    names: Sequence[str] = wanted or list(columns)[:DEFAULT_COLUMNS]
    header = [_HEADERS.get(name) or name.replace("_", " ").title() for name in names]
    return csv_response(what, [header, *([columns[name](row) for name in names] for row in rows)])

"""Subscriptions and orders as CSV: no id of a customer, and amounts divided by 100 whatever the currency."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.export import csv_response
from polar_attio_pipeline.sandbox.polar.rows import Customer


def _hundredths(amount: int) -> Decimal:
    return Decimal(amount) / 100


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


_OF_CUSTOMER: Mapping[str, Callable[[Customer], Any]] = {
    "email": lambda row: row.email,
    "customer_name": lambda row: row.name,
    "billing_name": lambda row: row.billing_name or row.name,
    "billing_country": lambda row: (row.billing_address or {}).get("country"),
}
_OF_SUBSCRIPTION: Mapping[str, Callable[[Subscription], Any]] = {
    "started_at": lambda row: _time(row.started_at),
    "product": lambda row: row.product.name,
    "amount": lambda row: _hundredths(row.amount),
    "currency": lambda row: row.currency,
    "status": lambda row: row.status,
    "recurring_interval": lambda row: row.interval,
    "net_amount": lambda row: _hundredths(row.net_amount),
    "discount": lambda row: row.discount and row.discount.name,
    "seats": lambda row: row.seats,
    "current_period_start": lambda row: _time(row.current_period_start),
    "current_period_end": lambda row: _time(row.current_period_end),
    "cancel_at_period_end": lambda row: row.cancel_at_period_end,
    "canceled_at": lambda row: _time(row.canceled_at),
    "ends_at": lambda row: _time(row.ends_at),
    "ended_at": lambda row: _time(row.ended_at),
    "cancellation_reason": lambda row: row.reason,
    "trial_start": lambda row: _time(row.trial_start),
    "trial_end": lambda row: _time(row.trial_end),
}
_OF_ORDER: Mapping[str, Callable[[Order], Any]] = {
    "created_at": lambda row: _time(row.created_at),
    "product": lambda row: row.product.name,
    "net_amount": lambda row: _hundredths(row.net_amount),
    "currency": lambda row: row.currency,
    "status": lambda row: row.status,
    "invoice_number": lambda row: row.invoice_number,
    "subtotal_amount": lambda row: _hundredths(row.subtotal_amount),
    "discount_amount": lambda row: _hundredths(row.discount_amount),
    "tax_amount": lambda row: _hundredths(row.tax_amount),
    "total_amount": lambda row: _hundredths(row.total_amount),
    "refunded_amount": lambda row: _hundredths(row.refunded_amount),
    "billing_reason": lambda row: row.billing_reason,
}


def subscriptions_csv(rows: Iterable[tuple[Subscription, Customer]], columns: Sequence[str] | None) -> Response:
    """Return subscriptions, each given with its customer; `columns` None: all."""
    return _csv("subscriptions", _OF_SUBSCRIPTION, rows, columns)


def orders_csv(rows: Iterable[tuple[Order, Customer]], columns: Sequence[str] | None) -> Response:
    """Return orders, each given with its customer; `columns` None: all."""
    return _csv("orders", _OF_ORDER, rows, columns)


def _csv(
    what: str,
    cells: Mapping[str, Callable[[Any], Any]],
    rows: Iterable[tuple[Any, Customer]],
    columns: Sequence[str] | None,
) -> Response:
    wanted = columns or [*_OF_CUSTOMER, *cells]
    header = [column.replace("_", " ").title() for column in wanted]
    lines = [
        [_OF_CUSTOMER[column](customer) if column in _OF_CUSTOMER else cells[column](row) for column in wanted]
        for row, customer in rows
    ]
    return csv_response(what, [header, *lines])

"""What events say in their `metadata`, key by key as in Polar's contract."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.rows import Customer

_NAMED = ("name", "billing_name", "email", "billing_address", "metadata")
"""The changes that `updated_fields` names, beside `tax_id`; others come with `{}` (seen on Polar's server)."""


def of_customer(row: Customer) -> dict[str, Any]:
    """Return what `customer.created` and `customer.deleted` say."""
    return {
        "customer_id": row.id,
        "customer_email": row.email,
        "customer_name": row.name,
        "customer_external_id": row.external_id,
    }


def of_update(old: Customer, new: Customer) -> dict[str, Any]:
    """Return what `customer.updated` says."""
    changed: dict[str, Any] = {name: getattr(new, name) for name in _NAMED if getattr(new, name) != getattr(old, name)}
    for name, value in changed.items():
        if isinstance(value, Mapping):
            changed[name] = dict(value)
    if new.tax_id != old.tax_id:
        changed["tax_id"] = new.tax_id and new.tax_id[0]
    return {**of_customer(new), "updated_fields": changed}


def of_subscription(row: Subscription, **times: datetime | None) -> dict[str, Any]:
    """Return what most events of a subscription say, with these times beside it."""
    return {
        "subscription_id": row.id,
        "product_id": row.product.id,
        "amount": row.amount,
        "currency": row.currency,
        "recurring_interval": row.interval,
        "recurring_interval_count": row.interval_count,
        **{name: moment.isoformat() for name, moment in times.items() if moment is not None},
    }


def of_cancellation(row: Subscription) -> dict[str, Any]:
    """Return what `subscription.canceled` says."""
    why = {"customer_cancellation_reason": row.reason, "customer_cancellation_comment": row.comment}
    return {
        **of_subscription(row, canceled_at=row.canceled_at, ends_at=row.ends_at),
        **{name: text for name, text in why.items() if text is not None},
        "cancel_at_period_end": row.cancel_at_period_end,
    }


def of_payment(order: Order) -> dict[str, Any]:
    """Return what `order.paid` says."""
    said: dict[str, Any] = {
        "order_id": order.id,
        "product_id": order.product.id,
        "billing_type": order.product.billing_type,
        "amount": order.total_amount,
        "currency": order.currency,
        "net_amount": order.net_amount,
        "tax_amount": order.tax_amount,
        "discount_amount": order.discount_amount,
    }
    if order.subscription_id is not None:
        said["subscription_id"] = order.subscription_id
    return said


def of_refund(order: Order) -> dict[str, Any]:
    """Return what `order.refunded` says."""
    return {"order_id": order.id, "refunded_amount": order.refunded_amount, "currency": order.currency}


def of_void(order: Order) -> dict[str, Any]:
    """Return what `order.voided` says."""
    return {"order_id": order.id, "amount": order.total_amount, "currency": order.currency}

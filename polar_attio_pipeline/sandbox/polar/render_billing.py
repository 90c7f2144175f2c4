"""Subscriptions, orders and products as Polar's JSON, keys in the order of its own answers."""

from collections.abc import Iterable
from typing import Any

from polar_attio_pipeline.sandbox.polar.billing_rows import ACTIVE, Discount, Order, Product, Subscription
from polar_attio_pipeline.sandbox.polar.render import customer_json, timestamp
from polar_attio_pipeline.sandbox.polar.rows import Customer


def state_json(row: Customer, organization_id: str, subscriptions: Iterable[Subscription]) -> dict[str, Any]:
    """Return a customer's state: the customer, and the subscriptions that are active or trialing."""
    counted = ACTIVE - {"past_due"}
    active = [_state_subscription(held) for held in subscriptions if held.status in counted]
    nothing: list[Any] = []
    return {
        **customer_json(row, organization_id),
        "active_subscriptions": active,
        "granted_benefits": nothing,
        "active_meters": nothing,
    }


def _state_subscription(row: Subscription) -> dict[str, Any]:
    full = {**_subscription_itself(row), "price_id": row.product.price_id, "custom_field_data": {}, "meters": []}
    shown = (
        "id", "created_at", "modified_at", "custom_field_data", "metadata", "status", "amount", "currency",
        "recurring_interval", "current_period_start", "current_period_end", "trial_start", "trial_end",
        "cancel_at_period_end", "canceled_at", "started_at", "ends_at", "product_id", "discount_id", "price_id",
        "meters",
    )  # fmt: skip
    return {key: full[key] for key in shown}


def subscription_json(row: Subscription, customer: Customer, organization_id: str) -> dict[str, Any]:
    """Return a subscription as `GET /v1/subscriptions/` lists it, with its customer and product."""
    shown = customer_json(customer, organization_id)
    price = _price_json(row.product)
    user = {
        "id": customer.id,
        "email": customer.email or f"{customer.id}@polar.sh",
        "public_name": (customer.name or customer.email or "?")[0],
        "avatar_url": shown["avatar_url"],
        "github_username": None,
    }
    return {
        **_subscription_itself(row),
        "units": None,
        "price_id": row.product.price_id,
        "custom_field_data": {},
        "customer": shown,
        "user_id": customer.id,
        "user": user,
        "product": {**_product_json(row.product, organization_id), **_product_details(price)},
        "discount": row.discount and _discount_json(row.discount, organization_id),
        "price": price,
        "prices": [price],
        "meters": [],
        "pending_update": None,
    }


def order_json(
    row: Order, customer: Customer, subscription: Subscription | None, organization_id: str
) -> dict[str, Any]:
    """Return an order as `GET /v1/orders/` lists it, with its customer, product and subscription."""
    shown = customer_json(customer, organization_id)
    left = row.net_amount - row.refunded_amount if row.paid else 0
    return {
        "id": row.id,
        "created_at": timestamp(row.created_at),
        "modified_at": timestamp(row.modified_at),
        "status": row.status,
        "paid": row.paid,
        "subtotal_amount": row.subtotal_amount,
        "discount_amount": row.discount_amount,
        "net_amount": row.net_amount,
        "tax_amount": row.tax_amount,
        "total_amount": row.total_amount,
        "applied_balance_amount": 0,
        "due_amount": row.total_amount,
        "refunded_amount": row.refunded_amount,
        "refunded_tax_amount": row.refunded_tax_amount,
        "currency": row.currency,
        "billing_reason": row.billing_reason,
        "billing_name": shown["billing_name"],
        "billing_address": shown["billing_address"],
        "invoice_number": row.invoice_number,
        "is_invoice_generated": False,
        "receipt_number": None,
        "seats": row.seats,
        "customer_id": row.customer_id,
        "product_id": row.product.id,
        "discount_id": row.discount_id,
        "subscription_id": row.subscription_id,
        "checkout_id": None,
        "next_payment_attempt_at": None,
        "metadata": {},
        "custom_field_data": {},
        "platform_fee_amount": 0,
        "platform_fee_currency": None,
        "customer": shown,
        "user_id": customer.id,
        "product": _product_json(row.product, organization_id),
        "discount": row.discount and _discount_json(row.discount, organization_id),
        "subscription": subscription and _subscription_itself(subscription),
        "items": [_item_json(row)],
        "description": row.product.name,
        "refundable_amount": left,
        "refundable_tax_amount": row.tax_amount - row.refunded_tax_amount if row.paid else 0,
    }


def _item_json(row: Order) -> dict[str, Any]:
    return {
        "created_at": timestamp(row.created_at),
        "modified_at": None,
        "id": row.id,
        "label": row.product.name,
        "amount": row.subtotal_amount,
        "tax_amount": row.tax_amount,
        "proration": False,
        "product_price_id": row.product.price_id,
    }


def _subscription_itself(row: Subscription) -> dict[str, Any]:
    return {
        "created_at": timestamp(row.created_at),
        "modified_at": timestamp(row.modified_at),
        "id": row.id,
        "amount": row.amount,
        "currency": row.currency,
        "recurring_interval": row.interval,
        "recurring_interval_count": row.interval_count,
        "status": row.status,
        "current_period_start": timestamp(row.current_period_start),
        "current_period_end": timestamp(row.current_period_end),
        "current_meter_period_start": None,
        "current_meter_period_end": None,
        "trial_start": timestamp(row.trial_start),
        "trial_end": timestamp(row.trial_end),
        "cancel_at_period_end": row.cancel_at_period_end,
        "canceled_at": timestamp(row.canceled_at),
        "started_at": timestamp(row.started_at),
        "ends_at": timestamp(row.ends_at),
        "ended_at": timestamp(row.ended_at),
        "past_due_at": timestamp(row.past_due_at),
        "pause_at_period_end": row.pause_at_period_end,
        "paused_at": timestamp(row.paused_at),
        "resumes_at": timestamp(row.resumes_at),
        "customer_id": row.customer_id,
        "product_id": row.product.id,
        "discount_id": row.discount_id,
        "checkout_id": None,
        "seats": row.seats,
        "customer_cancellation_reason": row.reason,
        "customer_cancellation_comment": row.comment,
        "metadata": {},
    }


def _price_json(product: Product) -> dict[str, Any]:
    return {
        "created_at": timestamp(product.created_at),
        "modified_at": None,
        "id": product.price_id,
        "source": "catalog",
        "amount_type": "fixed",
        "price_currency": product.currency,
        "tax_behavior": None,
        "is_archived": False,
        "product_id": product.id,
        "type": product.billing_type,
        "recurring_interval": product.interval,
        "price_amount": product.amount,
    }


def _product_json(product: Product, organization_id: str) -> dict[str, Any]:
    return {
        "id": product.id,
        "created_at": timestamp(product.created_at),
        "modified_at": None,
        "trial_interval": None,
        "trial_interval_count": None,
        "name": product.name,
        "description": None,
        "visibility": "public",
        "recurring_interval": product.interval,
        "recurring_interval_count": None if product.interval is None else product.interval_count,
        "meter_interval": None,
        "meter_interval_count": None,
        "is_recurring": product.interval is not None,
        "is_archived": False,
        "organization_id": organization_id,
        "metadata": {},
    }


def _product_details(price: dict[str, Any]) -> dict[str, Any]:
    return {"prices": [price], "benefits": [], "medias": [], "attached_custom_fields": []}


def _discount_json(discount: Discount, organization_id: str) -> dict[str, Any]:
    unset = ("modified_at", "code", "starts_at", "ends_at", "max_redemptions", "max_redemptions_per_customer")
    return {
        **dict.fromkeys(unset),
        "duration": "forever",
        "type": "percentage",
        "basis_points": discount.basis_points,
        "created_at": timestamp(discount.created_at),
        "id": discount.id,
        "metadata": {},
        "name": discount.name,
        "redemptions_count": 1,
        "organization_id": organization_id,
    }

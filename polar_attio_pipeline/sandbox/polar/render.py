"""Rows as Polar's JSON, keys in the order of its own answers."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

from polar_attio_pipeline.sandbox.polar.rows import ACTIVE, Customer, Member, Product, Subscription

_ADDRESS = ("line1", "line2", "postal_code", "city", "state", "country")


def timestamp(moment: datetime | None) -> str | None:
    """Write a time as Polar's server does: no fraction when it is zero, else six digits."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def customer_json(row: Customer, organization_id: str) -> dict[str, Any]:
    """Return a customer as `GET /v1/customers/{id}` shows it."""
    address = row.billing_address
    return {
        "id": row.id,
        "created_at": timestamp(row.created_at),
        "modified_at": timestamp(row.modified_at),
        "metadata": dict(row.metadata),
        "external_id": row.external_id,
        "email": row.email,
        "email_verified": row.email_verified,
        "type": row.type,
        "name": row.name,
        "billing_name": row.billing_name or row.name,
        "billing_address": None if address is None else {key: address.get(key) for key in _ADDRESS},
        "tax_id": row.tax_id,
        "locale": row.locale,
        "organization_id": organization_id,
        "default_payment_method_id": None,
        "deleted_at": timestamp(row.deleted_at),
        "first_user_event_at": timestamp(row.first_user_event_at),
        "avatar_url": _avatar_url(row.email or row.id),
    }


def member_json(row: Member) -> dict[str, Any]:
    """Return a member as `GET /v1/members/` lists it."""
    return {
        "id": row.id,
        "created_at": timestamp(row.created_at),
        "modified_at": timestamp(row.modified_at),
        "customer_id": row.customer_id,
        "email": row.email,
        "name": row.name,
        "external_id": row.external_id,
        "role": row.role,
    }


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
    full = _subscription_itself(row)
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
        "customer": shown,
        "user_id": customer.id,
        "user": user,
        "product": _product_json(row.product, organization_id, price),
        "discount": None,
        "price": price,
        "prices": [price],
        "pending_update": None,
    }


def _subscription_itself(row: Subscription) -> dict[str, Any]:
    unset = (
        "current_meter_period_start", "current_meter_period_end", "trial_start", "trial_end", "past_due_at",
        "paused_at", "resumes_at", "discount_id", "checkout_id", "seats", "units", "customer_cancellation_reason",
        "customer_cancellation_comment",
    )  # fmt: skip
    return {
        **dict.fromkeys(unset),
        "created_at": timestamp(row.created_at),
        "modified_at": timestamp(row.modified_at),
        "id": row.id,
        "amount": row.product.amount,
        "currency": "usd",
        "recurring_interval": row.product.interval,
        "recurring_interval_count": 1,
        "status": row.status,
        "current_period_start": timestamp(row.current_period_start),
        "current_period_end": timestamp(row.current_period_end),
        "cancel_at_period_end": False,
        "canceled_at": timestamp(row.canceled_at),
        "started_at": timestamp(row.started_at),
        "ends_at": timestamp(row.ended_at),
        "ended_at": timestamp(row.ended_at),
        "pause_at_period_end": False,
        "customer_id": row.customer_id,
        "product_id": row.product.id,
        "price_id": row.product.price_id,
        "metadata": {},
        "custom_field_data": {},
        "meters": [],
    }


def _price_json(product: Product) -> dict[str, Any]:
    return {
        "created_at": timestamp(product.created_at),
        "modified_at": None,
        "id": product.price_id,
        "source": "catalog",
        "amount_type": "fixed",
        "price_currency": "usd",
        "tax_behavior": None,
        "is_archived": False,
        "product_id": product.id,
        "type": "recurring",
        "recurring_interval": product.interval,
        "price_amount": product.amount,
    }


def _product_json(product: Product, organization_id: str, price: dict[str, Any]) -> dict[str, Any]:
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
        "recurring_interval_count": 1,
        "meter_interval": None,
        "meter_interval_count": None,
        "is_recurring": True,
        "is_archived": False,
        "organization_id": organization_id,
        "metadata": {},
        "prices": [price],
        "benefits": [],
        "medias": [],
        "attached_custom_fields": [],
    }


def _avatar_url(of: str) -> str:
    return f"https://www.gravatar.com/avatar/{sha256(of.lower().encode()).hexdigest()}?d=404"

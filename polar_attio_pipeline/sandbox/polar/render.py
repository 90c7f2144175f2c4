"""Customers and members as Polar's JSON, keys in the order of its own answers."""

from datetime import datetime
from hashlib import sha256
from typing import Any

from polar_attio_pipeline.sandbox.polar.rows import Customer, Member

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
        "avatar_url": avatar_url(row.email or row.id),
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


def avatar_url(of: str) -> str:
    """Return the address of a picture, by an email or an id."""
    return f"https://www.gravatar.com/avatar/{sha256(of.lower().encode()).hexdigest()}?d=404"

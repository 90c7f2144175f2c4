"""The rows of Polar."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

CustomerType = Literal["individual", "team"]
MemberRole = Literal["owner", "billing_manager", "member"]

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer. Each change makes a new row, so that a page that was read stays as it was read.

    Attributes:
        modified_at: None until the first update.
        billing_name: None falls back to `name`.
        tax_id: Value and format.
        deleted_at: Set on rows that are gone; those are never listed.
    """

    id: str
    created_at: datetime
    email: str | None
    name: str | None
    type: CustomerType = "individual"
    external_id: str | None = None
    modified_at: datetime | None = None
    billing_name: str | None = None
    billing_address: Mapping[str, str | None] | None = None
    tax_id: tuple[str, str] | None = None
    locale: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    email_verified: bool = False
    first_user_event_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def serialisable(self) -> bool:
        """Whether Polar's own response model takes the row: an individual must have an email."""
        return self.email is not None or self.type == "team"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a customer; a team's own person is its owner."""

    id: str
    created_at: datetime
    customer_id: str
    email: str
    name: str | None
    role: MemberRole = "owner"
    external_id: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """The seller.

    Attributes:
        member_model: Whether customers have members; without it nobody has an owner to ask for.
    """

    id: str
    name: str
    slug: str
    created_at: datetime
    member_model: bool = True


@dataclass(slots=True)
class Token:
    """An organization access token; not active once revoked."""

    scopes: frozenset[str]
    active: bool = True

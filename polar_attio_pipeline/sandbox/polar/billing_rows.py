"""The rows of Polar that say what a customer pays: products, discounts, subscriptions and orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Status = Literal["incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"]
Interval = Literal["day", "week", "month", "year"]
Reason = Literal[
    "customer_service",
    "low_quality",
    "missing_features",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
    "other",
]
OrderStatus = Literal["draft", "pending", "paid", "refunded", "partially_refunded", "void"]
BillingType = Literal["one_time", "recurring"]
BillingReason = Literal["purchase", "subscription_create", "subscription_cycle", "subscription_update"]

ACTIVE: frozenset[Status] = frozenset({"trialing", "active", "past_due"})
"""What `GET /v1/customers/?active=true` counts as active (Polar's server, `get_active_clause`)."""

PAID: frozenset[OrderStatus] = frozenset({"paid", "refunded", "partially_refunded"})
"""The statuses of orders whose money came."""


@dataclass(frozen=True, slots=True)
class Product:
    """What is sold, at one price.

    Attributes:
        amount: Per period, in the currency's smallest unit.
        interval: None is sold once.
        currency: ISO 4217, in lower case.
    """

    id: str
    price_id: str
    name: str
    amount: int
    interval: Interval | None
    created_at: datetime
    currency: str = "usd"
    interval_count: int = 1

    @property
    def billing_type(self) -> BillingType:
        """Whether it is sold once or as a subscription."""
        return "one_time" if self.interval is None else "recurring"


@dataclass(frozen=True, slots=True)
class Discount:
    """A percentage off for ever.

    Attributes:
        basis_points: Hundredths of a percent.
    """

    id: str
    created_at: datetime
    name: str
    basis_points: int

    def of(self, amount: int) -> int:
        """Return what is taken off an amount, rounded to the smallest unit."""
        return (amount * self.basis_points + 5_000) // 10_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer's subscription of a product. Each change makes a new row.

    Attributes:
        started_at: None while it is incomplete; such rows are never listed.
        amount: Per period, in the currency's smallest unit, with the discount taken off and inclusive tax in it.
        net_amount: The same without inclusive tax; in the export only.
        currency: ISO 4217, in lower case.
        ends_at: When it will end, or has ended.
    """

    id: str
    created_at: datetime
    customer_id: str
    product: Product
    status: Status
    started_at: datetime | None
    current_period_start: datetime
    current_period_end: datetime
    amount: int
    net_amount: int
    currency: str
    interval: Interval
    interval_count: int = 1
    seats: int | None = None
    discount: Discount | None = None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    cancel_at_period_end: bool = False
    canceled_at: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    past_due_at: datetime | None = None
    pause_at_period_end: bool = False
    paused_at: datetime | None = None
    resumes_at: datetime | None = None
    reason: Reason | None = None
    comment: str | None = None
    modified_at: datetime | None = None

    @property
    def discount_id(self) -> str | None:
        """Which discount was taken off, if any."""
        return None if self.discount is None else self.discount.id


@dataclass(frozen=True, slots=True)
class Order:
    """An order: of one product, once or for a period of a subscription. Amounts in the currency's smallest unit.

    Attributes:
        subtotal_amount: Before discount and tax.
        refunded_amount: Without tax.
    """

    id: str
    created_at: datetime
    customer_id: str
    product: Product
    status: OrderStatus
    billing_reason: BillingReason
    currency: str
    subtotal_amount: int
    number: int
    discount_amount: int = 0
    tax_amount: int = 0
    refunded_amount: int = 0
    refunded_tax_amount: int = 0
    subscription_id: str | None = None
    discount: Discount | None = None
    seats: int | None = None
    modified_at: datetime | None = None

    @property
    def net_amount(self) -> int:
        """What is asked for without tax."""
        return self.subtotal_amount - self.discount_amount

    @property
    def total_amount(self) -> int:
        """What is asked for."""
        return self.net_amount + self.tax_amount

    @property
    def paid(self) -> bool:
        """Whether the money came, whatever was given back since."""
        return self.status in PAID

    @property
    def invoice_number(self) -> str:
        """The running number as it is printed."""
        return f"SANDBOX-{self.number:05d}"

    @property
    def discount_id(self) -> str | None:
        """Which discount was taken off, if any."""
        return None if self.discount is None else self.discount.id

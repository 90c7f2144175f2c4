"""Reads subscriptions of Polar's; only those that have started are listed (Polar's server)."""

from sys import intern
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from polar_attio_pipeline.polar.entries import Currency, Entry, UtcMoment, entry_of
from polar_attio_pipeline.polar.models import CanonicalUuid
from polar_attio_pipeline.sync.purchases import Subscription

SORTING = ["-started_at", "customer", "product"]
"""Imported subscriptions start at one instant; a customer has seldom two of one product that do."""

# Thousands of subscriptions share few words: each is kept once.
_Word = Annotated[str, AfterValidator(intern)]


class _Product(BaseModel):
    name: _Word


class _Row(BaseModel):
    id: CanonicalUuid
    customer_id: CanonicalUuid
    status: _Word
    product: _Product
    amount: int = Field(strict=True)
    currency: Annotated[Currency, AfterValidator(intern)]
    recurring_interval: _Word
    recurring_interval_count: int = 1
    started_at: UtcMoment | None
    current_period_end: UtcMoment | None
    trial_end: UtcMoment | None = None
    cancel_at_period_end: bool
    ends_at: UtcMoment | None
    ended_at: UtcMoment | None
    seats: int | None = None
    customer_cancellation_reason: _Word | None = None


def subscription_entry(item: object) -> Entry[Subscription]:
    """Return one listed subscription, or what is wrong with it."""
    return entry_of(item, model=_Row, value=_subscription, sorted_by="started_at")


def _subscription(row: _Row) -> Subscription:
    return Subscription(
        id=row.id,
        customer_id=row.customer_id,
        status=row.status,
        product=row.product.name,
        amount=row.amount,
        currency=row.currency,
        interval=row.recurring_interval,
        interval_count=row.recurring_interval_count,
        started_at=row.started_at,
        current_period_end=row.current_period_end,
        trial_end=row.trial_end,
        cancel_at_period_end=row.cancel_at_period_end,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
        seats=row.seats,
        cancellation_reason=row.customer_cancellation_reason,
    )

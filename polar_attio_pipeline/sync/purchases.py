"""What a customer has bought in Polar: subscriptions and orders."""

from dataclasses import dataclass
from datetime import datetime

_ENDED = frozenset({"canceled", "unpaid"})
_PAID = frozenset({"paid", "refunded", "partially_refunded"})


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of a customer, as Polar has it.

    Attributes:
        id: Polar's UUID.
        customer_id: Whose it is.
        status: Polar's word; others than those known here may come.
        product: Name of what is subscribed to.
        amount: Per interval, in the currency's smallest unit: discount applied, tax as the price has it.
        currency: ISO 4217, in capitals.
        interval: `day`, `week`, `month` or `year`.
        interval_count: How many intervals a period has.
        started_at: UTC; None before the first payment.
        current_period_end: When it renews or ends, UTC.
        trial_end: When the trial ends or ended, UTC.
        cancel_at_period_end: Whether it is set to end with its period.
        ends_at: When it will end or has ended, UTC.
        ended_at: When it has ended, UTC.
        seats: How many, where the product is sold by seat.
        cancellation_reason: What the customer chose from Polar's list.
    """

    id: str
    customer_id: str
    status: str
    product: str
    amount: int
    currency: str
    interval: str
    interval_count: int
    started_at: datetime | None = None
    current_period_end: datetime | None = None
    trial_end: datetime | None = None
    cancel_at_period_end: bool = False
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    seats: int | None = None
    cancellation_reason: str | None = None

    def has_ended(self, now: datetime) -> bool:
        """Tell whether it has come to its end, whatever its status still says."""
        end = self.ended_at or self.ends_at
        return self.status in _ENDED or (end is not None and end <= now)


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a customer, as Polar has it.

    Attributes:
        customer_id: Whose it is.
        status: Polar's word.
        net: Without tax, discount applied, in the currency's smallest unit.
        refunded: What of it was given back.
        currency: ISO 4217, in capitals.
        created_at: UTC.
        of_subscription: Whether it belongs to a subscription.
    """

    customer_id: str
    status: str
    net: int
    refunded: int
    currency: str
    created_at: datetime
    of_subscription: bool

    @property
    def is_payment(self) -> bool:
        """Whether money was paid for it, even if it was given back later."""
        return self.status in _PAID and self.net > 0

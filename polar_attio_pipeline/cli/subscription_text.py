"""A subscription in words. Pure."""

from datetime import UTC, datetime

from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.purchases import Subscription


def in_words(one: Subscription, now: datetime) -> str:
    """Return what a subscription is, what it brings, and how long it goes on.

    Args:
        one: The subscription.
        now: When it was read, UTC.
    """
    parts = [f"{one.product}: {one.status}", _price(one)]
    if one.seats is not None:
        parts.append(f"{one.seats} seats")
    if one.started_at:
        parts.append(f"since {_day(one.started_at)}")
    if one.trial_end and one.trial_end > now:
        parts.append(f"in its trial until {_day(one.trial_end)}")
    return ", ".join([*parts, *_end(one, now)]) + "."


def _price(one: Subscription) -> str:
    if not one.amount:
        return "free of charge"
    amount = Money(one.amount, one.currency).amount
    price = f"{amount} {one.currency}" if amount is not None else f"{one.amount} of the smallest unit of {one.currency}"
    each = one.interval if one.interval_count == 1 else f"{one.interval_count} {one.interval}s"
    return f"{price} every {each}"


def _end(one: Subscription, now: datetime) -> list[str]:
    end = one.ended_at or one.ends_at
    if one.has_ended(now):
        return [f"ended {_day(end)}" if end else "ended", *_reason(one)]
    if one.cancel_at_period_end or end:
        last = end or one.current_period_end
        return [f"set to end {_day(last)}" if last else "set to end", *_reason(one)]
    return [f"renews {_day(one.current_period_end)}"] if one.current_period_end else []


def _reason(one: Subscription) -> list[str]:
    return [f"because: {one.cancellation_reason}"] if one.cancellation_reason else []


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"

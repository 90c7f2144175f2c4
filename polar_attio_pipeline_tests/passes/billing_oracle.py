"""What people must show of what customers pay: from the rows of the sandbox, by docs/billing.md, in plain words.

It shares nothing with `sync/billing`, `sync/revenue`, `sync/mapping` or `sync/audience`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline_tests.sync.oracle import No

EVERYBODY, EVER_PAID, PAYS_NOW = "everybody", "ever-paid", "pays-now"

IN_A_YEAR = {"year": 1, "month": 12, "week": 52, "day": 365}
PLACES = {"usd": 2, "eur": 2, "jpy": 0, "kwd": 3}
BEST_FIRST = ("Paying", "Canceling", "Past due", "Trialing", "Paused", "Free")


class Access(Enum):
    """Whether a pass can read one of Polar's lists."""

    OPEN = "open"
    FORBIDDEN = "forbidden"
    FAILING = "failing"


@dataclass(frozen=True)
class Eyes:
    """What a pass can see of billing, and when it looks.

    Attributes:
        currency: Of the attributes that hold amounts, in small letters.
    """

    now: datetime
    currency: str
    subscriptions: Access = Access.OPEN
    orders: Access = Access.OPEN


def said(world: PolarWorld, customer_id: str, eyes: Eyes) -> dict[str, Any]:
    """What Polar says for the attributes of billing; one that is absent is not spoken of."""
    found: dict[str, Any] = {"polar_status": _status_said(world, customer_id, eyes)}
    if eyes.subscriptions is Access.OPEN:
        running, ended = _parted(world, customer_id, eyes.now)
        found |= {
            "polar_products": ", ".join(sorted({one.product.name for one in running})) or No.VALUE,
            "polar_mrr": _amount(_monthly(running), eyes.currency),
            "polar_seats": sum(one.seats or 0 for one in running)
            if any(one.seats is not None for one in running)
            else No.VALUE,
            "polar_subscribed_since": _since(running, ended),
            "polar_trial_ends_at": _at(min, (one.trial_end for one in running if one.status == "trialing")),
            "polar_renews_at": _at(min, (one.current_period_end for one in running if _renews(one))),
            **_ending(running, ended),
        }
    if eyes.orders is Access.OPEN:
        payments = _payments(world, customer_id)
        found["polar_lifetime_value"] = _amount(
            [(order.currency, order.net_amount - order.refunded_amount) for order in payments], eyes.currency
        )
        found["polar_last_paid_at"] = _at(max, (order.created_at for order in payments))
    return found


def foreign(world: PolarWorld, customer_id: str, eyes: Eyes) -> set[str]:
    """The attributes that cannot hold an amount, because it is in another currency than theirs."""
    found = set()
    if eyes.subscriptions is Access.OPEN:
        running, _ = _parted(world, customer_id, eyes.now)
        found |= {"polar_mrr"} if _others(_monthly(running), eyes.currency) else set()
    if eyes.orders is Access.OPEN:
        paid = [(one.currency, one.net_amount - one.refunded_amount) for one in _payments(world, customer_id)]
        found |= {"polar_lifetime_value"} if _others(paid, eyes.currency) else set()
    return found


def belongs(world: PolarWorld, customer_id: str, audience: str, eyes: Eyes) -> bool | None:
    """Whether a customer is to become a person; None where Polar does not show enough to say it."""
    if audience == EVERYBODY:
        return True
    running, ended = _parted(world, customer_id, eyes.now)
    payments = bool(_payments(world, customer_id))
    if eyes.subscriptions is not Access.OPEN:
        return True if audience == EVER_PAID and eyes.orders is Access.OPEN and payments else None
    if _best(running) in {"Paying", "Canceling", "Past due"}:
        return True
    if audience == PAYS_NOW:
        return False
    if eyes.orders is Access.FAILING:
        return None
    seem_paid_for = any(_went_on_after_its_trial(one, eyes.now) for one in [*ended, *_paused(running)])
    return payments if eyes.orders is Access.OPEN else seem_paid_for


def _status_said(world: PolarWorld, customer_id: str, eyes: Eyes) -> Any:
    if eyes.subscriptions is not Access.OPEN:
        return No.WORD
    running, ended = _parted(world, customer_id, eyes.now)
    if running:
        return _best(running)
    if eyes.orders is Access.OPEN:
        payments = _payments(world, customer_id)
        paid_once = "Bought once" if payments else "Never paid"
        return "Churned" if any(order.subscription_id for order in payments) else paid_once
    if eyes.orders is Access.FAILING or not ended:
        return No.WORD
    return "Churned" if any(_went_on_after_its_trial(one, eyes.now) for one in ended) else "Never paid"


def _parted(world: PolarWorld, customer_id: str, now: datetime) -> tuple[list[Subscription], list[Subscription]]:
    """What runs, and what has ended."""
    running: list[Subscription] = []
    ended: list[Subscription] = []
    for one in world.subscriptions.of(customer_id):
        end = one.ended_at or one.ends_at
        if one.status in {"incomplete", "incomplete_expired"}:
            continue
        is_over = one.status in {"canceled", "unpaid"} or (end is not None and end <= now)
        (ended if is_over else running).append(one)
    return running, ended


def _payments(world: PolarWorld, customer_id: str) -> list[Order]:
    paid = {"paid", "refunded", "partially_refunded"}
    return [order for order in world.orders.of(customer_id) if order.status in paid and order.net_amount > 0]


def _best(running: Iterable[Subscription]) -> str | None:
    found = {_name_of(one) for one in running}
    return next((status for status in BEST_FIRST if status in found), None)


def _name_of(one: Subscription) -> str:
    if one.status == "active":
        return "Free" if one.amount <= 0 else "Canceling" if one.cancel_at_period_end else "Paying"
    return {"past_due": "Past due", "trialing": "Trialing", "paused": "Paused"}[one.status]


def _paused(running: Iterable[Subscription]) -> list[Subscription]:
    return [one for one in running if one.status == "paused"]


def _went_on_after_its_trial(one: Subscription, now: datetime) -> bool:
    end = min(one.ended_at or one.ends_at or now, now)
    return one.amount > 0 and (one.trial_end is None or one.trial_end < end)


def _monthly(running: Iterable[Subscription]) -> list[tuple[str, int]]:
    """What each subscription whose money comes makes in a month, in the smallest unit, rounded as money is."""
    amounts = []
    for one in running:
        if one.status in {"active", "past_due"} and one.amount > 0:
            exact = Fraction(one.amount * IN_A_YEAR[one.interval], 12 * one.interval_count)
            rounded = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal(1), ROUND_HALF_UP)
            amounts.append((one.currency, int(rounded)))
    return amounts


def _others(amounts: Iterable[tuple[str, int]], currency: str) -> set[str]:
    sums = _sums(amounts)
    return {held for held, total in sums.items() if total and held != currency}


def _sums(amounts: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    sums: dict[str, int] = {}
    for held, amount in amounts:
        sums[held] = sums.get(held, 0) + amount
    return sums


def _amount(amounts: Sequence[tuple[str, int]], currency: str) -> Any:
    if _others(amounts, currency):
        return No.VALUE
    return Decimal(_sums(amounts).get(currency, 0)) / 10 ** PLACES[currency]


def _renews(one: Subscription) -> bool:
    return one.status != "paused" and not one.cancel_at_period_end


def _since(running: Sequence[Subscription], ended: Sequence[Subscription]) -> Any:
    if running:
        return _at(min, (one.started_at for one in running))
    return _one_of({_text(one.started_at) for one in _last(ended)})


def _ending(running: Sequence[Subscription], ended: Sequence[Subscription]) -> dict[str, Any]:
    """The end of it all, and why: of what runs if all of that is to end, of what has ended if nothing runs."""
    if any(not one.cancel_at_period_end for one in running):
        return {"polar_ends_at": No.VALUE, "polar_churn_reason": No.VALUE}
    last = _last(running or ended)
    return {
        "polar_ends_at": _one_of({_text(one.ended_at or one.ends_at) for one in last}),
        "polar_churn_reason": _one_of({one.reason or No.VALUE for one in last}),
    }


def _last(some: Sequence[Subscription]) -> list[Subscription]:
    ends = {one.id: one.ended_at or one.ends_at or one.current_period_end for one in some}
    return [one for one in some if ends[one.id] == max(ends.values())]


def _one_of(values: set[Any]) -> Any:
    """The value; where several subscriptions end at one instant, any of theirs will do."""
    return values.pop() if len(values) == 1 else No.MATTER if values else No.VALUE


def _at(choose: Any, moments: Iterable[datetime | None]) -> Any:
    known = [moment for moment in moments if moment is not None]
    return _text(choose(known)) if known else No.VALUE


def _text(moment: datetime | None) -> Any:
    return moment.strftime("%Y-%m-%dT%H:%M:%S") if moment else No.VALUE

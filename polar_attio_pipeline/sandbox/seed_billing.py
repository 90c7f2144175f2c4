"""Generated subscriptions and orders: what customers of a small business pay, or do not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Literal, get_args

from polar_attio_pipeline.sandbox.polar.billing import Billing
from polar_attio_pipeline.sandbox.polar.billing_rows import Product, Reason, Subscription

Story = Literal["active", "trialing", "past_due", "canceled"]
STORIES: Sequence[Story] = ("active", "active", "active", "active", "trialing", "past_due", "canceled")
"""How a subscription stands today, as often as each comes."""

_DAY = timedelta(days=1)
_TRIAL_DAYS = 14
_REASONS: Sequence[Reason] = get_args(Reason)
_PRICES = (("usd", 1.0), ("usd", 1.0), ("usd", 1.0), ("eur", 0.9), ("jpy", 1.5))
"""Currencies, as often as each comes, and what a cent costs in their smallest unit."""


class BillingSeeder:
    """Gives customers their subscriptions and orders, repeatable by its seed.

    Args:
        billing: Where they are added.
        seed: Draws from it change nothing else.
        now: Nothing happens later.

    Attributes:
        products: What is subscribed to.
    """

    def __init__(self, billing: Billing, seed: int, now: datetime) -> None:
        self._billing = billing
        self._random = Random(seed)
        self._now = now
        opened = now - 400 * _DAY
        self.products = [
            billing.product("Pro", amount=2900, created_at=opened),
            billing.product("Team", amount=9900, created_at=opened),
            billing.product("Pro, yearly", amount=29000, interval="year", created_at=opened),
        ]
        self._free = billing.product("Free", amount=0, created_at=opened)
        self._add_on = billing.product("Extra storage", amount=500, created_at=opened)
        self._book = billing.product("Handbook", amount=1900, interval=None, created_at=opened)
        self._launch = billing.discount("LAUNCH", percent=20)

    def subscribe(self, customer_id: str, since: datetime, product: Product, story: Story) -> None:
        """Give a customer a subscription that has come to this; a few get a second one."""
        tell = {
            "active": self._run,
            "trialing": self._try,
            "past_due": self._fall_behind,
            "canceled": self._leave,
        }[story]
        tell(customer_id, since, product)
        if self._random.random() < 0.06:
            self._run(customer_id, since, self._add_on)

    def browse(self, customer_id: str, since: datetime) -> None:
        """Let a customer without subscription buy once, give up before paying, or do nothing."""
        draw = self._random.random()
        if draw < 0.2:
            bought = self._billing.buy_once(customer_id, self._book, tax=361, at=since)
            if draw < 0.04:
                self._billing.refund(bought.id, 900 if draw < 0.02 else None, at=self._between(since))
        elif draw < 0.3:
            self._billing.subscribe(customer_id, self.products[0], is_incomplete=True, at=since)

    def _run(self, customer_id: str, since: datetime, product: Product) -> None:
        draw = self._random.random()
        if product is not self._add_on and draw < 0.15:
            self._renew(self._billing.subscribe(customer_id, self._free, at=since))
            return
        held = self._renew(self._begin(customer_id, since, product))
        if draw < 0.25:
            self._billing.cancel(held.id, self._random.choice(_REASONS), at=self._between(held.current_period_start))
        elif draw < 0.31:
            self._billing.pause(held.id, at=self._between(held.current_period_start))

    def _try(self, customer_id: str, since: datetime, product: Product) -> None:
        began = max(since, self._now - self._random.random() * (_TRIAL_DAYS - 1) * _DAY)
        held = self._begin(customer_id, began, product, trial_days=_TRIAL_DAYS)
        if self._random.random() < 0.15:
            self._billing.cancel(held.id, self._random.choice(_REASONS), at=self._between(began))

    def _fall_behind(self, customer_id: str, since: datetime, product: Product) -> None:
        held = self._renew(self._begin(customer_id, since, product))
        self._billing.past_due(held.id, at=self._between(held.current_period_start))

    def _leave(self, customer_id: str, since: datetime, product: Product) -> None:
        until = since + (self._now - since) / 2
        draw = self._random.random()
        if draw < 0.2:
            held = self._begin(customer_id, since, product, trial_days=_TRIAL_DAYS)
        else:
            held = self._renew(self._begin(customer_id, since, product), until)
        if draw < 0.8:
            self._billing.cancel(held.id, self._random.choice(_REASONS), at=until)
        self._billing.revoke(held.id, unpaid=draw > 0.9, at=until)

    def _begin(self, customer_id: str, since: datetime, product: Product, *, trial_days: int = 0) -> Subscription:
        currency, factor = self._random.choice(_PRICES)
        return self._billing.subscribe(
            customer_id,
            product,
            trial_days=trial_days,
            currency=currency,
            amount=round(product.amount * factor),
            seats=self._random.randint(2, 20) if product.name == "Team" else None,
            discount=self._launch if self._random.random() < 0.1 else None,
            at=since,
        )

    def _renew(self, held: Subscription, until: datetime | None = None) -> Subscription:
        while held.current_period_end <= (until or self._now):
            held = self._billing.renew(held.id, at=held.current_period_end)
        return held

    def _between(self, start: datetime) -> datetime:
        return start + self._random.random() * (self._now - start)

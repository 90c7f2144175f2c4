"""What may happen to customers, people and settings between passes: one method each, drawn by a seed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

from polar_attio_pipeline.sandbox.attio.errors import AttioError
from polar_attio_pipeline.sandbox.attio.schema import ActorType
from polar_attio_pipeline.sandbox.polar.billing_rows import Subscription
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.sales import ImpossibleError
from polar_attio_pipeline.sandbox.polar.world import TakenError
from polar_attio_pipeline.sync.attributes import ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline_tests.passes.choices import (
    AUDIENCES,
    CLEARED,
    CURRENCIES,
    EMAILS,
    EVENT_RULES,
    MINUTE,
    NAMES,
    OURS,
    PRICES,
    TYPED,
)
from polar_attio_pipeline_tests.passes.world import World

RUNNING = {"trialing", "active", "past_due", "paused"}

_T = TypeVar("_T")


class Life:
    """What happens to one world, each time ten minutes later.

    Attributes:
        is_told: Whether everything that has happened since it was last set is said by Polar's events.
        merged: The record ids of people who were merged out of two.
    """

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.polar, self.attio, self.sales = world.polar, world.attio, world.polar.billing
        self.is_told = False
        self.merged: set[str] = set()

    def begin(self) -> None:
        """Set everything up, with a few customers, most of whom have bought something."""
        self.world.rules = replace(
            self.world.rules,
            audience=self.one_of(AUDIENCES),
            unmark_orphaned=self.one_of((True, False)),
            overwrite_typed=self.one_of((True, False)),
        )
        self.polar.events.rules = self.one_of(EVENT_RULES)
        self.world.hold_in(self.one_of(CURRENCIES))
        for _ in range(self.random.randint(2, 6)):
            self.customer_comes()
            self.customer_subscribes()

    # In Polar.

    def customer_comes(self) -> None:
        with suppress(TakenError):
            self.polar.add_customer(email=self.one_of(EMAILS), name=self.one_of(NAMES))
        self.time_passes()

    def customer_changes(self) -> None:
        row = self.customer()
        with suppress(TakenError):
            self.polar.update_customer(row.id, name=self.one_of(NAMES), email=self.one_of((row.email, *EMAILS)))
        self.time_passes()

    def customer_is_deleted(self) -> None:
        row = self.customer()
        if len(self.polar.customers) > 1:
            self.polar.delete_customer(row.id)
            if self.one_of((True, False)):
                self.polar.add_customer(email=row.email, name=row.name)
        self.time_passes()

    def customer_subscribes(self) -> None:
        interval, count, amount = self.one_of(PRICES)
        percent = self.one_of((None, None, 15, 100))
        self.sales.subscribe(
            self.customer().id,
            self.sales.product(
                f"{amount} in {count} {interval}", interval=interval, interval_count=count, amount=amount
            ),
            currency=self.one_of(CURRENCIES),
            trial_days=self.one_of((0, 0, 7, 14)),
            seats=self.one_of((None, None, 1, 5)),
            discount=self.sales.discount(f"{percent} off", percent=percent) if percent else None,
            is_incomplete=self.one_of((False, False, False, True)),
        )
        self.time_passes()

    def customer_buys_once(self) -> None:
        book = self.sales.product("A book", interval=None)
        amount, currency = self.one_of((0, 500, 2_000)), self.one_of(CURRENCIES)
        self.sales.buy_once(self.customer().id, book, currency=currency, amount=amount)
        self.time_passes()

    def subscription_is_cancelled(self) -> None:
        self.happens(lambda one: self.sales.cancel(one.id, self.one_of((None, "too_expensive", "unused"))))

    def subscription_changes(self) -> None:
        sales = self.sales

        def change(one: Subscription) -> None:
            changes = [sales.uncancel, sales.pause, sales.resume, sales.past_due, sales.revoke]
            for possible in self.random.sample(changes, len(changes)):
                with suppress(ImpossibleError):
                    possible(one.id)
                    return

        self.happens(change)

    def payment_is_tried_again(self) -> None:
        def settle(one: Subscription) -> None:
            waiting = [order for order in self.polar.orders.of(one.customer_id) if order.status == "pending"]
            for order in waiting:
                if self.one_of((True, False)):
                    self.sales.pay(order.id)
                else:
                    self.sales.revoke(order.subscription_id or one.id, unpaid=True)

        self.happens(settle)

    def money_is_given_back(self) -> None:
        orders = list(self.polar.orders)
        if orders:
            with suppress(ImpossibleError):
                self.sales.refund(self.one_of(orders).id, self.one_of((None, 1, 500)))
        self.time_passes()

    def days_pass(self) -> None:
        """Periods and trials come to their ends; Polar may be late to do what follows from that."""
        self.world.sandbox.clock.shift(timedelta(days=self.one_of((1, 7, 14, 31, 31, 92, 400))))
        if self.one_of((True, False)):
            for one in list(self.polar.subscriptions):
                self._comes_to_its_end(one)
        self.is_told = False
        self.time_passes()

    def _comes_to_its_end(self, one: Subscription) -> None:
        now = self.world.sandbox.clock()
        while one.current_period_end <= now and one.status in {"trialing", "active"}:
            one = (self.sales.end_trial if one.status == "trialing" else self.sales.renew)(one.id)

    # In Attio.

    def person_is_added(self) -> None:
        with suppress(AttioError):
            self.attio.add_person(emails=[self.one_of(EMAILS)], values=self.one_of(TYPED))
        self.attio_changes()

    def value_is_entered(self) -> None:
        actor: ActorType = self.one_of(("workspace-member", "app", "system"))
        values = self.one_of(TYPED if actor == "workspace-member" else TYPED[:-OURS])
        for person in self.person():
            self.attio.edit_person(person, values, actor=actor)
        self.attio_changes()

    def value_is_cleared(self) -> None:
        for person in self.person():
            self.attio.clear_value(person, self.one_of(CLEARED))
        self.attio_changes()

    def addresses_are_edited(self) -> None:
        for person in self.person():
            with suppress(AttioError):
                some = self.random.sample(EMAILS, self.random.randint(0, 2))
                self.attio.edit_person(person, {"email_addresses": some})
        self.attio_changes()

    def id_is_copied(self) -> None:
        for one, other in zip(self.person(), self.person(), strict=True):
            held = self.attio.person(one).values.get("polar_customer_id")
            if held:
                self.attio.edit_person(other, {"polar_customer_id": held})
        self.attio_changes()

    def two_are_merged(self) -> None:
        for one, other in zip(self.person(), self.person(), strict=True):
            if one != other:
                self.merged.add(self.attio.merge(one, other))
        self.attio_changes()

    def person_is_deleted(self) -> None:
        for person in self.person():
            self.attio.delete(person)
        self.attio_changes()

    # With the settings and the services.

    def audience_is_set(self) -> None:
        self.world.rules = replace(self.world.rules, audience=self.one_of(AUDIENCES))
        self.is_told = False

    def token_changes(self) -> None:
        self.world.allow(self.one_of((SUBSCRIPTIONS, ORDERS)), allowed=self.one_of((True, True, False)))
        self.is_told = False

    def list_fails(self) -> None:
        self.world.fail(self.one_of((SUBSCRIPTIONS, ORDERS)), self.one_of((None, None, 500, 503)))
        self.is_told = False

    def currency_changes(self) -> None:
        self.world.hold_in(self.one_of(CURRENCIES))
        self.is_told = False

    # Whom it happens to.

    def one_of(self, some: Sequence[_T]) -> _T:
        return self.random.choice(some)

    def customer(self) -> Customer:
        return self.one_of(list(self.polar.customers.values()))

    def person(self) -> list[str]:
        """One person's record id; none where there is nobody."""
        ids = list(self.attio.store.records(self.attio.people_type))
        return self.random.sample(ids, 1) if ids else []

    def happens(self, change: Callable[[Subscription], Any]) -> None:
        """Change a subscription that has not ended, if its status allows it."""
        customers = self.polar.customers
        running = [one for one in self.polar.subscriptions if one.status in RUNNING and one.customer_id in customers]
        if running:
            with suppress(ImpossibleError):
                change(self.one_of(running))
        self.time_passes()

    def attio_changes(self) -> None:
        self.is_told = False
        self.time_passes()

    def time_passes(self) -> None:
        self.world.sandbox.clock.shift(10 * MINUTE)

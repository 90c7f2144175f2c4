"""Random histories of what customers buy, of what members type and of what a token may read: each pass ends right.

The passes are the real ones, on a ledger of their own; `running` holds each against an oracle. The default is few
histories, the same ones each time; `PASS_HISTORIES=2000` runs as many, new ones each time.
"""

import asyncio
import itertools
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.attio.errors import AttioError
from polar_attio_pipeline.sandbox.polar.billing_rows import Order, Subscription
from polar_attio_pipeline.sandbox.polar.events import EventRules
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.sales import ImpossibleError
from polar_attio_pipeline.sandbox.polar.world import TakenError
from polar_attio_pipeline.sync.attributes import ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline_tests.passes.running import Running

HISTORIES = int(os.environ.get("PASS_HISTORIES", "0"))
DEFAULT = 20
STEPS = 20

EMAILS = tuple(f"{who}@example.com" for who in ("ada", "bob", "cyd", "dan", "eve", "fay", "gus"))
NAMES = (None, "Ada Lovelace", "Bob", "Ludwig van Beethoven")
CURRENCIES = ("usd", "usd", "eur", "jpy")
PRODUCTS = tuple(
    {"name": f"{interval} {count} {amount}", "interval": interval, "interval_count": count, "amount": amount}
    for interval, count, amount in (
        ("month", 1, 2900), ("month", 3, 1000), ("year", 1, 12_000), ("year", 2, 9_999), ("week", 1, 1_200),
        ("week", 2, 777), ("day", 1, 100), ("day", 10, 333), ("month", 1, 0),
    )
)  # fmt: skip
REASONS = (None, "too_expensive", "unused")
TYPED: tuple[dict[str, Any], ...] = (
    {"polar_status": "Paying"},
    {"polar_status": "Deleted"},
    {"polar_mrr": 12},
    {"polar_lifetime_value": 7.5},
    {"polar_products": "A deal by hand"},
    {"polar_seats": 3},
    {"polar_renews_at": "2027-01-01T00:00:00Z"},
    {"polar_churn_reason": "went quiet"},
    {"polar_customer": False},
    {"polar_customer_id": "see Stripe"},
    {"job_title": "Mathematician"},
    {"name": {"first_name": "Countess", "last_name": "Ada", "full_name": "Countess Ada"}},
)
CLEARED = ("polar_customer_id", "polar_customer", "polar_status", "polar_mrr", "polar_ends_at", "name", "job_title")
EVENT_RULES: tuple[dict[str, Any], ...] = (
    {},
    {"store_delay": timedelta(seconds=30), "jitter": timedelta(minutes=1)},
    {"worker_delay": timedelta(minutes=1), "jitter": timedelta(minutes=2)},
    {"lost": 0.3, "rowless": 0.2, "jitter": timedelta(minutes=1)},
)

emails = st.sampled_from(EMAILS)
purchases = st.fixed_dictionaries(
    {
        "product": st.sampled_from(PRODUCTS),
        "currency": st.sampled_from(CURRENCIES),
        "trial_days": st.sampled_from([0, 0, 7, 14]),
        "seats": st.sampled_from([None, None, 1, 5]),
        "percent": st.sampled_from([None, None, 15, 100]),
        "is_incomplete": st.sampled_from([False, False, False, True]),
    }
)
anybody = st.integers(0, 6)
audiences = st.sampled_from([Audience.EVERYBODY, Audience.EVERYBODY, *Audience])
shown: Counter[str] = Counter()


class Logged(logging.Handler):
    """Keeps what is logged at INFO or above and may be personal."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.personal: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if re.search(r"@example\.com|Lovelace|Beethoven", said):
            self.personal.append(said)


class Histories(RuleBasedStateMachine):
    """Customers buy and leave, members type, a token gains and loses scopes; passes of each kind come at any time.

    Attributes:
        is_followed: Whether events and nothing else tell what is to be done since everything was in Attio.
    """

    loop: asyncio.AbstractEventLoop
    folder: Path
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        number = next(self.numbers)
        self.world = Running(self.folder / f"{number}.db", self.folder / "template.db")
        self.polar, self.attio, self.sales = self.world.polar, self.world.attio, self.world.polar.billing
        self.run_now(self.world.connect())
        self.is_followed = False
        shown["histories"] += 1

    def teardown(self) -> None:
        try:
            self.all_kinds_of_pass_agree()
        finally:
            self.run_now(self.world.close())
            shown.update(self.world.shown)
            self.world.ledger_file.unlink()

    def run_now(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def all_kinds_of_pass_agree(self) -> None:
        """All is well again, everything is reconciled, and then no pass of any kind finds anything to write."""
        for scope in (SUBSCRIPTIONS, ORDERS):
            self.world.fail(scope, None)
        self.run_now(self.world.reconcile())
        assert self.run_now(self.world.all_again()) == 0, "passes do not agree"

    # What the workspace and the settings are.

    @initialize(
        audience=audiences,
        unmark=st.booleans(),
        overwrite=st.booleans(),
        events=st.sampled_from(EVENT_RULES),
        currency=st.sampled_from(CURRENCIES),
        book=st.lists(st.tuples(emails, st.sampled_from(NAMES), purchases), min_size=1, max_size=4),
    )
    def begin(
        self,
        *,
        audience: Audience,
        unmark: bool,
        overwrite: bool,
        events: dict[str, Any],
        currency: str,
        book: list[tuple[str, str | None, dict[str, Any]]],
    ) -> None:
        rules = self.world.rules
        self.world.rules = replace(rules, audience=audience, unmark_orphaned=unmark, overwrite_typed=overwrite)
        self.polar.events.rules = EventRules(**events)
        self.world.hold_in(currency)
        for email, name, purchase in book:
            with suppress(TakenError):
                row = self.polar.add_customer(email=email, name=name)
                self.subscribes(row.id, purchase)
            self.time_passes()

    # What happens in Polar.

    @rule(email=emails, name=st.sampled_from(NAMES))
    def customer_comes(self, email: str, name: str | None) -> None:
        with suppress(TakenError):
            self.polar.add_customer(email=email, name=name)
        self.time_passes()

    @rule(who=anybody, name=st.sampled_from(NAMES), email=st.one_of(st.none(), emails))
    def customer_changes(self, who: int, name: str | None, email: str | None) -> None:
        row = self.customer(who)
        with suppress(TakenError):
            self.polar.update_customer(row.id, name=name, email=email or row.email)
        self.time_passes()

    @precondition(lambda self: len(self.polar.customers) > 1)
    @rule(who=anybody, again=st.booleans())
    def customer_is_deleted(self, who: int, again: bool) -> None:
        row = self.customer(who)
        self.polar.delete_customer(row.id)
        if again:
            self.polar.add_customer(email=row.email, name=row.name)
        self.time_passes()

    @rule(who=anybody, purchase=purchases)
    def customer_subscribes(self, who: int, purchase: dict[str, Any]) -> None:
        self.subscribes(self.customer(who).id, purchase)
        self.time_passes()

    def subscribes(self, customer_id: str, purchase: dict[str, Any]) -> None:
        percent = purchase["percent"]
        self.sales.subscribe(
            customer_id,
            self.sales.product(**purchase["product"]),
            discount=self.sales.discount(f"{percent} off", percent=percent) if percent else None,
            **{key: value for key, value in purchase.items() if key not in {"product", "percent"}},
        )

    @rule(who=anybody, currency=st.sampled_from(CURRENCIES), amount=st.sampled_from([0, 500, 2_000]))
    def customer_buys_once(self, who: int, currency: str, amount: int) -> None:
        book = self.sales.product("A book", interval=None)
        self.sales.buy_once(self.customer(who).id, book, currency=currency, amount=amount)
        self.time_passes()

    @precondition(lambda self: len(self.polar.subscriptions) > 0)
    @rule(which=st.integers(0, 9), reason=st.sampled_from(REASONS))
    def subscription_is_cancelled(self, which: int, reason: Any) -> None:
        self.happens(which, lambda one: self.sales.cancel(one.id, reason))

    @precondition(lambda self: len(self.polar.subscriptions) > 0)
    @rule(which=st.integers(0, 9), what=st.sampled_from(["uncancel", "pause", "resume", "past_due", "revoke"]))
    def subscription_changes(self, which: int, what: str) -> None:
        self.happens(which, lambda one: getattr(self.sales, what)(one.id))

    @precondition(lambda self: len(self.polar.subscriptions) > 0)
    @rule(which=st.integers(0, 9), is_paid=st.booleans())
    def payment_is_tried_again(self, which: int, is_paid: bool) -> None:
        def settled(one: Subscription) -> None:
            for order in [order for order in self.polar.orders if order.subscription_id == one.id]:
                if order.status == "pending":
                    self.sales.pay(order.id) if is_paid else self.sales.revoke(one.id, unpaid=True)

        self.happens(which, settled)

    @precondition(lambda self: len(self.polar.orders) > 0)
    @rule(which=st.integers(0, 9), amount=st.sampled_from([None, 1, 500]))
    def money_is_given_back(self, which: int, amount: int | None) -> None:
        orders: list[Order] = list(self.polar.orders)
        with suppress(ImpossibleError):
            self.sales.refund(orders[which % len(orders)].id, amount)
        self.time_passes()

    @rule(days=st.sampled_from([1, 7, 14, 31, 92]), is_polar_late=st.booleans())
    def days_pass(self, days: int, is_polar_late: bool) -> None:
        """Periods and trials come to their ends; Polar may be late to do what follows from that."""
        self.world.sandbox.clock.shift(timedelta(days=days))
        if not is_polar_late:
            for one in list(self.polar.subscriptions):
                self.comes_to_its_end(one)
        self.is_followed = False
        self.time_passes()

    def comes_to_its_end(self, one: Subscription) -> None:
        now = self.world.sandbox.clock()
        while one.current_period_end <= now and one.status in {"trialing", "active"}:
            one = (self.sales.end_trial if one.status == "trialing" else self.sales.renew)(one.id)

    # What happens in Attio.

    @rule(email=emails, values=st.sampled_from(TYPED))
    def person_is_added(self, email: str, values: dict[str, Any]) -> None:
        with suppress(AttioError):
            self.attio.add_person(emails=[email], values=values)
        self.attio_changes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody, values=st.sampled_from(TYPED), actor=st.sampled_from(["workspace-member", "app", "system"]))
    def value_is_entered(self, who: int, values: dict[str, Any], actor: Any) -> None:
        if actor == "workspace-member" or not values.keys() & {"polar_customer", "polar_customer_id"}:
            self.attio.edit_person(self.person(who), values, actor=actor)
        self.attio_changes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody, slug=st.sampled_from(CLEARED))
    def value_is_cleared(self, who: int, slug: str) -> None:
        self.attio.clear_value(self.person(who), slug)
        self.attio_changes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody, some=st.lists(emails, max_size=2))
    def addresses_are_edited(self, who: int, some: list[str]) -> None:
        with suppress(AttioError):
            self.attio.edit_person(self.person(who), {"email_addresses": some})
        self.attio_changes()

    @precondition(lambda self: self.attio.people_count() > 1)
    @rule(who=anybody)
    def id_is_copied(self, who: int) -> None:
        held = self.attio.person(self.person(who)).values.get("polar_customer_id")
        if held:
            self.attio.edit_person(self.person(who + 1), {"polar_customer_id": held})
        self.attio_changes()

    @precondition(lambda self: self.attio.people_count() > 1)
    @rule(who=anybody)
    def two_are_merged(self, who: int) -> None:
        self.attio.merge(self.person(who), self.person(who + 1))
        self.attio_changes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody)
    def person_is_deleted(self, who: int) -> None:
        self.attio.delete(self.person(who))
        self.attio_changes()

    # What the operator changes, and what goes wrong.

    @rule(audience=audiences)
    def audience_is_set(self, audience: Audience) -> None:
        self.world.rules = replace(self.world.rules, audience=audience)
        self.is_followed = False

    @rule(scope=st.sampled_from([SUBSCRIPTIONS, ORDERS]), allowed=st.booleans())
    def token_changes(self, scope: str, allowed: bool) -> None:
        self.world.allow(scope, allowed=allowed)
        self.is_followed = False

    @rule(scope=st.sampled_from([SUBSCRIPTIONS, ORDERS]), status=st.sampled_from([None, None, 500, 503]))
    def list_fails(self, scope: str, status: int | None) -> None:
        self.world.fail(scope, status)
        self.is_followed = False

    @rule(currency=st.sampled_from(CURRENCIES))
    def currency_of_the_attributes_changes(self, currency: str) -> None:
        self.world.hold_in(currency)
        self.is_followed = False

    # What the pipeline does.

    @rule()
    def everything_is_reconciled(self) -> None:
        self.run_now(self.world.reconcile())
        is_whole = not self.world.failing and not self.world.is_stopped and not self.polar.events.rules.lost
        self.is_followed = is_whole and not self.world.ledger.unresolved(limit=1)
        self.time_passes()

    @rule(who=anybody, retry=st.booleans())
    def hour_is_synced(self, who: int, retry: bool) -> None:
        starts = [floor(self.customer(who).created_at)]
        self.run_now(self.world.hours(starts, retry=retry))
        self.time_passes()

    @rule(some=st.lists(anybody, min_size=1, max_size=3))
    def some_are_read_anew(self, some: list[int]) -> None:
        ids = [*self.polar.customers, *self.polar.deleted]
        self.run_now(self.world.changed({ids[one % len(ids)] for one in some}))
        self.time_passes()

    @rule()
    def events_are_followed(self) -> None:
        """Where nothing but Polar has changed, and no event was lost, a reconciliation then finds nothing."""
        self.run_now(self.world.follow_events())
        if self.is_followed:
            shown["events bring what a reconciliation would"] += 1
            assert self.run_now(self.world.reconcile()) == 0, "events and the reconciliation do not agree"
        self.time_passes()

    def happens(self, which: int, change: Callable[[Subscription], Any]) -> None:
        """Change a subscription, if its status allows it and its customer lives."""
        subscriptions = list(self.polar.subscriptions)
        one = subscriptions[which % len(subscriptions)]
        if one.customer_id in self.polar.customers:
            with suppress(ImpossibleError):
                change(one)
        self.time_passes()

    def customer(self, number: int) -> Customer:
        rows = list(self.polar.customers.values())
        return rows[number % len(rows)]

    def person(self, number: int) -> str:
        ids = list(self.attio.store.records(self.attio.people_type))
        return ids[number % len(ids)]

    def attio_changes(self) -> None:
        self.is_followed = False
        self.time_passes()

    def time_passes(self) -> None:
        self.world.sandbox.clock.shift(timedelta(minutes=10))


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where the machine has such a place: a third of the time would be spent waiting for a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def test_histories(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown.clear()
    template = Ledger(folder / "template.db")
    template.forget(["nobody"])
    template.close()
    logged, logger = Logged(), logging.getLogger("polar_attio_pipeline")
    logger.addHandler(logged)
    before = logger.level
    logger.setLevel(logging.INFO)
    Histories.loop, Histories.folder = asyncio.new_event_loop(), folder
    try:
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=HISTORIES or DEFAULT,
                stateful_step_count=STEPS,
                derandomize=not HISTORIES,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        Histories.loop.close()
        logger.removeHandler(logged)
        logger.setLevel(before)
    with capsys.disabled():
        print("\n" + ", ".join(f"{count} {what}" for what, count in shown.most_common()))  # noqa: T201  # shows a run
    assert shown["histories"] >= (HISTORIES or DEFAULT)
    assert not logged.personal

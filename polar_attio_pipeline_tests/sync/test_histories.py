"""Random books and random histories on both sides: whatever happened, a reconciliation ends right.

The default is 200 histories, the same ones each time; `SYNC_HISTORIES=2000` runs as many, new ones each time.
"""

import asyncio
import os
from collections import Counter
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from polar_attio_pipeline.sandbox.attio.errors import AttioError
from polar_attio_pipeline.sandbox.polar.rows import Customer as Row
from polar_attio_pipeline.sandbox.polar.world import TakenError
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.planning import Plan
from polar_attio_pipeline.sync.reconciliation import compare
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.sync.both_sides import connect, new_sandbox
from polar_attio_pipeline_tests.sync.oracle import check
from polar_attio_pipeline_tests.sync.predictions import check_predictions
from polar_attio_pipeline_tests.sync.state import look

HISTORIES = int(os.environ.get("SYNC_HISTORIES", "0"))
STEPS = 20

SPELT_TWICE = ("cyd@bücher.example.com", "cyd@xn--bcher-kva.example.com")
EMAILS = (
    *SPELT_TWICE,
    "ada@example.com",
    "Ada@Example.com",
    "bob@example.com",
    "bob+polar@example.com",
    "dan@gmail.com",
    "dan@example.org",
    "eve@example.org",
    "fay@example.com",
    "eve@example.test",
    "0f@anonymized.polar.sh",
)
NAMES = (None, "Ada Lovelace", "Bob", "Ludwig van Beethoven", "Acme, Inc.", "ada@example.com", "山田 太郎", " ")
TYPED: tuple[dict[str, Any], ...] = (
    {"name": {"first_name": "Countess", "last_name": "Ada", "full_name": "Countess Ada"}},
    {"polar_country": "XX"},
    {"polar_external_id": "typed"},
    {"polar_customer_since": "2020-01-01T00:00:00Z"},
    {"job_title": "Mathematician"},
    {"description": "Met at a fair"},
    {"phone_numbers": ["+15551234567"]},
    {"polar_customer": False},
    {"polar_customer_id": "see Stripe"},
)
CLEARED = ("polar_customer_id", "polar_customer", "name", "polar_country", "polar_customer_url", "job_title")

emails = st.sampled_from(EMAILS)
names = st.sampled_from(NAMES)
anybody = st.integers(0, 5)
typed = st.sampled_from(TYPED)
shown: Counter[str] = Counter()


class Histories(RuleBasedStateMachine):
    """People and customers come, change and go on both sides; a reconciliation may come at any time, and at the end."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = new_sandbox()
        self.polar, self.attio = self.sandbox.polar, self.sandbox.attio
        self.connection = AsyncExitStack()
        self.both = self.loop.run_until_complete(self.connection.enter_async_context(connect(self.sandbox)))
        self.changed = False
        shown["histories"] += 1

    def teardown(self) -> None:
        try:
            self.run_passes(whole=True)
        finally:
            self.loop.run_until_complete(self.connection.aclose())

    # What happens in Polar.

    @initialize(book=st.lists(st.tuples(emails, names), min_size=1, max_size=5))
    def customers_before(self, book: list[tuple[str, str | None]]) -> None:
        for email, name in book:
            with suppress(TakenError):
                self.polar.add_customer(email=email, name=name)
            self.time_passes()
        self.run_passes(whole=True)

    @rule(email=emails, name=names, country=st.sampled_from([None, "GB", "FR"]))
    def customer_comes(self, email: str, name: str | None, country: str | None) -> None:
        address = {"country": country} if country else None
        with suppress(TakenError):
            self.polar.add_customer(email=email, name=name, billing_address=address)
        self.time_passes()

    @rule(owner=st.one_of(emails, emails, st.none()))
    def team_comes(self, owner: str | None) -> None:
        team = self.polar.add_customer(email=None, name="Acme", type="team")
        if owner:
            self.polar.add_member(team.id, email=owner, name="Ada Lovelace")
        self.time_passes()

    @precondition(lambda self: self.polar.customers)
    @rule(who=anybody, name=names, external_id=st.sampled_from([None, "user_1", "user_2"]))
    def customer_changes(self, who: int, name: str | None, external_id: str | None) -> None:
        row = self.customer(who)
        with suppress(TakenError):
            self.polar.update_customer(row.id, name=name, external_id=row.external_id or external_id)
        self.time_passes()

    @precondition(lambda self: self.polar.customers)
    @rule(who=anybody, email=emails)
    def address_changes(self, who: int, email: str) -> None:
        with suppress(TakenError):
            self.polar.update_customer(self.customer(who).id, email=email)
        self.time_passes()

    @precondition(lambda self: len(self.polar.customers) > 1)
    @rule(who=anybody)
    def two_swap_addresses(self, who: int) -> None:
        one, other = self.customer(who), self.customer(who + 1)
        if one.email and other.email:
            self.polar.update_customer(one.id, email="meanwhile@example.com")
            self.polar.update_customer(other.id, email=one.email)
            self.polar.update_customer(one.id, email=other.email)
        self.time_passes()

    @precondition(lambda self: self.polar.customers)
    @rule(who=anybody)
    def individual_becomes_team(self, who: int) -> None:
        row = self.customer(who)
        self.polar.update_customer(row.id, type="team", email=None)
        if row.email and not self.polar.members.get(row.id):
            self.polar.add_member(row.id, email=row.email)
        self.time_passes()

    @precondition(lambda self: self.polar.customers)
    @rule(who=anybody, again=st.booleans())
    def customer_goes(self, who: int, *, again: bool) -> None:
        row = self.customer(who)
        self.polar.delete_customer(row.id)
        if again:
            self.polar.add_customer(email=row.email, name=row.name, type=row.type)
        self.time_passes()

    # What happens in Attio.

    @rule(some=st.lists(emails, max_size=2), values=typed)
    def person_is_added(self, some: list[str], values: dict[str, Any]) -> None:
        with suppress(AttioError):
            self.attio.add_person(emails=some, values=values)
        self.time_passes()

    @rule(both=st.lists(emails, min_size=2, max_size=2))
    def person_is_added_for_two_customers(self, both: list[str]) -> None:
        with suppress(AttioError):
            self.attio.add_person(emails=both)
        for email in both:
            with suppress(TakenError):
                self.polar.add_customer(email=email, name=None)
            self.time_passes()

    @rule(with_ids=st.lists(st.booleans(), min_size=2, max_size=2))
    def one_address_is_spelt_in_two_ways(self, with_ids: list[bool]) -> None:
        for email, with_id in zip(SPELT_TWICE, with_ids, strict=True):
            with suppress(TakenError, AttioError):
                row = self.polar.by_email(email) or self.polar.add_customer(email=email, name=None)
                self.attio.add_person(emails=[email], values={"polar_customer_id": row.id} if with_id else None)
            self.time_passes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody, values=typed)
    def member_types(self, who: int, values: dict[str, Any]) -> None:
        self.attio.edit_person(self.person(who), values)
        self.time_passes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody, values=st.sampled_from(TYPED[:6]))
    def attio_enriches(self, who: int, values: dict[str, Any]) -> None:
        self.attio.edit_person(self.person(who), values, actor="system")
        self.time_passes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody, slug=st.sampled_from(CLEARED))
    def member_clears(self, who: int, slug: str) -> None:
        self.attio.clear_value(self.person(who), slug)
        self.time_passes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody, some=st.lists(emails, max_size=2))
    def member_edits_addresses(self, who: int, some: list[str]) -> None:
        with suppress(AttioError):
            self.attio.edit_person(self.person(who), {"email_addresses": some})
        self.time_passes()

    @precondition(lambda self: self.attio.people_count() > 1)
    @rule(who=anybody)
    def id_is_copied(self, who: int) -> None:
        held = self.attio.person(self.person(who)).values.get("polar_customer_id")
        if held:
            self.attio.edit_person(self.person(who + 1), {"polar_customer_id": held})
        self.time_passes()

    @precondition(lambda self: self.attio.people_count() > 1)
    @rule(who=anybody)
    def two_are_merged(self, who: int) -> None:
        self.attio.merge(self.person(who), self.person(who + 1))
        self.time_passes()

    @precondition(lambda self: self.attio.people_count())
    @rule(who=anybody)
    def person_is_deleted(self, who: int) -> None:
        self.attio.delete(self.person(who))
        self.time_passes()

    # What the pipeline does.

    @precondition(lambda self: self.changed)
    @rule(whole=st.booleans())
    def reconcile(self, *, whole: bool) -> None:
        self.run_passes(whole=whole)

    def run_passes(self, *, whole: bool) -> None:
        """Preview, reconcile, and once more; `whole` compares with everybody marked first, else all are looked up."""
        self.loop.run_until_complete(self.reconciled(whole=whole))
        self.time_passes()
        self.changed = False

    async def reconciled(self, *, whole: bool) -> None:
        both = self.both
        book = await both.customers()
        before = look(self.polar, self.attio)
        plans = await self.previewed(book, whole=whole)
        writes = self.attio.writes
        assert look(self.polar, self.attio) == before, "the preview wrote something"

        await self.run(book, whole=whole)
        outcomes = both.outcomes()
        after = look(self.polar, self.attio)
        check(before, after, outcomes)
        check_predictions(plans.values(), (), outcomes, before, after)
        changed = [outcome for outcome in outcomes.values() if outcome.changed]
        assert self.attio.writes - writes == len(changed)

        writes = self.attio.writes
        await self.run(await both.customers(), whole=not whole)
        assert self.attio.writes == writes, "a second pass wrote something"
        again = both.outcomes()
        check(after, look(self.polar, self.attio), again)
        shown["reconciliations"] += 1
        shown["writes"] += len(changed)
        shown.update(f"case {plan.match.case}" for plan in plans.values())

    async def run(self, book: dict[str, Customer], *, whole: bool) -> None:
        if whole:
            await self.both.reconcile()
        else:
            await sync(book.values(), self.both.services, self.both.record)

    async def previewed(self, book: dict[str, Customer], *, whole: bool) -> dict[str, Plan]:
        if not whole:
            return await self.both.planned(book.values())
        comparison = await compare(self.both.book(), self.both.services)
        return await self.both.planned(comparison.pending())

    # Whom an event is about.

    def customer(self, number: int) -> Row:
        rows = list(self.polar.customers.values())
        return rows[number % len(rows)]

    def person(self, number: int) -> str:
        ids = list(self.attio.store.records(self.attio.people_type))
        return ids[number % len(ids)]

    def time_passes(self) -> None:
        self.changed = True
        self.sandbox.clock.shift(timedelta(minutes=7))


def test_histories(capsys: pytest.CaptureFixture[str]) -> None:
    shown.clear()
    Histories.loop = asyncio.new_event_loop()
    try:
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=HISTORIES or 200,
                stateful_step_count=STEPS,
                derandomize=not HISTORIES,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        Histories.loop.close()
    with capsys.disabled():
        print("\n" + ", ".join(f"{count} {what}" for what, count in shown.most_common()))  # noqa: T201  # shows a run
    assert shown["histories"] >= (HISTORIES or 200)

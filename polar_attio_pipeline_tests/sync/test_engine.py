"""A pass over both services: what it costs, what it survives, and what it leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace

import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync import engine
from polar_attio_pipeline.sync.engine import Services, compare, preview, reconcile, sync, unmark
from polar_attio_pipeline.sync.names import split_name
from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Reason, Result, tally
from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Customer, Person, Values
from polar_attio_pipeline_tests.sync.both_sides import BothSides, connect

PEOPLE = "/v2/objects/people/records"


@dataclass
class Meddled:
    """Attio's people, with somebody who does something right after each look-up: the race that a pass can lose."""

    people: AttioClient
    meddle: Callable[[], object]

    async def find(self, *, ids: Collection[str], emails: Collection[str]) -> Sequence[Person]:
        found = await self.people.find(ids=ids, emails=emails)
        self.meddle()
        return found

    def marked(self) -> AsyncIterator[Sequence[Person]]:
        return self.people.marked()

    async def create(self, values: Values, *, email: str) -> Person:
        return await self.people.create(values, email=email)

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        return await self.people.update(record_id, values, add_email=add_email)


async def one_pass(both: BothSides) -> dict[str, Outcome]:
    """Read the book, sync it, return the outcomes by customer."""
    await sync((await both.customers()).values(), both.services, both.record)
    return both.outcomes()


async def planned(customers: Collection[Customer], services: Services) -> dict[str, Plan]:
    return {plan.customer.id: plan async for plans in preview(customers, services) for plan in plans}


class TestCost:
    async def test_ten_changed_of_a_thousand_cost_ten_writes_and_at_most_25_requests(self, both: BothSides) -> None:
        both.add_customers(1000)
        both.put_in_attio((await both.customers()).values())
        for customer_id in list(both.polar.customers)[::100]:
            both.polar.update_customer(customer_id, name="New Name")
        both.requests()
        outcomes = await one_pass(both)
        reads, writes = both.requests()
        assert tally(outcomes.values())[Result.UPDATED] == writes == 10
        assert len(outcomes) == 1000
        assert reads <= 10
        assert reads + writes <= 25

    async def test_a_thousand_unchanged_cost_no_write_and_no_read_per_customer(self, both: BothSides) -> None:
        both.add_customers(1000)
        book = await both.customers()
        both.put_in_attio(book.values())
        both.requests()
        await sync(book.values(), both.services, both.record)
        reads, writes = both.requests()
        assert reads <= 1000 / 100
        assert writes == 0
        await reconcile(book, both.services, both.record)
        assert both.requests() == (3, 0)

    async def test_an_update_sends_only_what_differs(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await one_pass(both)).values()
        assert outcome.record_id
        both.polar.update_customer(outcome.customer_id, name="New Name")
        await one_pass(both)
        versions = {
            slug: len(both.attio.value_history(outcome.record_id, slug))
            for slug in ("name", "polar_customer", "polar_customer_id", "polar_customer_url", "email_addresses")
        }
        assert versions.pop("name") == 2
        assert set(versions.values()) == {1}


class TestAgain:
    async def test_a_second_pass_writes_nothing(self, both: BothSides) -> None:
        both.add_customers(5)
        assert tally((await one_pass(both)).values())[Result.CREATED] == 5
        written = both.attio.writes
        assert tally((await one_pass(both)).values())[Result.UNCHANGED] == 5
        assert both.attio.writes == written == 5

    async def test_two_passes_at_once_create_nobody_twice(self, both: BothSides) -> None:
        both.add_customers(50)
        book = await both.customers()
        first: list[Outcome] = []
        second: list[Outcome] = []
        await asyncio.gather(
            sync(book.values(), both.services, first.extend), sync(book.values(), both.services, second.extend)
        )
        assert both.attio.people_count() == 50
        assert {outcome.record_id for outcome in first} == {outcome.record_id for outcome in second}
        results = tally([*first, *second])
        assert results[Result.CREATED] == 50
        assert results[Result.REJECTED] == results[Result.AMBIGUOUS] == 0

    async def test_a_lost_answer_to_a_creation_creates_nobody_twice(self, both: BothSides) -> None:
        both.add_customers(1)
        both.sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER, method="POST", path=PEOPLE, times=1))
        (outcome,) = (await one_pass(both)).values()
        assert both.attio.people_count() == 1
        assert outcome.record_id == both.person_of(outcome.customer_id).id


class TestRaces:
    async def test_an_address_that_is_taken_under_the_pass_is_looked_up_again(self, both: BothSides) -> None:
        both.add_customers(1)
        (customer,) = (await both.customers()).values()
        by_hand: list[str] = []

        def add_once() -> None:
            if not by_hand:
                by_hand.append(both.attio.add_person(emails=["CUSTOMER-0@example.com"], name="Typed By Hand"))

        people = Meddled(both.people, add_once)
        await sync([customer], Services(people, both.book, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.record_id) == (Result.UPDATED, by_hand[0])
        assert both.attio.people_count() == 1
        assert both.attio.person(by_hand[0]).name == "Typed By Hand"

    async def test_a_person_who_is_merged_under_the_pass_is_looked_up_again(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await one_pass(both)).values()
        assert outcome.record_id
        ours, other = outcome.record_id, both.attio.add_person(emails=["other@example.com"])
        both.polar.update_customer(outcome.customer_id, name="New Name")
        (customer,) = (await both.customers()).values()
        merged: list[str] = []

        def merge_once() -> None:
            if not merged:
                merged.append(both.attio.merge(ours, other))

        people = Meddled(both.people, merge_once)
        await sync([customer], Services(people, both.book, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.record_id) == (Result.UPDATED, merged[0])
        assert both.attio.person(merged[0]).name == "New Name"

    async def test_a_new_address_that_somebody_else_gets_first_is_ambiguous(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await one_pass(both)).values()
        both.polar.update_customer(outcome.customer_id, email="new@example.com")
        (customer,) = (await both.customers()).values()
        added: list[str] = []

        def add_once() -> None:
            if not added:
                added.append(both.attio.add_person(emails=["new@example.com"]))

        people = Meddled(both.people, add_once)
        await sync([customer], Services(people, both.book, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.reason) == (Result.AMBIGUOUS, Reason.TWO_RECORDS)
        assert len(outcome.urls) == 2

    async def test_a_person_that_never_holds_still_is_for_a_human(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await one_pass(both)).values()
        both.polar.update_customer(outcome.customer_id, name="New Name")
        (customer,) = (await both.customers()).values()

        def merge_again() -> None:
            held = both.person_of(customer.id).id
            both.attio.merge(held, both.attio.add_person(emails=[]))

        people = Meddled(both.people, merge_again)
        await sync([customer], Services(people, both.book, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.reason) == (Result.AMBIGUOUS, Reason.CHANGED_MEANWHILE)
        assert (await one_pass(both))[customer.id].result is Result.UPDATED


REFUSED_ADDRESSES = (
    "ada@example.test",
    "ada@example.invalid",
    "ada@acme.example",
    "ada@localhost",
    "ada lovelace@example.com",
    "a" * 308 + "@example.com",
    "ada@@example.com",
    "ada@example..com",
)


class TestRefusals:
    @pytest.mark.parametrize("address", REFUSED_ADDRESSES)
    async def test_an_address_that_attio_refuses_costs_nobody_else_anything(
        self, both: BothSides, address: str
    ) -> None:
        both.add_customers(20)
        poisonous = both.polar.add_customer(email=address, name="Ada")
        outcomes = await one_pass(both)
        failed = outcomes.pop(poisonous.id)
        assert (failed.result, failed.reason) == (Result.REJECTED, Reason.REFUSED)
        assert failed.detail is not None
        assert "email_addresses" in failed.detail
        assert tally(outcomes.values())[Result.CREATED] == 20
        both.polar.update_customer(poisonous.id, email="ada@example.com")
        assert (await one_pass(both))[poisonous.id].result is Result.CREATED

    async def test_a_changed_address_that_attio_refuses_leaves_the_person_as_it_was(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await one_pass(both)).values()
        before = both.person_of(outcome.customer_id)
        both.polar.update_customer(outcome.customer_id, email="ada@example.test", name="New Name")
        (outcome,) = (await one_pass(both)).values()
        assert (outcome.result, outcome.reason, outcome.record_id) == (Result.REJECTED, Reason.REFUSED, before.id)
        assert both.person_of(outcome.customer_id) == before

    async def test_a_value_that_only_a_new_person_lacks_is_named(self, both: BothSides) -> None:
        both.add_customers(2)
        known = next(iter(both.polar.customers.values()))
        both.attio.add_person(emails=[known.email or ""])
        both.attio.add_attribute("lead_source", is_required=True)
        async with connect(both.sandbox) as reconnected:
            outcomes = await one_pass(reconnected)
        assert outcomes.pop(known.id).result is Result.UPDATED
        (failed,) = outcomes.values()
        assert failed.reason is Reason.REFUSED
        assert failed.detail is not None
        assert failed.detail.startswith("Attio refused lead_source: ")

    async def test_one_poisonous_customer_of_a_thousand(self, both: BothSides) -> None:
        both.add_customers(999)
        both.put_in_attio((await both.customers()).values())
        poisonous = both.polar.add_customer(email="ada@example.test", name="Ada")
        results = tally((await one_pass(both)).values())
        assert (results[Result.UNCHANGED], results[Result.REJECTED]) == (999, 1)
        both.polar.update_customer(poisonous.id, email="ada@example.com")
        results = tally((await one_pass(both)).values())
        assert (results[Result.UNCHANGED], results[Result.CREATED]) == (999, 1)


class TestFailures:
    async def test_a_write_that_fails_for_good_does_not_stop_the_others(self, both: BothSides) -> None:
        both.add_customers(10)
        book = await both.customers()
        both.put_in_attio(book.values())
        unlucky, *others = both.polar.customers
        for customer_id in (unlucky, *others):
            both.polar.update_customer(customer_id, name="New Name")
        record_id = both.person_of(unlucky).id
        number = both.sandbox.faults.add(Fault(kind=Kind.STATUS, method="PATCH", path=f"{PEOPLE}/{record_id}"))
        with pytest.raises(UnavailableError):
            await one_pass(both)
        assert both.outcomes().keys() == set(others)
        both.sandbox.faults.remove(number)
        assert (await one_pass(both))[unlucky].result is Result.UPDATED

    async def test_a_dead_service_stops_the_pass(self, both: BothSides) -> None:
        both.add_customers(300)
        both.sandbox.faults.add(Fault(kind=Kind.STATUS, method="POST", path=PEOPLE))
        both.requests()
        with pytest.raises(UnavailableError):
            await one_pass(both)
        _, writes = both.requests()
        attempts = both.people.api.retry.attempts
        assert writes <= (engine.CONCURRENT_WRITES + engine.TOLERATED_FAILURES) * attempts < 300 * attempts
        assert both.recorded == []

    async def test_an_error_that_every_write_would_meet_ends_the_pass_at_once_and_what_was_done_stands(
        self, both: BothSides
    ) -> None:
        both.add_customers(300)
        both.attio.plan_limit_records = both.attio.store.count() + 100
        with pytest.raises(FatalError, match="plan"):
            await one_pass(both)
        done = both.outcomes()
        assert 0 < len(done) == both.attio.people_count()
        both.attio.plan_limit_records = None
        results = tally((await one_pass(both)).values())
        assert (results[Result.UNCHANGED], results[Result.CREATED]) == (len(done), 300 - len(done))

    async def test_a_failed_lookup_ends_the_pass_before_anything_is_guessed(self, both: BothSides) -> None:
        both.add_customers(3)
        both.sandbox.faults.add(Fault(kind=Kind.STATUS, method="POST", path=f"{PEOPLE}/query"))
        with pytest.raises(UnavailableError):
            await one_pass(both)
        assert both.attio.people_count() == 0


class TestTeams:
    async def test_a_team_is_known_by_its_owner_and_then_by_its_id(self, both: BothSides) -> None:
        team = both.polar.add_customer(email=None, name="Acme, Inc.", type="team")
        both.polar.add_member(team.id, email="ada@example.com", name="Ada Lovelace")
        outcome = (await one_pass(both))[team.id]
        assert (outcome.result, outcome.email) == (Result.CREATED, "ada@example.com")
        assert both.person_of(team.id).name == "Ada Lovelace"
        both.sandbox.traffic.reset()
        assert (await one_pass(both))[team.id].result is Result.UNCHANGED
        assert both.sandbox.traffic.count(service="polar", route="/v1/members/") == 0

    async def test_a_team_without_an_owner_is_rejected_until_it_has_one(self, both: BothSides) -> None:
        team = both.polar.add_customer(email=None, name="Acme", type="team")
        outcome = (await one_pass(both))[team.id]
        assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.NO_EMAIL)
        both.polar.add_member(team.id, email="ada@example.com")
        assert (await one_pass(both))[team.id].result is Result.CREATED

    async def test_a_team_whose_owner_is_a_customer_waits_for_a_human(self, both: BothSides) -> None:
        owner = both.polar.add_customer(email="ada@example.com", name="Ada")
        team = both.polar.add_customer(email=None, name="Acme", type="team")
        both.polar.add_member(team.id, email="ADA@example.com")
        for _ in range(2):
            outcomes = await one_pass(both)
            assert outcomes[owner.id].result not in FAILED
            assert outcomes[team.id].reason is Reason.SHARED_EMAIL
            assert both.attio.people_count() == 1


class TestTwins:
    """Two live customers of one address: of two organizations, or of two spellings of one domain."""

    async def test_in_one_pass_the_older_gets_the_person(self, both: BothSides) -> None:
        older = both.polar.add_customer(email="ada@bücher.example.com", name="Ada")
        younger = both.polar.add_customer(email="ada@xn--bcher-kva.example.com", name="Ada")
        outcomes = await one_pass(both)
        assert outcomes[older.id].result is Result.CREATED
        assert (outcomes[younger.id].result, outcomes[younger.id].reason) == (Result.AMBIGUOUS, Reason.SHARED_EMAIL)
        assert both.attio.people_count() == 1

    async def test_over_chunks_and_passes_nobody_is_created_twice(
        self, both: BothSides, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "LOOKUP_CHUNK", 1)
        both.add_customers(3)
        book = (await both.customers()).values()
        twins = [replace(customer, id=both.polar.new_id(), organization_id="other") for customer in book]
        for _ in range(2):
            await sync([*twins, *book], both.services, both.record)
            results = tally(both.outcomes().values())
            assert results[Result.CREATED] + results[Result.UNCHANGED] == 3
            assert both.attio.people_count() == 3

    async def test_an_old_person_goes_to_one_of_two_who_could_be_it(self, both: BothSides) -> None:
        both.attio.add_person(emails=["ada@example.com", "lovelace@example.com"])
        older = both.polar.add_customer(email="ada@example.com", name=None)
        younger = both.polar.add_customer(email="lovelace@example.com", name=None)
        for result in (Result.UPDATED, Result.UNCHANGED):
            outcomes = await one_pass(both)
            assert outcomes[older.id].result is result
            assert outcomes[younger.id].reason is Reason.SHARED_EMAIL


class TestPreview:
    async def test_it_says_field_by_field_what_the_next_pass_writes_and_writes_nothing(self, both: BothSides) -> None:
        both.add_customers(6)
        same, renamed, moved, recreated, new, refused = both.polar.customers
        book = await both.customers()
        both.put_in_attio(book[customer_id] for customer_id in (same, renamed, moved, recreated))
        both.polar.update_customer(renamed, name="New Name")
        both.polar.update_customer(moved, email="moved@example.com")
        both.polar.delete_customer(recreated)
        again = both.polar.add_customer(email="customer-3@example.com", name="Customer 3").id
        both.polar.update_customer(refused, email="customer@example.test")
        book = await both.customers()
        before = both.attio.people()
        plans = await planned(book.values(), both.services)
        assert both.attio.people() == before
        assert both.attio.writes == 0
        await sync(book.values(), both.services, both.record)
        outcomes = both.outcomes()
        assert {key: plan.action for key, plan in plans.items()} == {
            same: Action.KEEP,
            renamed: Action.UPDATE,
            moved: Action.UPDATE,
            again: Action.UPDATE,
            new: Action.CREATE,
            refused: Action.CREATE,
        }
        assert outcomes.pop(refused).result is Result.REJECTED
        for customer_id, outcome in outcomes.items():
            assert outcome.changed == tuple(change.key for change in plans[customer_id].changes)
        name = next(change for change in plans[renamed].changes if change.key == "name")
        assert (name.old, name.new) == (split_name("Customer 1"), split_name("New Name"))
        address = next(change for change in plans[moved].changes if change.key == "email_addresses")
        assert (address.old, address.new) == ("customer-2@example.com", "moved@example.com")


class TestReconciliation:
    async def test_drift_is_repaired_and_the_rest_is_settled_without_a_lookup(self, both: BothSides) -> None:
        both.add_customers(30)
        book = await both.customers()
        both.put_in_attio(book.values())
        edited, cleared, unmarked, *_ = both.polar.customers
        both.attio.edit_person(both.person_of(edited).id, {"polar_customer_since": ["2020-01-01T00:00:00Z"]}, "app")
        both.attio.clear_value(both.person_of(unmarked).id, "polar_customer")
        both.attio.clear_value(both.person_of(cleared).id, "polar_customer_id")
        both.requests()
        await reconcile(book, both.services, both.record)
        outcomes = both.outcomes()
        assert {key: outcome.changed for key, outcome in outcomes.items() if outcome.changed} == {
            edited: ("polar_customer_since",),
            cleared: ("polar_customer_id",),
            unmarked: ("polar_customer",),
        }
        assert len(outcomes) == 30
        assert both.requests() == (2, 3)

    async def test_people_whom_polar_no_longer_has_are_reported_and_unmarked_on_demand(self, both: BothSides) -> None:
        both.add_customers(3)
        await one_pass(both)
        gone = next(iter(both.polar.customers))
        record_id = both.person_of(gone).id
        both.polar.delete_customer(gone)
        book = await both.customers()
        comparison = await reconcile(book, both.services, both.record)
        assert [marked.record_id for marked in comparison.gone()] == [record_id]
        assert both.attio.person(record_id).values["polar_customer"] is True
        assert [marked.record_id for marked in await unmark(comparison.gone(), both.services)] == [record_id]
        assert both.attio.person(record_id).values["polar_customer"] is False
        assert both.attio.person(record_id).values["polar_customer_id"] == gone
        assert (await compare(book, both.services)).gone() == []

    async def test_nobody_is_unmarked_whom_polar_has_after_all(self, both: BothSides) -> None:
        both.add_customers(2)
        await one_pass(both)
        book = await both.customers()
        missed = next(iter(book))
        comparison = await compare({key: value for key, value in book.items() if key != missed}, both.services)
        assert [marked.customer_id for marked in comparison.gone()] == [missed]
        assert await unmark(comparison.gone(), both.services) == []
        assert both.person_of(missed).values["polar_customer"] is True

    async def test_the_owner_of_a_team_that_was_created_again_is_not_gone(self, both: BothSides) -> None:
        first = both.polar.add_customer(email=None, name="Acme", type="team")
        both.polar.add_member(first.id, email="ada@example.com")
        await one_pass(both)
        both.polar.delete_customer(first.id)
        second = both.polar.add_customer(email=None, name="Acme", type="team")
        both.polar.add_member(second.id, email="ada@example.com")
        comparison = await reconcile(await both.customers(), both.services, both.record)
        assert both.outcomes()[second.id].result is Result.UPDATED
        assert comparison.gone() == []

"""A pass over both services: what it costs, what it survives, and what it leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass

import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync import health, writing
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.health import KindClosedError, ServiceDownError
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result, tally
from polar_attio_pipeline.sync.ports import BeforeWrite, Found, Restored
from polar_attio_pipeline.sync.records import Person, Values
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline_tests.sync.both_sides import BothSides, connect

PEOPLE = "/v2/objects/people/records"


@dataclass
class Meddled:
    """Attio's people, with somebody who does something right after each look-up: the race that a pass can lose."""

    people: AttioClient
    meddle: Callable[[], object]

    async def find(self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()) -> Found:
        found = await self.people.find(ids=ids, emails=emails, records=records)
        self.meddle()
        return found

    def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[Person]]:
        return self.people.marked(expected=expected)

    async def create(self, values: Values, *, email: str) -> Person:
        return await self.people.create(values, email=email)

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        return await self.people.update(record_id, values, add_email=add_email)

    async def keep_company(self, person: Person, company: str, *, before_write: BeforeWrite) -> Restored | None:
        return await self.people.keep_company(person, company, before_write=before_write)

    async def is_answering(self) -> bool:
        return await self.people.is_answering()


class TestCost:
    async def test_ten_changed_of_a_thousand_cost_ten_writes_and_at_most_25_requests(self, both: BothSides) -> None:
        both.add_customers(1000)
        both.put_in_attio((await both.customers()).values())
        for customer_id in list(both.polar.customers)[::100]:
            both.polar.update_customer(customer_id, name="New Name")
        both.requests()
        outcomes = await both.one_pass()
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
        await both.reconcile()
        assert both.requests() == (3, 0)

    async def test_an_update_sends_only_what_differs(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        assert outcome.record_id
        both.polar.update_customer(outcome.customer_id, name="New Name")
        await both.one_pass()
        versions = {
            slug: len(both.attio.value_history(outcome.record_id, slug))
            for slug in ("name", "polar_customer", "polar_customer_id", "polar_customer_url", "email_addresses")
        }
        assert versions.pop("name") == 2
        assert set(versions.values()) == {1}


class TestAgain:
    async def test_a_second_pass_writes_nothing(self, both: BothSides) -> None:
        both.add_customers(5)
        assert tally((await both.one_pass()).values())[Result.CREATED] == 5
        written = both.attio.writes
        assert tally((await both.one_pass()).values())[Result.UNCHANGED] == 5
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
        (outcome,) = (await both.one_pass()).values()
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
        await sync([customer], Services(people, both.source, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.record_id) == (Result.UPDATED, by_hand[0])
        assert both.attio.people_count() == 1
        assert both.attio.person(by_hand[0]).name == "Typed By Hand"

    async def test_a_person_who_is_merged_under_the_pass_is_looked_up_again(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        assert outcome.record_id
        ours, other = outcome.record_id, both.attio.add_person(emails=["other@example.com"])
        both.polar.update_customer(outcome.customer_id, name="New Name")
        (customer,) = (await both.customers()).values()
        merged: list[str] = []

        def merge_once() -> None:
            if not merged:
                merged.append(both.attio.merge(ours, other))

        people = Meddled(both.people, merge_once)
        await sync([customer], Services(people, both.source, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.record_id) == (Result.UPDATED, merged[0])
        assert both.attio.person(merged[0]).name == "New Name"

    async def test_a_new_address_that_somebody_else_gets_first_is_ambiguous(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        both.polar.update_customer(outcome.customer_id, email="new@example.com")
        (customer,) = (await both.customers()).values()
        added: list[str] = []

        def add_once() -> None:
            if not added:
                added.append(both.attio.add_person(emails=["new@example.com"]))

        people = Meddled(both.people, add_once)
        await sync([customer], Services(people, both.source, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.reason) == (Result.AMBIGUOUS, Reason.TWO_RECORDS)
        assert len(outcome.urls) == 2

    async def test_a_person_that_never_holds_still_is_for_a_human(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        both.polar.update_customer(outcome.customer_id, name="New Name")
        (customer,) = (await both.customers()).values()

        def merge_again() -> None:
            held = both.person_of(customer.id).id
            both.attio.merge(held, both.attio.add_person(emails=[]))

        people = Meddled(both.people, merge_again)
        await sync([customer], Services(people, both.source, both.people.targets), both.record)
        outcome = both.outcomes()[customer.id]
        assert (outcome.result, outcome.reason) == (Result.AMBIGUOUS, Reason.CHANGED_MEANWHILE)
        assert (await both.one_pass())[customer.id].result is Result.UPDATED


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
        outcomes = await both.one_pass()
        failed = outcomes.pop(poisonous.id)
        assert (failed.result, failed.reason) == (Result.REJECTED, Reason.REFUSED)
        assert failed.detail is not None
        assert "email_addresses" in failed.detail
        assert tally(outcomes.values())[Result.CREATED] == 20
        both.polar.update_customer(poisonous.id, email="ada@example.com")
        assert (await both.one_pass())[poisonous.id].result is Result.CREATED

    async def test_a_changed_address_that_attio_refuses_leaves_the_person_as_it_was(self, both: BothSides) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        before = both.person_of(outcome.customer_id)
        both.polar.update_customer(outcome.customer_id, email="ada@example.test", name="New Name")
        (outcome,) = (await both.one_pass()).values()
        assert (outcome.result, outcome.reason, outcome.record_id) == (Result.REJECTED, Reason.REFUSED, before.id)
        assert both.person_of(outcome.customer_id) == before

    async def test_a_value_that_only_a_new_person_lacks_is_named(self, both: BothSides) -> None:
        both.add_customers(2)
        known = next(iter(both.polar.customers.values()))
        both.attio.add_person(emails=[known.email or ""])
        both.attio.add_attribute("lead_source", is_required=True)
        async with connect(both.sandbox) as reconnected:
            outcomes = await reconnected.one_pass()
        assert outcomes.pop(known.id).result is Result.UPDATED
        (failed,) = outcomes.values()
        assert failed.reason is Reason.REFUSED
        assert failed.detail is not None
        assert failed.detail.startswith("Attio refused lead_source: ")

    async def test_one_poisonous_customer_of_a_thousand(self, both: BothSides) -> None:
        both.add_customers(999)
        both.put_in_attio((await both.customers()).values())
        poisonous = both.polar.add_customer(email="ada@example.test", name="Ada")
        results = tally((await both.one_pass()).values())
        assert (results[Result.UNCHANGED], results[Result.REJECTED]) == (999, 1)
        both.polar.update_customer(poisonous.id, email="ada@example.com")
        results = tally((await both.one_pass()).values())
        assert (results[Result.UNCHANGED], results[Result.CREATED]) == (999, 1)


class TestFailures:
    async def test_a_write_that_fails_for_good_costs_its_customer_alone(self, both: BothSides) -> None:
        both.add_customers(10)
        book = await both.customers()
        both.put_in_attio(book.values())
        unlucky, *others = both.polar.customers
        for customer_id in (unlucky, *others):
            both.polar.update_customer(customer_id, name="New Name")
        record_id = both.person_of(unlucky).id
        number = both.sandbox.faults.add(Fault(kind=Kind.STATUS, method="PATCH", path=f"{PEOPLE}/{record_id}"))
        outcomes = await both.one_pass()
        failed = outcomes.pop(unlucky)
        assert (failed.result, failed.reason, failed.record_id) == (Result.REJECTED, Reason.NOT_TAKEN, record_id)
        assert tally(outcomes.values())[Result.UPDATED] == 9
        both.sandbox.faults.remove(number)
        assert (await both.one_pass())[unlucky].result is Result.UPDATED

    async def test_a_kind_of_write_that_always_fails_is_given_up_and_the_other_kind_goes_on(
        self, both: BothSides
    ) -> None:
        both.add_customers(300)
        known = list(both.polar.customers)[:20]
        book = await both.customers()
        both.put_in_attio(book[customer_id] for customer_id in known)
        for customer_id in known:
            both.polar.update_customer(customer_id, name="New Name")
        both.sandbox.faults.add(Fault(kind=Kind.STATUS, method="POST", path=PEOPLE))
        both.requests()
        with pytest.raises(KindClosedError, match="creations of people"):
            await both.one_pass()
        _, writes = both.requests()
        attempts = both.people.api.retry.attempts
        assert writes <= 20 + (writing.CONCURRENT_WRITES + health.TOLERATED) * attempts < 280 * attempts
        outcomes = both.outcomes()
        assert tally(outcomes.values())[Result.UPDATED] == 20
        assert {outcomes[one].reason for one in both.polar.customers if one not in known} == {Reason.NOT_TAKEN}

    async def test_a_service_that_answers_nothing_ends_the_pass(self, both: BothSides) -> None:
        both.add_customers(300)
        both.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio"))
        with pytest.raises(ServiceDownError):
            await both.one_pass()
        assert both.recorded == []

    async def test_a_full_quota_costs_the_new_people_alone(self, both: BothSides) -> None:
        both.add_customers(300)
        both.attio.plan_limit_records = both.attio.store.count() + 100
        with pytest.raises(KindClosedError, match="plan"):
            await both.one_pass()
        results = tally(both.outcomes().values())
        created = both.attio.people_count()
        assert (results[Result.CREATED], results[Result.REJECTED]) == (created, 300 - created)
        assert 0 < created <= 100
        both.attio.plan_limit_records = None
        results = tally((await both.one_pass()).values())
        assert (results[Result.UNCHANGED], results[Result.CREATED]) == (created, 300 - created)

    async def test_nothing_is_guessed_about_customers_who_cannot_be_searched_for(self, both: BothSides) -> None:
        both.add_customers(3)
        both.sandbox.faults.add(Fault(kind=Kind.STATUS, method="POST", path=f"{PEOPLE}/query"))
        with pytest.raises(KindClosedError, match="Some searches for people failed"):
            await both.one_pass()
        outcomes = both.outcomes()
        assert {outcome.reason for outcome in outcomes.values()} == {Reason.NOT_TAKEN}
        assert len(outcomes) == 3
        assert both.attio.people_count() == 0

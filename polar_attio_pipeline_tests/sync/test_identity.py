"""Who a customer is when cells were typed, ids cleared and answers lost: no doubles, and one cell costs one cell."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import pytest

from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result, tally
from polar_attio_pipeline_tests.sync.both_sides import BothSides

PEOPLE = "/v2/objects/people/records"

TYPED_IDS = (
    "11111111-1111-1111-1111-111111111111",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "{0c000000-0000-4000-8000-000000000001}",
    "urn:uuid:0c000000-0000-4000-8000-000000000001",
    "0c0000000000400080000000000000ff",
    "not an id",
    "-",
    "../../v1/organizations",
    "0c000000-0000-4000-8000-000000000001?x=1",
    "0" * 5000,
)


@dataclass
class Memory:
    """A ledger that remembers what it was given."""

    records: Mapping[str, str] = field(default_factory=dict)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)

    def record_ids(self, customer_ids: Collection[str]) -> Mapping[str, str]:
        return {one: self.records[one] for one in customer_ids if one in self.records}

    def refusals(self, customer_ids: Collection[str]) -> Mapping[str, tuple[str, str]]:
        return {one: self.refused[one] for one in customer_ids if one in self.refused}

    def links(self, record_ids: Collection[str]) -> Mapping[str, str]:
        return {}


class TestTypedCells:
    @pytest.mark.parametrize("typed", TYPED_IDS)
    async def test_what_somebody_typed_into_the_id_costs_nobody_else_anything(
        self, both: BothSides, typed: str
    ) -> None:
        both.add_customers(40)
        first = next(iter(both.polar.customers.values()))
        record_id = both.attio.add_person(emails=[first.email or ""], name="Typed By Hand")
        both.attio.edit_person(record_id, {"polar_customer_id": typed})
        outcomes = await both.one_pass()
        assert (outcomes[first.id].result, outcomes[first.id].record_id) == (Result.UPDATED, record_id)
        assert tally(outcomes.values())[Result.CREATED] == 39
        assert both.attio.person(record_id).values["polar_customer_id"] == first.id
        assert tally((await both.one_pass()).values())[Result.UNCHANGED] == 40

    @pytest.mark.parametrize("typed", ["{} ", " {}", "\t{}\n"])
    async def test_an_id_with_white_space_is_corrected(self, both: BothSides, typed: str) -> None:
        both.add_customers(2)
        first = next(iter((await both.one_pass()).values()))
        assert first.record_id
        both.attio.edit_person(first.record_id, {"polar_customer_id": typed.format(first.customer_id)})
        await both.reconcile()
        assert both.outcomes()[first.customer_id].changed == ("polar_customer_id",)
        assert both.attio.person(first.record_id).values["polar_customer_id"] == first.customer_id

    async def test_an_id_with_white_space_and_a_new_address_stay_one_person(self, both: BothSides) -> None:
        both.add_customers(2)
        first = next(iter((await both.one_pass()).values()))
        assert first.record_id
        both.attio.edit_person(first.record_id, {"polar_customer_id": f"{first.customer_id} "})
        both.polar.update_customer(first.customer_id, email="moved@example.com")
        await both.reconcile()
        assert both.attio.people_count() == 2
        assert both.outcomes()[first.customer_id].record_id == first.record_id
        assert "moved@example.com" in both.attio.person(first.record_id).emails

    async def test_the_same_in_a_pass_that_knows_the_record_from_the_ledger(self, both: BothSides) -> None:
        both.add_customers(2)
        first = next(iter((await both.one_pass()).values()))
        assert first.record_id
        both.attio.edit_person(first.record_id, {"polar_customer_id": f"{first.customer_id} "})
        both.polar.update_customer(first.customer_id, email="moved@example.com")
        memory = Memory({first.customer_id: first.record_id})
        await sync((await both.customers()).values(), replace(both.services, memory=memory), both.record)
        assert both.attio.people_count() == 2
        assert both.outcomes()[first.customer_id].record_id == first.record_id


class TestRemembered:
    async def moved_and_cleared(self, both: BothSides) -> Outcome:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        assert outcome.record_id
        both.attio.clear_value(outcome.record_id, "polar_customer_id")
        both.polar.update_customer(outcome.customer_id, email="moved@example.com")
        return outcome

    async def test_a_cleared_id_and_a_new_address_stay_one_person(self, both: BothSides) -> None:
        before = await self.moved_and_cleared(both)
        memory = Memory({before.customer_id: before.record_id or ""})
        await sync((await both.customers()).values(), replace(both.services, memory=memory), both.record)
        after = both.outcomes()[before.customer_id]
        assert (after.result, after.record_id) == (Result.UPDATED, before.record_id)
        assert set(after.changed) >= {"polar_customer_id", "email_addresses"}

    async def test_a_record_that_carries_another_customers_id_is_not_believed(self, both: BothSides) -> None:
        before = await self.moved_and_cleared(both)
        other = both.polar.add_customer(email="other@example.com")
        both.attio.edit_person(before.record_id or "", {"polar_customer_id": other.id})
        memory = Memory({before.customer_id: before.record_id or ""})
        await sync((await both.customers()).values(), replace(both.services, memory=memory), both.record)
        assert both.outcomes()[before.customer_id].result is Result.CREATED

    async def test_a_record_that_no_longer_exists_is_no_obstacle(self, both: BothSides) -> None:
        before = await self.moved_and_cleared(both)
        both.attio.delete(before.record_id or "")
        memory = Memory({before.customer_id: before.record_id or ""})
        await sync((await both.customers()).values(), replace(both.services, memory=memory), both.record)
        assert both.outcomes()[before.customer_id].result is Result.CREATED


class TestRefusals:
    async def test_what_attio_refused_is_not_sent_again_until_something_changes(self, both: BothSides) -> None:
        bad = both.polar.add_customer(email="ada@example.test", name="Ada")
        memory = Memory()
        services = replace(both.services, memory=memory, refused_in="today")
        for writes in (1, 0, 0):
            both.requests()
            await sync((await both.customers()).values(), services, both.record)
            outcome = both.outcomes()[bad.id]
            assert outcome.reason is Reason.REFUSED
            assert "email_addresses" in (outcome.detail or "")
            assert both.requests()[1] == writes
            memory.refused[bad.id] = (outcome.fingerprint or "", outcome.detail or "")
        await sync((await both.customers()).values(), replace(services, refused_in="tomorrow"), both.record)
        assert both.requests()[1] == 1
        both.outcomes()
        both.polar.update_customer(bad.id, email="ada@example.com")
        await sync((await both.customers()).values(), services, both.record)
        assert both.outcomes()[bad.id].result is Result.CREATED


class TestLostAnswers:
    async def test_a_creation_whose_answer_was_lost_counts_as_created(self, both: BothSides) -> None:
        both.add_customers(3)
        both.sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER, method="POST", path=PEOPLE, times=1))
        outcomes = await both.one_pass()
        assert both.attio.people_count() == 3
        assert tally(outcomes.values())[Result.CREATED] == 3
        assert all("polar_customer_id" in outcome.changed for outcome in outcomes.values())

    async def test_an_address_that_another_writer_took_counts_as_what_was_done(self, both: BothSides) -> None:
        both.add_customers(1)
        (customer,) = (await both.customers()).values()
        both.put_in_attio([customer])
        outcomes = await both.one_pass()
        assert outcomes[customer.id].result is Result.UNCHANGED

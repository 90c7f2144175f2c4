"""What is put on record of writes: all that the CRM has carried out, nothing else, with what was there before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from polar_attio_pipeline.attio import people
from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.deletions import note_deletions
from polar_attio_pipeline.sync.engine import preview, sync
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.ports import NoHistory, StoppedError
from polar_attio_pipeline.sync.records import Person, PersonName, Values
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.sync.both_sides import BothSides

PEOPLE = "/v2/objects/people/records"
RECORDS = "*/records/*"


@dataclass
class Kept(NoHistory):
    """Every write, in the order in which it was put on record.

    Attributes:
        open: What is intended and not settled.
    """

    writes: list[Write] = field(default_factory=list)
    open: list[Intent] = field(default_factory=list)

    def intend(self, intents: Sequence[Intent]) -> None:
        self.open += intents

    def settle(self, intent: Intent, *writes: Write) -> None:
        self.open.remove(intent)
        self.writes += writes

    def unsettled(self, customer_id: str) -> Sequence[Intent]:
        return [intent for intent in self.open if intent.customer_id == customer_id]

    def values(self) -> dict[str, WrittenValue]:
        """The values of the one write since the last call, by key."""
        (write,) = self.writes
        self.writes.clear()
        return {value.key: value for value in write.values}


class AnswersTooLate(AttioClient):
    """Attio's people, where the first update is carried out and its answer comes after the pass has given it up.

    Attributes:
        meanwhile: What happens between the two.
    """

    meanwhile: Callable[[], object] | None = None

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        person = await super().update(record_id, values, add_email=add_email)
        if self.meanwhile:
            self.meanwhile()
            self.meanwhile = None
            raise TimeoutError
        return person


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def one_pass(both: BothSides, kept: Kept) -> None:
    services = replace(both.services, history=kept)
    await sync((await both.customers()).values(), services, both.record)


class TestPasses:
    async def test_a_creation_is_on_record_with_everything_that_was_sent(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(1)

        await one_pass(both, kept)

        (outcome,) = both.outcomes().values()
        (write,) = kept.writes
        assert (write.customer_id, write.record_id) == (outcome.customer_id, outcome.record_id)
        assert tuple(value.key for value in write.values) == outcome.changed
        assert {value.old for value in write.values} == {None}
        assert write.action is WriteAction.CREATE
        assert kept.open == []

    async def test_each_write_has_the_name_that_attio_gave_its_request(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(2)
        await one_pass(both, kept)
        both.polar.update_customer(next(iter(both.polar.customers)), name="New Name")
        await one_pass(both, kept)

        names = [write.execution_id for write in kept.writes]
        assert len({*names} - {None}) == len(kept.writes) == 3

    async def test_all_writes_of_a_portion_are_intended_before_the_first_one_is_sent(
        self, both: BothSides, kept: Kept
    ) -> None:
        both.add_customers(100)
        before_the_first: list[int] = []

        class Watching(AttioClient):
            async def create(self, values: Values, *, email: str) -> Person:
                before_the_first.append(len(kept.open) + len(kept.writes))
                return await super().create(values, email=email)

        people = Watching(both.people.api, both.people.workspace)
        services = replace(both.services, history=kept, people=people)
        await sync((await both.customers()).values(), services, both.record)

        assert set(before_the_first) == {100}
        assert (len(kept.open), len(kept.writes)) == (0, 100)

    async def test_writes_that_a_pass_did_not_begin_before_it_ended_are_not_left_as_intended(
        self, both: BothSides, kept: Kept
    ) -> None:
        begun: list[str] = []

        class Revoked(AttioClient):
            async def create(self, values: Values, *, email: str) -> Person:
                begun.append(email)
                raise StoppedError

        both.add_customers(100)
        services = replace(both.services, history=kept, people=Revoked(both.people.api, both.people.workspace))

        with pytest.raises(StoppedError):
            await sync((await both.customers()).values(), services, both.record)

        assert 0 < len(begun) < 100
        assert sorted(str(intent.matching_value) for intent in kept.open) == sorted(begun)

    async def test_nothing_is_sent_that_cannot_be_put_on_record(self, both: BothSides) -> None:
        class Full(NoHistory):
            def intend(self, intents: Sequence[Intent]) -> None:
                raise OSError(len(intents))

        both.add_customers(3)

        with pytest.raises(OSError, match="3"):
            await sync((await both.customers()).values(), replace(both.services, history=Full()), both.record)

        assert both.attio.writes == 0

    async def test_an_update_is_on_record_with_what_it_replaced(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(1)
        await one_pass(both, kept)
        before = kept.values()
        customer_id = next(iter(both.polar.customers))
        both.polar.update_customer(customer_id, name="New Name")

        await one_pass(both, kept)

        name = kept.values()["name"]
        assert (name.old, name.old_actor) == (before["name"].new, "api-token")
        assert name.new == PersonName("New", "Name", "New Name")

    async def test_an_address_that_joined_is_on_record_with_those_that_were_there(
        self, both: BothSides, kept: Kept
    ) -> None:
        both.add_customers(1)
        await one_pass(both, kept)
        kept.writes.clear()
        both.polar.update_customer(next(iter(both.polar.customers)), email="moved@example.com")

        await one_pass(both, kept)

        address = kept.values()["email_addresses"]
        assert (address.old, address.new) == (("customer-0@example.com",), "moved@example.com")

    async def test_what_differs_in_nothing_puts_nothing_on_record(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(3)
        both.put_in_attio((await both.customers()).values())

        await one_pass(both, kept)

        assert kept.writes == []

    async def test_a_preview_puts_nothing_on_record(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(3)

        looks = [
            look async for look in preview((await both.customers()).values(), replace(both.services, history=kept))
        ]

        assert sum(len(look.plans) for look in looks) == 3
        assert kept.writes == []

    @pytest.mark.parametrize(("kind", "status"), [(Kind.REFUSE, 400), (Kind.STATUS, 503)])
    async def test_a_write_that_attio_did_not_carry_out_is_not_on_record(
        self, both: BothSides, kept: Kept, kind: Kind, status: int
    ) -> None:
        both.add_customers(1)
        both.sandbox.faults.add(Fault(kind=kind, status=status, method="POST", path=PEOPLE))

        await one_pass(both, kept)

        assert [outcome.result for outcome in both.outcomes().values()] == [Result.REJECTED]
        assert kept.writes == []
        assert len(kept.open) == (kind is Kind.STATUS), "a failure without an answer says nothing of the write"

    async def test_a_creation_whose_answer_was_lost_is_on_record_once(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(1)
        both.sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER, method="POST", path=PEOPLE, times=1))

        await one_pass(both, kept)

        (outcome,) = both.outcomes().values()
        assert (outcome.result, outcome.changed) == (Result.CREATED, tuple(kept.values()))

    async def test_a_write_whose_answer_came_too_late_is_on_record_once_as_far_as_the_next_look_shows_it(
        self, both: BothSides, kept: Kept
    ) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        both.polar.update_customer(outcome.customer_id, name="New Name", external_id="x-1")
        typed = {"name": [{"first_name": "Typed", "last_name": "Name", "full_name": "Typed Name"}]}
        people = AnswersTooLate(both.people.api, both.people.workspace)
        people.meanwhile = lambda: both.attio.edit_person(outcome.record_id or "", typed)

        services = replace(both.services, history=kept, people=people)
        await sync((await both.customers()).values(), services, both.record)

        assert list(kept.values()) == ["polar_external_id"]


class TestBesidePlans:
    async def test_taking_the_mark_off_is_on_record_with_who_had_set_it(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(1)
        await one_pass(both, kept)
        kept.writes.clear()
        (outcome,) = both.outcomes().values()
        both.polar.delete_customer(outcome.customer_id)
        comparison = await both.reconcile()

        await note_deletions(comparison.orphaned(), replace(both.services, history=kept), unmark=True)

        (write,) = kept.writes
        assert (write.customer_id, write.record_id) == (outcome.customer_id, outcome.record_id)
        assert write.values == (WrittenValue("polar_customer", True, "api-token", False),)
        assert write.execution_id

    async def test_a_mark_that_attio_did_not_take_off_is_not_on_record(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        both.polar.delete_customer(outcome.customer_id)
        comparison = await both.reconcile()
        both.sandbox.faults.add(Fault(kind=Kind.REFUSE, status=400, method="PATCH", path=RECORDS))

        await note_deletions(comparison.orphaned(), replace(both.services, history=kept), unmark=True)

        assert kept.writes == []
        assert kept.open == []

    async def test_a_company_that_was_restored_is_on_record_with_the_one_that_attio_had_set(
        self, both: BothSides, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(people, "_LOOKS", (0.0,))
        both.attio.records.company_delay = timedelta(0)
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        record_id = outcome.record_id or ""
        chosen = both.attio.person(both.attio.add_person(emails=["somebody@chosen.com"])).values["company"]
        both.attio.edit_person(
            record_id, {"company": [{"target_object": "companies", "target_record_id": str(chosen)}]}
        )
        both.polar.update_customer(outcome.customer_id, email="moved@elsewhere.com")

        await one_pass(both, kept)

        moved, restored = kept.writes
        assert [value.key for value in moved.values] == ["email_addresses"]
        (company,) = restored.values
        assert (restored.record_id, company.key, company.old_actor, company.new) == (
            record_id,
            "company",
            "system",
            chosen,
        )
        assert company.old not in {None, chosen}
        assert restored.execution_id
        assert kept.open == []

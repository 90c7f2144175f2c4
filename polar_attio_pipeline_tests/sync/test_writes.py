"""What is put on record of writes: all that the CRM has carried out, nothing else, with what was there before."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from polar_attio_pipeline.attio import people
from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.deletions import note_deletions
from polar_attio_pipeline.sync.engine import preview, sync
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.records import Person, PersonName, Values
from polar_attio_pipeline.sync.writes import Write, WrittenValue, write_of, write_seen
from polar_attio_pipeline_tests.sync.both_sides import BothSides
from polar_attio_pipeline_tests.sync.builders import ADA, customer, person

PEOPLE = "/v2/objects/people/records"
RECORDS = "*/records/*"
LOVELACE = PersonName("Ada", "Lovelace", "Ada Lovelace")


@dataclass
class Kept:
    """Every write, in the order in which it was put on record."""

    writes: list[Write] = field(default_factory=list)

    def add(self, write: Write) -> None:
        self.writes.append(write)

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


class TestPlans:
    def test_of_a_person_it_has_the_old_values_and_who_wrote_them(self) -> None:
        held = person("r1", "a@example.com", "b@example.com", actor="app", polar_country="DE")
        changes = (
            Change("email_addresses", "a@example.com, b@example.com", "ada@example.com"),
            Change("name", None, LOVELACE),
            Change("polar_country", "DE", "GB"),
        )

        done = write_of(Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.UPDATE, changes), held)

        assert done == Write(
            ADA,
            "r1",
            (
                WrittenValue("email_addresses", ("a@example.com", "b@example.com"), None, "ada@example.com"),
                WrittenValue("name", None, None, LOVELACE),
                WrittenValue("polar_country", "DE", "app", "GB"),
            ),
        )

    def test_of_a_new_person_there_are_no_old_values_and_the_record_is_the_one_that_was_answered(self) -> None:
        changes = (Change("email_addresses", None, "ada@example.com"), Change("polar_customer_id", None, ADA))

        done = write_of(Plan(customer(), Match(Case.NEW, None, ()), Action.CREATE, changes), person("r9"))

        assert (done.record_id, [value.old for value in done.values]) == ("r9", [None, None])

    def test_of_a_write_without_an_answer_only_what_the_person_holds_now_is_known(self) -> None:
        before = person("r1", "a@example.com", polar_country="DE")
        changes = (
            Change("email_addresses", "a@example.com", "Ada@Example.com"),
            Change("name", None, LOVELACE),
            Change("polar_country", "DE", "GB"),
            Change("polar_external_id", None, "x"),
        )
        done = Plan(customer(), Match(Case.KNOWN, before, (before,)), Action.UPDATE, changes)
        now = person("r1", "ada@example.com", "a@example.com", name=LOVELACE, polar_country="FR")

        seen = write_seen(done, now)

        assert [value.key for value in seen.values] == ["email_addresses", "name"]
        assert seen.values[0].old == ("a@example.com",)


class TestPasses:
    async def test_a_creation_is_on_record_with_everything_that_was_sent(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(1)

        await one_pass(both, kept)

        (outcome,) = both.outcomes().values()
        (write,) = kept.writes
        assert (write.customer_id, write.record_id) == (outcome.customer_id, outcome.record_id)
        assert tuple(value.key for value in write.values) == outcome.changed
        assert {value.old for value in write.values} == {None}

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

        assert kept.writes == [
            Write(
                outcome.customer_id,
                outcome.record_id or "",
                (WrittenValue("polar_customer", True, "api-token", False),),
            )
        ]

    async def test_a_mark_that_attio_did_not_take_off_is_not_on_record(self, both: BothSides, kept: Kept) -> None:
        both.add_customers(1)
        (outcome,) = (await both.one_pass()).values()
        both.polar.delete_customer(outcome.customer_id)
        comparison = await both.reconcile()
        both.sandbox.faults.add(Fault(kind=Kind.REFUSE, status=400, method="PATCH", path=RECORDS))

        await note_deletions(comparison.orphaned(), replace(both.services, history=kept), unmark=True)

        assert kept.writes == []

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

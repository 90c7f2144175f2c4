"""What a pass, a preview and a reconciliation make of teams, twins and drift."""

import gc
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from polar_attio_pipeline.sandbox.faults import Fault, Faults
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sync import engine
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.deletions import note_deletions
from polar_attio_pipeline.sync.engine import sync
from polar_attio_pipeline.sync.names import split_name
from polar_attio_pipeline.sync.outcomes import FAILED, Reason, Result, tally
from polar_attio_pipeline.sync.planning import Action
from polar_attio_pipeline.sync.ports import StoppedError
from polar_attio_pipeline.sync.reconciliation import Book, compare
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.sync.both_sides import BothSides, connect, new_sandbox


class TestTeams:
    async def test_a_team_is_known_by_its_owner_and_then_by_its_id(self, both: BothSides) -> None:
        team = both.polar.add_customer(email=None, name="Acme, Inc.", type="team")
        both.polar.add_member(team.id, email="ada@example.com", name="Ada Lovelace")
        outcome = (await both.one_pass())[team.id]
        assert (outcome.result, outcome.email) == (Result.CREATED, "ada@example.com")
        assert both.person_of(team.id).name == "Ada Lovelace"
        both.sandbox.traffic.reset()
        assert (await both.one_pass())[team.id].result is Result.UNCHANGED
        assert both.sandbox.traffic.count(service="polar", route="/v1/members/") == 0

    async def test_a_team_without_an_owner_is_rejected_until_it_has_one(self, both: BothSides) -> None:
        team = both.polar.add_customer(email=None, name="Acme", type="team")
        outcome = (await both.one_pass())[team.id]
        assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.NO_EMAIL)
        both.polar.add_member(team.id, email="ada@example.com")
        assert (await both.one_pass())[team.id].result is Result.CREATED

    async def test_a_team_whose_owner_is_a_customer_waits_for_a_human(self, both: BothSides) -> None:
        owner = both.polar.add_customer(email="ada@example.com", name="Ada")
        team = both.polar.add_customer(email=None, name="Acme", type="team")
        both.polar.add_member(team.id, email="ADA@example.com")
        for _ in range(2):
            outcomes = await both.one_pass()
            assert outcomes[owner.id].result not in FAILED
            assert outcomes[team.id].reason is Reason.SHARED_EMAIL
            assert both.attio.people_count() == 1


class TestTwins:
    """Two live customers of one address: of two organizations, or of two spellings of one domain."""

    async def test_in_one_pass_the_older_gets_the_person(self, both: BothSides) -> None:
        older = both.polar.add_customer(email="ada@bücher.example.com", name="Ada")
        younger = both.polar.add_customer(email="ada@xn--bcher-kva.example.com", name="Ada")
        outcomes = await both.one_pass()
        assert outcomes[older.id].result is Result.CREATED
        assert (outcomes[younger.id].result, outcomes[younger.id].reason) == (Result.AMBIGUOUS, Reason.SHARED_EMAIL)
        assert both.attio.people_count() == 1

    async def test_over_chunks_and_passes_nobody_is_created_twice(
        self, both: BothSides, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "LARGEST_PORTION", 1)
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
            outcomes = await both.one_pass()
            assert outcomes[older.id].result is result
            assert outcomes[younger.id].reason is Reason.SHARED_EMAIL

    async def test_two_organizations_share_a_person_by_attributes_of_their_own(self, both: BothSides) -> None:
        slugs = {key: key if attribute.standard else f"other_{key}" for key, attribute in BY_KEY.items()}
        for key, slug in slugs.items():
            if slug != key:
                both.attio.add_attribute(slug, BY_KEY[key].types[0])
        both.add_customers(1)
        other = new_sandbox(seed=2)
        other.attio = both.attio
        async with connect(other, slugs) as second:
            second.add_customers(1)
            results = [outcome.result for side in (both, second) * 2 for outcome in (await side.one_pass()).values()]
        assert results == [Result.CREATED, Result.UPDATED, Result.UNCHANGED, Result.UNCHANGED]
        (shared,) = both.attio.people()
        assert shared.values["polar_customer_id"] in both.polar.customers
        assert shared.values["other_polar_customer_id"] in second.polar.customers


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
        plans = await both.planned(book.values())
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
        await both.reconcile()
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
        await both.one_pass()
        gone = next(iter(both.polar.customers))
        record_id = both.person_of(gone).id
        both.polar.delete_customer(gone)
        comparison = await both.reconcile()
        assert [marked.record_id for marked in comparison.orphaned()] == [record_id]
        assert both.attio.person(record_id).values["polar_customer"] is True
        unmarking = await note_deletions(comparison.orphaned(), both.services, unmark=True)
        assert [marked.record_id for marked in unmarking.unmarked] == [record_id]
        assert both.attio.person(record_id).values["polar_customer"] is False
        assert both.attio.person(record_id).values["polar_customer_id"] == gone
        assert (await compare(both.book(), both.services)).orphaned() == []

    async def test_nobody_is_unmarked_whom_polar_has_after_all(self, both: BothSides) -> None:
        both.add_customers(2)
        await both.one_pass()
        missed = next(iter(both.polar.customers))
        comparison = await compare(both.book(but=missed), both.services)
        assert [marked.customer_id for marked in comparison.orphaned()] == [missed]
        assert (await note_deletions(comparison.orphaned(), both.services, unmark=True)).unmarked == []
        assert both.person_of(missed).values["polar_customer"] is True

    async def test_a_customer_who_comes_and_is_marked_while_people_are_read_is_no_orphan(self, both: BothSides) -> None:
        both.add_customers(2)
        await both.one_pass()
        newcomer = next(iter(both.polar.customers))
        whole = await both.customers()

        async def newcomers() -> AsyncIterator[list[Customer]]:
            yield [whole[newcomer]]

        comparison = await compare(Book(both.pages(but=newcomer), newcomers()), both.services)

        assert (comparison.orphaned(), comparison.compared, comparison.settled) == ([], 2, 2)

    async def test_the_owner_of_a_team_that_was_created_again_is_not_gone(self, both: BothSides) -> None:
        first = both.polar.add_customer(email=None, name="Acme", type="team")
        both.polar.add_member(first.id, email="ada@example.com")
        await both.one_pass()
        both.polar.delete_customer(first.id)
        second = both.polar.add_customer(email=None, name="Acme", type="team")
        both.polar.add_member(second.id, email="ada@example.com")
        comparison = await both.reconcile()
        assert both.outcomes()[second.id].result is Result.UPDATED
        assert comparison.orphaned() == []


class RevokedAtTheFirstWrite(Faults):
    """Attio's token is revoked when the first write arrives, so that every write under way fails alike."""

    def __init__(self, both: BothSides) -> None:
        super().__init__(both.sandbox.clock)
        self._attio = both.attio

    def strike(self, service: str, method: str, path: str, text: str = "") -> list[Fault]:  # as Faults
        if method == "POST" and path.endswith("/records"):
            self._attio.tokens[ATTIO_TOKEN].active = False
        return []


async def test_many_writes_that_end_a_pass_alike_are_one_error_and_leave_nothing_in_the_log(
    both: BothSides, caplog: pytest.LogCaptureFixture
) -> None:
    both.add_customers(10)
    both.sandbox.faults = RevokedAtTheFirstWrite(both)
    async with connect(both.sandbox) as revoked:
        customers = await revoked.customers()
        with caplog.at_level(logging.ERROR, "asyncio"), pytest.raises(StoppedError):
            await sync(customers.values(), revoked.services, revoked.record)
        gc.collect()
    assert [record.message for record in caplog.records if "never retrieved" in record.message] == []

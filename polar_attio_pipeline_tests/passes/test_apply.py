"""Applying a plan: exactly what was agreed is written, and whoever has changed since is left out by name."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.apply import Applied
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.plan_file import PlanFile, PlanFileError
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN
from polar_attio_pipeline.sync.approval import Divergence
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.ports import Found, UnavailableError
from polar_attio_pipeline_tests.passes.agreeing import KilledError, Watched, agreed, apply
from polar_attio_pipeline_tests.passes.stage import PEOPLE, Stage


class Agreement:
    """A stage on which plans are made and applied."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.file = folder / "plan.json"

    def plan(self) -> PlanFile:
        async def run() -> PlanFile:
            async with self.stage.context() as context:
                return await agreed(context, self.file)

        return asyncio.run(run())

    def apply(self, plan: PlanFile, **options: Any) -> Applied:
        async def run() -> Applied:
            async with self.stage.context() as context:
                return await apply(context, plan, **options)

        return asyncio.run(run())


@pytest.fixture
def agreement(stage: Stage, tmp_path: Path) -> Agreement:
    return Agreement(stage, tmp_path)


def results(applied: Applied) -> dict[str, Result]:
    return {one.customer_id: one.result for one in applied.agreed}


def drifted(applied: Applied) -> dict[str, list[str]]:
    return {one.customer_id: list(one.attributes) for one in applied.drifted}


def outcomes_on_record(ledger: Ledger, *ids: str) -> dict[str, tuple[str, str | None]]:
    return {one: (row.outcome, row.reason) for one, row in ledger.of_customers(ids).items()}


def test_what_was_planned_is_written_and_a_reconciliation_finds_nothing_left(
    stage: Stage, agreement: Agreement
) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, name="Ada King", external_id="x-1")
    cyd = stage.add("cyd")
    plan = agreement.plan()
    before = stage.writes

    applied = agreement.apply(plan)

    assert results(applied) == {ada.id: Result.UPDATED, cyd.id: Result.CREATED}
    assert applied.is_whole
    assert stage.writes == before + 2
    person = stage.person_of(ada.id)
    assert person
    assert (person.values["name"], person.values["polar_external_id"]) == ("Ada King", "x-1")
    assert stage.reconcile().counts[Result.UNCHANGED] == len({ada.id, bob.id, cyd.id})
    assert stage.writes == before + 2


@pytest.mark.parametrize("spelt", [str.upper, " {} ".format])
def test_a_person_whose_id_somebody_has_respelt_is_planned_as_the_reconciliation_finds_it(
    stage: Stage, agreement: Agreement, spelt: Callable[[str], str]
) -> None:
    ada = stage.add("ada")
    stage.reconcile()
    person = stage.person_of(ada.id)
    assert person
    stage.sandbox.attio.edit_person(person.id, {"polar_customer_id": spelt(ada.id)})
    stage.sandbox.polar.update_customer(ada.id, email="countess@example.com")
    stage.ledger.forget([ada.id])

    plan = agreement.plan()

    assert [one.record_id for one in plan.customers] == [person.id]
    assert results(agreement.apply(plan)) == {ada.id: Result.UPDATED}
    assert len(stage.sandbox.attio.people()) == 1


def test_a_second_time_writes_nothing(stage: Stage, agreement: Agreement) -> None:
    stage.add_many(3)
    plan = agreement.plan()
    agreement.apply(plan)
    before = stage.writes

    again = agreement.apply(plan)

    assert again.is_whole
    assert set(results(again).values()) == {Result.UNCHANGED}
    assert stage.writes == before


def test_nothing_that_is_not_in_the_plan_is_written(stage: Stage, agreement: Agreement) -> None:
    ada = stage.add("ada")
    stage.reconcile()
    plan = agreement.plan()
    later = stage.add("later")
    stage.sandbox.polar.update_customer(ada.id, name="Ada King")
    before = stage.writes

    assert agreement.apply(plan).is_whole

    assert stage.writes == before
    assert stage.person_of(later.id) is None


def name_typed(stage: Stage, customer_id: str) -> None:
    person = stage.person_of(customer_id)
    assert person
    name = {"first_name": "Countess", "last_name": "Ada", "full_name": "Countess Ada"}
    stage.sandbox.attio.edit_person(person.id, {"name": name})


def renamed_again(stage: Stage, customer_id: str) -> None:
    stage.sandbox.polar.update_customer(customer_id, name="Ada Byron")


def renamed_back(stage: Stage, customer_id: str) -> None:
    stage.sandbox.polar.update_customer(customer_id, name="Ada Example")


def further_value(stage: Stage, customer_id: str) -> None:
    stage.sandbox.polar.update_customer(customer_id, external_id="x-2")


def id_cleared(stage: Stage, customer_id: str) -> None:
    person = stage.person_of(customer_id)
    assert person
    stage.sandbox.attio.clear_value(person.id, "polar_customer_id")


def deleted_in_attio(stage: Stage, customer_id: str) -> None:
    person = stage.person_of(customer_id)
    assert person
    stage.sandbox.attio.delete(person.id)


def deleted_in_polar(stage: Stage, customer_id: str) -> None:
    stage.sandbox.polar.delete_customer(customer_id)


@pytest.mark.parametrize(
    ("happens", "attributes", "said"),
    [
        (name_typed, ["name"], Divergence.IN_ATTIO),
        (renamed_again, ["name"], Divergence.IN_POLAR),
        (renamed_back, ["name"], Divergence.IN_POLAR),
        (further_value, ["polar_external_id"], Divergence.NOT_APPROVED),
        (id_cleared, ["polar_customer_id"], Divergence.NOT_APPROVED),
        (deleted_in_attio, [], "The person is not in Attio any more"),
        (deleted_in_polar, [], "Polar no longer has the customer."),
    ],
)
def test_who_has_changed_since_is_left_out_and_named_and_all_others_are_written(
    stage: Stage,
    agreement: Agreement,
    happens: Callable[[Stage, str], None],
    attributes: list[str],
    said: str,
) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, name="Ada King")
    stage.sandbox.polar.update_customer(bob.id, name="Bob King")
    plan = agreement.plan()
    happens(stage, ada.id)
    before = stage.writes

    applied = agreement.apply(plan)

    assert results(applied) == {bob.id: Result.UPDATED}
    assert drifted(applied) == {ada.id: attributes}
    assert said in applied.drifted[0].sentence
    assert not applied.is_whole
    assert stage.writes == before + 1
    # That a plan is old says nothing about the customer: what is on record of it stays.
    assert outcomes_on_record(stage.ledger, ada.id)[ada.id][0] == Result.CREATED


def test_a_person_whom_somebody_has_added_since_is_not_written_to(stage: Stage, agreement: Agreement) -> None:
    ada = stage.add("ada")
    plan = agreement.plan()
    stage.sandbox.attio.add_person(emails=["ada@example.com"])

    applied = agreement.apply(plan)

    assert drifted(applied) == {ada.id: ["email_addresses"]}
    assert stage.writes == 0
    assert outcomes_on_record(stage.ledger, ada.id) == {}


def test_an_address_that_is_taken_in_the_moment_of_the_write_is_drift_too(stage: Stage, agreement: Agreement) -> None:
    ada = stage.add("ada")
    plan = agreement.plan()
    watched: list[Watched] = []

    def somebody_adds_ada(number: int) -> None:
        stage.sandbox.attio.add_person(emails=["ada@example.com"])

    async def run() -> Applied:
        async with stage.context() as context:
            watched.append(Watched(context.attio, happens=somebody_adds_ada))
            return await apply(context, plan, watched[0])

    applied = asyncio.run(run())

    assert drifted(applied) == {ada.id: ["email_addresses"]}
    assert watched[0].seen == []


def test_a_person_who_is_deleted_in_the_moment_of_the_write_is_drift_and_no_new_one_is_made(
    stage: Stage, agreement: Agreement
) -> None:
    ada = stage.add("ada")
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, name="Ada King")
    plan = agreement.plan()

    async def run() -> Applied:
        async with stage.context() as context:
            return await apply(context, plan, Watched(context.attio, lambda number: deleted_in_attio(stage, ada.id)))

    applied = asyncio.run(run())

    assert "The person is not in Attio any more" in applied.drifted[0].sentence
    assert stage.person_of(ada.id) is None


def test_a_write_without_an_answer_is_in_the_history_although_its_customer_drifts_right_after_it(
    stage: Stage, agreement: Agreement
) -> None:
    ada = stage.add("ada")
    plan = agreement.plan()
    stage.sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER, service="attio", method="POST", path=PEOPLE, times=1))

    class Meddled(Watched):
        """Somebody types as soon as the person is there."""

        async def find(self, **keys: Any) -> Found:
            if stage.person_of(ada.id):
                name_typed(stage, ada.id)
            found: Found = await self.inner.find(**keys)
            return found

    async def run() -> Applied:
        async with stage.context() as context:
            return await apply(context, plan, Meddled(context.attio))

    applied = asyncio.run(run())

    assert drifted(applied) == {ada.id: ["name"]}
    recorded = {row.attribute for row in stage.ledger.changes_of_customer(ada.id)}
    assert recorded == {change.key for change in plan.customers[0].changes} - {"name"}


def test_what_a_person_has_done_already_is_not_written_again(stage: Stage, agreement: Agreement) -> None:
    ada = stage.add("ada")
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, name="Ada King", external_id="x-1")
    plan = agreement.plan()
    person = stage.person_of(ada.id)
    assert person
    stage.sandbox.attio.edit_person(person.id, {"polar_external_id": "x-1"})

    applied = agreement.apply(plan)

    (outcome,) = applied.outcomes
    assert (outcome.result, outcome.changed) == (Result.UPDATED, ("name",))


def test_only_some_customers_can_be_applied(stage: Stage, agreement: Agreement) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    plan = agreement.plan()

    applied = agreement.apply(plan, only=[bob.id])

    assert results(applied) == {bob.id: Result.CREATED}
    assert stage.person_of(ada.id) is None
    assert results(agreement.apply(plan)) == {ada.id: Result.CREATED, bob.id: Result.UNCHANGED}


def test_a_customer_that_the_plan_does_not_have_is_refused_before_anything_is_read(
    stage: Stage, agreement: Agreement
) -> None:
    stage.add("ada")
    plan = agreement.plan()

    with pytest.raises(PlanFileError, match="writes nothing for b0b"):
        agreement.apply(plan, only=["b0b"])

    assert stage.writes == 0


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"organization_id": "other"}, "of the Polar organization other, but POLAR_ACCESS_TOKEN belongs to"),
        ({"workspace_id": "other"}, "of the Attio workspace other, but ATTIO_API_KEY belongs to"),
    ],
)
def test_a_plan_of_another_organization_or_workspace_is_refused(
    stage: Stage, agreement: Agreement, other: dict[str, Any], said: str
) -> None:
    stage.add("ada")
    plan = agreement.plan()

    with pytest.raises(PlanFileError, match=said):
        agreement.apply(replace(plan, **other))

    assert stage.writes == 0


def test_the_guard_of_the_owner_holds(stage: Stage, agreement: Agreement) -> None:
    stage.add("ada")
    stage.reconcile()
    stage.sandbox.polar.add_organization().add_customer(email="eve@example.org", name="Eve")
    plan = agreement.plan()
    stage.polar_token = OTHER_POLAR_TOKEN

    with pytest.raises(PlanFileError, match="The plan is of the Polar organization"):
        agreement.apply(plan)
    with pytest.raises(GuardError, match="but the one on record here is"):
        agreement.apply(replace(plan, organization_id=None))


def test_it_is_a_pass_on_record_that_names_its_plan(stage: Stage, agreement: Agreement) -> None:
    ada = stage.add("ada")
    plan = agreement.plan()

    agreement.apply(plan)

    (pass_id,) = {row.pass_id for row in stage.ledger.changes_of_customer(ada.id)}
    with stage.ledger._database.reading() as connection:
        row = connection.exec_driver_sql("SELECT kind, reason, ended FROM passes WHERE pass_id = ?", (pass_id,)).one()
    assert row.kind == "apply"
    assert row.reason.startswith(f"test: the plan of {plan.made_at:%Y-%m-%d %H:%M:%S} UTC, {plan.sha256[:12]}")
    assert row.ended == "finished"


def test_a_customer_who_is_not_to_be_written_any_more_is_drift(stage: Stage, agreement: Agreement) -> None:
    ada = stage.add("ada")
    plan = agreement.plan()
    stage.rules = Rules(audience=Audience.PAYS_NOW)

    applied = agreement.apply(plan)

    assert drifted(applied) == {ada.id: []}
    assert "is not to be written any more: the settings say so" in applied.drifted[0].sentence
    assert stage.writes == 0


def test_a_customer_that_polar_cannot_show_is_named_and_harms_no_other(stage: Stage, agreement: Agreement) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    plan = agreement.plan()
    stage.sandbox.polar.break_customer(ada.id)

    applied = agreement.apply(plan)

    assert results(applied) == {ada.id: Result.REJECTED, bob.id: Result.CREATED}
    assert [one.reason for one in applied.failed] == [Reason.UNREADABLE]


def test_a_customer_that_polar_cannot_be_asked_for_is_named_and_harms_no_other(
    stage: Stage, agreement: Agreement
) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    plan = agreement.plan()
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar", path=f"/v1/customers/{ada.id}"))

    applied = agreement.apply(plan)

    assert applied.unread == [ada.id]
    assert results(applied) == {bob.id: Result.CREATED}
    assert not applied.is_whole


def test_an_outage_of_polar_ends_it_before_the_first_write(stage: Stage, agreement: Agreement) -> None:
    stage.add_many(3)
    plan = agreement.plan()
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar", path="/v1/customers/*-*"))

    with pytest.raises(UnavailableError):
        agreement.apply(plan)

    assert stage.writes == 0


def test_a_write_that_attio_does_not_take_is_named_as_what_it_is(stage: Stage, agreement: Agreement) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    plan = agreement.plan()
    refuse = Fault(kind=Kind.STATUS, status=500, service="attio", method="POST", path=PEOPLE, contains="ada@example")
    stage.sandbox.faults.add(refuse)

    applied = agreement.apply(plan)

    assert results(applied) == {ada.id: Result.REJECTED, bob.id: Result.CREATED}
    assert [one.reason for one in applied.failed] == [Reason.NOT_TAKEN]
    assert outcomes_on_record(stage.ledger, ada.id) == {ada.id: (Result.REJECTED, Reason.NOT_TAKEN)}


def test_a_lost_answer_is_not_taken_for_drift(stage: Stage, agreement: Agreement) -> None:
    ada = stage.add("ada")
    plan = agreement.plan()
    lost = Fault(kind=Kind.LOST_ANSWER, service="attio", method="POST", path=PEOPLE, times=1)
    stage.sandbox.faults.add(lost)

    applied = agreement.apply(plan)

    assert results(applied) == {ada.id: Result.CREATED}
    assert applied.is_whole
    assert {row.attribute for row in stage.ledger.changes_of_customer(ada.id)} == {
        change.key for change in plan.customers[0].changes
    }


def test_values_are_in_no_line_that_is_logged(
    stage: Stage, agreement: Agreement, caplog: pytest.LogCaptureFixture
) -> None:
    ada = stage.add("ada", name="Ada Lovelace")
    stage.reconcile()
    stage.sandbox.polar.update_customer(ada.id, name="Ada King")
    plan = agreement.plan()
    renamed_again(stage, ada.id)

    with caplog.at_level("INFO", logger="polar_attio_pipeline"):
        agreement.apply(plan)

    assert not [line for line in caplog.messages if "Byron" in line or "King" in line or "@example.com" in line]


@pytest.mark.parametrize("after", [True, False])
def test_a_process_that_is_killed_at_any_write_leaves_the_rest_to_the_next_one(
    stage: Stage, agreement: Agreement, *, after: bool
) -> None:
    customers = stage.add_many(3)
    stage.reconcile()
    for customer in customers:
        stage.sandbox.polar.update_customer(customer.id, name="Ada King")
    new = stage.add_many(2, hour=1)
    plan = agreement.plan()
    before = stage.writes

    async def killed(number: int) -> None:
        async with stage.context() as context:
            with pytest.raises(KilledError):
                await apply(context, plan, Watched(context.attio, killed_at=number, after=after))

    for number in (1, 2, 1):
        asyncio.run(killed(number))
    applied = agreement.apply(plan)

    assert applied.is_whole
    assert stage.writes == before + len(plan.customers) == before + 5
    assert stage.in_attio([*customers, *new]) == 5
    assert stage.reconcile().counts[Result.UNCHANGED] == 5


# People whose customer was deleted.


@pytest.fixture
def orphans(stage: Stage) -> list[str]:
    """Three customers, in Attio by a reconciliation, the first of whom is deleted in Polar."""
    customers = stage.add_many(20)
    stage.reconcile()
    stage.sandbox.polar.delete_customer(customers[0].id)
    return [one.id for one in customers]


def test_people_of_deleted_customers_are_planned_and_written_like_a_reconciliation_does(
    stage: Stage, agreement: Agreement, orphans: list[str]
) -> None:
    plan = agreement.plan()

    applied = agreement.apply(plan)

    assert [one.customer_id for one in plan.deleted] == [orphans[0]]
    assert [one.customer_id for one in applied.deletions.stated] == [orphans[0]]
    assert applied.is_whole
    person = stage.person_of(orphans[0])
    assert person
    assert person.values["polar_status"] == "Deleted"
    before = stage.writes
    assert agreement.apply(plan).is_whole
    stage.reconcile()
    assert stage.writes == before


def test_a_deleted_customers_person_who_has_changed_since_is_left_out_and_named(
    stage: Stage, agreement: Agreement, orphans: list[str]
) -> None:
    plan = agreement.plan()
    person = stage.person_of(orphans[0])
    assert person
    stage.sandbox.attio.edit_person(person.id, {"polar_status": "Paying"})
    before = stage.writes

    applied = agreement.apply(plan)

    assert drifted(applied) == {orphans[0]: ["polar_status"]}
    assert stage.writes == before


@pytest.mark.parametrize(
    ("happens", "said"), [(id_cleared, "holds another Polar id now"), (deleted_in_attio, "is not in Attio any more")]
)
def test_a_deleted_customers_person_who_is_another_one_or_none_is_named(
    stage: Stage, agreement: Agreement, orphans: list[str], happens: Callable[[Stage, str], None], said: str
) -> None:
    plan = agreement.plan()
    happens(stage, orphans[0])

    applied = agreement.apply(plan)

    assert [said in one.sentence for one in applied.drifted] == [True]


def test_a_mark_that_is_not_to_be_taken_off_any_more_is_left_on_and_named(
    stage: Stage, agreement: Agreement, orphans: list[str]
) -> None:
    stage.reconcile()
    stage.rules = Rules(unmark_orphaned=True)
    plan = agreement.plan()
    stage.rules = Rules(unmark_orphaned=False)

    applied = agreement.apply(plan)

    assert [change.key for one in plan.deleted for change in one.changes] == ["polar_customer"]
    assert [one.sentence.partition(":")[0] for one in applied.drifted] == [
        "Nothing is to be written to the person any more"
    ]
    person = stage.person_of(orphans[0])
    assert person
    assert person.values["polar_customer"] is True


def test_more_deletions_than_a_reconciliation_would_trust_are_not_planned(
    stage: Stage, agreement: Agreement, orphans: list[str]
) -> None:
    for one in orphans[1:4]:
        stage.sandbox.polar.delete_customer(one)

    assert agreement.plan().deleted == ()


def test_customers_who_were_planned_from_an_export_without_a_type_are_written_without_one(
    stage: Stage, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polar_attio_pipeline.passes.completing.MOST_WITHOUT_TYPE", 1)
    stage.add("ada")
    stage.reconcile()
    # Of the newest hundred Polar's list has said the type already.
    new = stage.add_many(103, hour=2)
    plan = agreement.plan()

    applied = agreement.apply(plan)

    typed = [any(change.key == "polar_customer_type" for change in one.changes) for one in plan.customers]
    assert typed.count(False) == 2
    assert results(applied) == {one.id: Result.CREATED for one in new}


@pytest.fixture
def out_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every plan is large enough for all customers to be read."""
    monkeypatch.setattr("polar_attio_pipeline.passes.apply_reading.FEW", 0)


def test_a_large_plan_is_read_out_of_all_customers_to_the_same_end(
    stage: Stage, agreement: Agreement, out_of_all: None
) -> None:
    stage.add("ada")
    stage.reconcile()
    new = stage.add_many(5, hour=1)
    plan = agreement.plan()
    for one in new[3:]:
        stage.sandbox.polar.update_customer(one.id, name="Ada Byron")
    stage.sandbox.polar.delete_customer(new[0].id)
    stage.sandbox.polar.break_customer(new[1].id)

    applied = agreement.apply(plan)

    assert results(applied) == {new[1].id: Result.REJECTED, new[2].id: Result.CREATED}
    assert drifted(applied) == {new[0].id: [], new[3].id: ["name"], new[4].id: ["name"]}


def test_the_guard_of_the_size_holds_where_all_customers_are_read(
    stage: Stage, agreement: Agreement, out_of_all: None
) -> None:
    customers = stage.add_many(20)
    stage.reconcile()
    stage.add("new", hour=1)
    plan = agreement.plan()
    for one in customers[:15]:
        stage.sandbox.polar.delete_customer(one.id)

    with pytest.raises(GuardError, match="Polar has 6 customers, where 20 are on record"):
        agreement.apply(plan)


def test_a_customer_of_a_plan_is_read_with_one_request_and_its_billing_with_others(
    stage: Stage, agreement: Agreement
) -> None:
    stage.add_many(10)
    plan = agreement.plan()
    before = stage.sandbox.traffic.count(service="polar")

    agreement.apply(plan)

    assert stage.sandbox.traffic.count(service="polar") - before <= 10 + 8

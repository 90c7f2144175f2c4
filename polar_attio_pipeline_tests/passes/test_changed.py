"""The pass over changed customers: as Polar has them now, and what it writes to the people of deleted ones."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.passes.changed import Changed, sync_changed
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline_tests.passes.stage import Stage


def change(stage: Stage, *customers: Customer | str) -> Changed:
    """Run the pass over these customers."""
    ids = [one if isinstance(one, str) else one.id for one in customers]

    async def run() -> Changed:
        async with stage.context() as context:
            return await sync_changed(context, ids)

    return asyncio.run(run())


def results(changed: Changed) -> dict[str, Result]:
    return {outcome.customer_id: outcome.result for outcome in changed.outcomes}


def status(stage: Stage, customer: Customer) -> object:
    person = stage.person_of(customer.id)
    assert person is not None
    return person.values.get("polar_status")


def is_marked(stage: Stage, customer: Customer) -> object:
    person = stage.person_of(customer.id)
    assert person is not None
    return person.values.get("polar_customer")


@pytest.fixture
def synced(stage: Stage) -> Sequence[Customer]:
    """Three customers, in Attio by a reconciliation."""
    customers = stage.add_many(3)
    stage.reconcile()
    return customers


def test_only_the_customers_named_are_read_and_written(stage: Stage, synced: Sequence[Customer]) -> None:
    for customer in synced:
        stage.sandbox.polar.update_customer(customer.id, name="Ada Lovelace")

    changed = change(stage, synced[0])

    assert results(changed) == {synced[0].id: Result.UPDATED}
    names = [stage.person_of(customer.id).values["name"] for customer in synced]  # type: ignore[union-attr]
    assert ["Ada Lovelace" in str(name) for name in names] == [True, False, False]


def test_a_second_pass_writes_nothing(stage: Stage, synced: Sequence[Customer]) -> None:
    stage.sandbox.polar.update_customer(synced[0].id, name="Ada Lovelace")
    stage.sandbox.polar.delete_customer(synced[1].id)
    change(stage, *synced)
    before = stage.writes

    again = change(stage, *synced)

    assert stage.writes == before
    assert set(results(again).values()) == {Result.UNCHANGED}


def test_the_person_of_a_deleted_customer_says_so_and_stays_marked(stage: Stage, synced: Sequence[Customer]) -> None:
    stage.sandbox.polar.delete_customer(synced[0].id)

    changed = change(stage, *synced)

    assert changed.deleted == [synced[0].id]
    assert [person.customer_id for person in changed.deletions.stated] == [synced[0].id]
    assert status(stage, synced[0]) == "Deleted"
    assert is_marked(stage, synced[0])
    assert status(stage, synced[1]) != "Deleted"
    assert stage.ledger.recorded([one.id for one in synced]) == {one.id for one in synced[1:]}


def test_a_deleted_customer_has_no_revenue_and_nothing_that_runs_but_keeps_what_was_paid(
    stage: Stage, synced: Sequence[Customer]
) -> None:
    polar = stage.sandbox.polar
    seats = polar.billing.product("Seats", amount=2000)
    polar.billing.subscribe(synced[0].id, seats, seats=3)
    change(stage, synced[0])
    before = stage.person_of(synced[0].id)
    assert before is not None
    assert (before.values["polar_mrr"], before.values["polar_products"]) == (60, "Seats")

    polar.delete_customer(synced[0].id)
    change(stage, synced[0])

    after = stage.person_of(synced[0].id)
    assert after is not None
    assert after.values["polar_mrr"] == 0
    assert after.values["polar_lifetime_value"] == before.values["polar_lifetime_value"]
    assert not {"polar_products", "polar_seats", "polar_renews_at"} & after.values.keys()
    writes = stage.writes
    change(stage, synced[0])
    assert stage.writes == writes


def test_what_a_person_typed_about_a_deleted_customer_stays(stage: Stage, synced: Sequence[Customer]) -> None:
    person = stage.person_of(synced[0].id)
    assert person is not None
    stage.sandbox.attio.edit_person(person.id, {"polar_products": "Poster", "polar_mrr": 5})
    stage.sandbox.polar.delete_customer(synced[0].id)

    change(stage, synced[0])

    held = stage.sandbox.attio.person(person.id).values
    assert (held["polar_products"], held["polar_mrr"], held["polar_status"]) == ("Poster", 5, "Deleted")


def test_the_mark_is_taken_off_where_the_setting_says_so(stage: Stage, synced: Sequence[Customer]) -> None:
    stage.rules = Rules(unmark_orphaned=True)
    stage.sandbox.polar.delete_customer(synced[0].id)

    changed = change(stage, synced[0])

    assert [person.customer_id for person in changed.deletions.unmarked] == [synced[0].id]
    assert (status(stage, synced[0]), is_marked(stage, synced[0])) == ("Deleted", False)
    written = {change.attribute: change.new_value for change in stage.ledger.changes_of_customer(synced[0].id)}
    assert (written["polar_status"], written["polar_customer"]) == ("Deleted", False)


@pytest.mark.parametrize(("overwrite", "said"), [(False, "Paused"), (True, "Deleted")])
def test_a_status_that_a_person_typed_is_kept_unless_the_setting_says_otherwise(
    stage: Stage, synced: Sequence[Customer], overwrite: bool, said: str
) -> None:
    person = stage.person_of(synced[0].id)
    assert person is not None
    stage.rules = Rules(overwrite_typed=overwrite)
    stage.sandbox.polar.delete_customer(synced[0].id)
    stage.sandbox.attio.edit_person(person.id, {"polar_status": "Paused"})

    change(stage, synced[0])

    assert status(stage, synced[0]) == said


def test_a_workspace_without_the_attribute_gets_nothing_but_the_report(
    stage: Stage, synced: Sequence[Customer]
) -> None:
    stage.sandbox.attio.archive_attribute("polar_status")
    stage.sandbox.polar.delete_customer(synced[0].id)
    before = stage.writes

    changed = change(stage, synced[0])

    assert [person.customer_id for person in changed.people] == [synced[0].id]
    assert stage.writes == before


def test_a_customer_whom_polar_cannot_serialise_is_not_deleted(stage: Stage, synced: Sequence[Customer]) -> None:
    stage.rules = Rules(unmark_orphaned=True)
    stage.sandbox.polar.break_customer(synced[0].id)

    changed = change(stage, *synced)

    assert changed.deleted == []
    assert changed.unread == []
    (outcome,) = (one for one in changed.outcomes if one.customer_id == synced[0].id)
    assert (outcome.result, outcome.reason) == (Result.REJECTED, Reason.UNREADABLE)
    assert is_marked(stage, synced[0])
    assert results(changed)[synced[1].id] is Result.UNCHANGED


def test_one_who_cannot_be_asked_for_is_not_done_and_the_others_are(stage: Stage, synced: Sequence[Customer]) -> None:
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", path=f"/v1/customers/{synced[0].id}", status=503))

    changed = change(stage, *synced)

    assert changed.unread == [synced[0].id]
    assert set(results(changed)) == {one.id for one in synced[1:]}


def test_a_service_that_answers_nothing_fails_the_pass(stage: Stage, synced: Sequence[Customer]) -> None:
    stage.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", status=503))

    with pytest.raises(UnavailableError):
        change(stage, *synced)


def test_a_token_that_is_not_accepted_stops_the_pass(stage: Stage, synced: Sequence[Customer]) -> None:
    stage.polar_token = "polar_oat_revoked"

    with pytest.raises(FatalError):
        change(stage, *synced)


def test_another_organization_s_token_makes_nobody_a_deleted_customer(stage: Stage, synced: Sequence[Customer]) -> None:
    """To another organization's token every customer of ours looks deleted."""
    other = stage.sandbox.polar.add_organization()
    other.add_customer(email="eve@example.org", name="Eve")
    stage.polar_token = OTHER_POLAR_TOKEN
    stage.rules = Rules(unmark_orphaned=True)
    before = stage.writes

    with pytest.raises(GuardError):
        change(stage, *synced)

    assert stage.writes == before


def test_a_customer_created_again_with_its_address_takes_its_person_back(
    stage: Stage, synced: Sequence[Customer]
) -> None:
    old = synced[0]
    stage.rules = Rules(unmark_orphaned=True)
    stage.sandbox.polar.delete_customer(old.id)
    change(stage, old)
    person = stage.person_of(old.id)
    assert person is not None

    new = stage.add("new", email=old.email, hour=3)
    change(stage, new)

    again = stage.person_of(new.id)
    assert again is not None
    assert again.id == person.id
    assert again.values["polar_customer"] is True
    assert again.values.get("polar_status") != "Deleted"


def test_deleted_and_created_again_within_one_pass_is_one_person_who_is_not_deleted(
    stage: Stage, synced: Sequence[Customer]
) -> None:
    old = synced[0]
    stage.sandbox.polar.delete_customer(old.id)
    new = stage.add("new", email=old.email, hour=3)

    changed = change(stage, old, new)

    assert changed.people == []
    assert stage.person_of(old.id) is None
    assert status(stage, new) != "Deleted"


def test_the_reconciliation_says_deleted_once(stage: Stage) -> None:
    customers = stage.add_many(20)
    stage.reconcile()
    stage.sandbox.polar.delete_customer(customers[0].id)

    stage.reconcile()
    assert status(stage, customers[0]) == "Deleted"
    assert is_marked(stage, customers[0])

    before = stage.writes
    report = stage.reconcile()
    assert stage.writes == before
    assert [person.customer_id for person in report.orphaned] == [customers[0].id]


def test_the_reconciliation_says_nothing_of_very_many_at_once(stage: Stage) -> None:
    """As many as that are rather a wrong answer of Polar's."""
    customers = stage.add_many(20)
    stage.reconcile()
    for customer in customers[:3]:
        stage.sandbox.polar.delete_customer(customer.id)
    stage.rules = replace(stage.rules, unmark_max_share=0.1, shrink_max_share=1)

    stage.reconcile()

    assert status(stage, customers[0]) != "Deleted"

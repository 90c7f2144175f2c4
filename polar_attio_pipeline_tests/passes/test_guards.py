"""A wrong token, a strange workspace and a book that shrank change nothing until a person approves."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from polar_attio_pipeline.passes.approvals import FEWER_CUSTOMERS, MANY_CHANGES, OTHER_OWNER, approve
from polar_attio_pipeline.passes.brake import ManyChangesError
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline_tests.passes.stage import Stage

Pass = Callable[[Stage], object]

PASSES: dict[str, Pass] = {
    "hourly": lambda stage: stage.hourly(),
    "asked for by the sensor": lambda stage: stage.hourly(
        expected=[one.id for one in stage.sandbox.polar.customers.values()], retry_unresolved=True
    ),
    "reconciliation": lambda stage: stage.reconcile(),
    "plan of an hour": lambda stage: stage.preview(0),
    "plan of all customers": lambda stage: stage.preview(),
    "unmark": lambda stage: unmarking(stage).reconcile(),
}


def unmarking(stage: Stage) -> Stage:
    stage.rules = replace(stage.rules, unmark_orphaned=True, unmark_max_share=1)
    return stage


def with_two_organizations(stage: Stage) -> None:
    """Forty customers in Attio; another organization has thirty-eight of the same addresses, and two of its own."""
    stage.add_many(40)
    other = stage.sandbox.polar.add_organization()
    for number in range(2, 42):
        created_at = next(iter(stage.sandbox.polar.customers.values())).created_at
        other.add_customer(email=f"customer-0-{number}@example.com", name="Other", created_at=created_at)
    stage.reconcile()


def held(stage: Stage) -> list[tuple[str, str, tuple[str, ...]]]:
    return sorted((one.id, str(one.values), one.emails) for one in stage.sandbox.attio.people())


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("on_record", [True, False], ids=["on record", "fresh ledger"])
def test_the_token_of_another_organization_changes_nothing(
    stage: Stage, name: str, on_record: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with_two_organizations(stage)
    if not on_record:
        fresh = Stage(tmp_path_factory.mktemp("fresh"))
        fresh.sandbox, fresh.here = stage.sandbox, stage.here
        stage = fresh
    before, writes = held(stage), stage.writes
    stage.polar_token = OTHER_POLAR_TOKEN
    with pytest.raises(GuardError, match="polar-attio approve organization") as stopped:
        PASSES[name](stage)
    assert "POLAR_ACCESS_TOKEN" in str(stopped.value)
    assert held(stage) == before
    assert stage.writes == writes


def test_the_right_token_goes_on_after_the_wrong_one_as_if_nothing_had_been(stage: Stage) -> None:
    with_two_organizations(stage)
    writes = stage.writes
    right, stage.polar_token = stage.polar_token, OTHER_POLAR_TOKEN
    with pytest.raises(GuardError):
        stage.reconcile()
    stage.polar_token = right
    assert stage.reconcile().orphaned == []
    assert stage.writes == writes


def test_another_organization_that_a_person_approves_is_taken_once(stage: Stage) -> None:
    with_two_organizations(stage)
    stage.polar_token = OTHER_POLAR_TOKEN
    stage.ledger.confirm(OTHER_OWNER.name)
    # The same addresses are known by other ids now: what that does to the people who are there is asked as well.
    with pytest.raises(ManyChangesError, match="polar_customer_id replaced of 38"):
        stage.reconcile()
    assert not stage.ledger.take_confirmation(OTHER_OWNER.name)
    approve(stage.ledger, MANY_CHANGES.name)
    stage.reconcile()
    assert stage.reconcile().notable == []
    assert not stage.ledger.take_confirmation(OTHER_OWNER.name)


def test_another_attio_workspace_is_refused(stage: Stage) -> None:
    stage.add_many(3)
    stage.hourly()
    stage.ledger.set_fact("attio_workspace_id", "another")
    stage.add("late")
    with pytest.raises(GuardError, match="ATTIO_API_KEY"):
        stage.hourly()


def test_an_empty_organization_is_no_reason_to_forget_anybody(stage: Stage) -> None:
    stage.add_many(3)
    bad = stage.add("bad", email="bad@example.test")
    stage.hourly()
    stage.sandbox.polar.add_organization("empty")
    stage.polar_token = OTHER_POLAR_TOKEN
    with pytest.raises(GuardError):
        stage.hourly(5, retry_unresolved=True)
    assert stage.ledger.recorded([bad.id]) == {bad.id}


class TestSize:
    def test_an_empty_book_is_refused_although_nothing_would_be_written(self, stage: Stage) -> None:
        stage.add_many(20)
        stage.reconcile()
        stage.sandbox.faults.add(Fault(kind=Kind.EMPTY_LIST, service="polar", path="/v1/customers/*"))
        with pytest.raises(UnavailableError, match="lacks customers that exist"):
            unmarking(stage).reconcile()
        assert stage.ledger.recorded([one.id for one in stage.sandbox.polar.customers.values()])
        stage.sandbox.faults.clear()
        assert stage.reconcile().notable == []

    def test_customers_who_were_really_deleted_need_an_approval(self, stage: Stage) -> None:
        customers = stage.add_many(20)
        stage.reconcile()
        for one in customers[:10]:
            stage.sandbox.polar.delete_customer(one.id)
        with pytest.raises(GuardError, match="approve fewer-customers"):
            stage.reconcile()
        stage.ledger.confirm(FEWER_CUSTOMERS.name)
        assert len(stage.reconcile().orphaned) == 10
        assert len(stage.reconcile().orphaned) == 10

    def test_a_few_deletions_need_none(self, stage: Stage) -> None:
        customers = stage.add_many(20)
        stage.reconcile()
        for one in customers[:4]:
            stage.sandbox.polar.delete_customer(one.id)
        assert len(stage.reconcile().orphaned) == 4

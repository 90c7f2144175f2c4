"""A customer that is left out on purpose is not written by any pass, and is no failure."""

import asyncio
from collections.abc import Callable

import pytest

from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.reading import read_snapshot
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.passes.stage import Stage

Run = Callable[[Stage, Customer], None]


def hourly(stage: Stage, _: Customer) -> None:
    stage.hourly()


def hourly_by_retry(stage: Stage, _: Customer) -> None:
    stage.hourly(5, retry_unresolved=True)


def changed(stage: Stage, customer: Customer) -> None:
    async def run() -> None:
        async with stage.context() as context:
            await sync_changed(context, [customer.id])

    asyncio.run(run())


def reconciling(stage: Stage, _: Customer) -> None:
    stage.reconcile()


EACH = pytest.mark.parametrize("run", [hourly, changed, reconciling])


@EACH
def test_a_new_customer_is_not_created_and_counts_as_excluded(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    stage.ledger.skip(ada.id)

    run(stage, ada)

    assert stage.writes == 0
    assert stage.ledger.counts()[Result.EXCLUDED] == 1
    assert stage.ledger.unresolved(limit=None) == []


@EACH
def test_a_person_who_is_there_keeps_what_it_holds(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    stage.reconcile()
    stage.ledger.skip(ada.id)
    stage.sandbox.polar.update_customer(ada.id, name="Ada King")
    before = stage.writes

    run(stage, ada)

    assert stage.writes == before
    person = stage.person_of(ada.id)
    assert person
    assert person.values["name"] == "Ada Example"


@EACH
def test_once_left_out_no_longer_the_customer_is_brought_by_the_next_pass(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    stage.ledger.skip(ada.id)
    run(stage, ada)
    stage.ledger.unskip(ada.id)

    run(stage, ada)

    assert stage.person_of(ada.id)
    assert stage.ledger.counts()[Result.CREATED] == 1


def test_an_hourly_pass_over_other_hours_brings_it_too(stage: Stage) -> None:
    ada = stage.add("ada")
    stage.ledger.skip(ada.id)
    stage.hourly()
    stage.ledger.unskip(ada.id)

    hourly_by_retry(stage, ada)

    assert stage.person_of(ada.id)


def test_others_are_written_in_the_same_pass(stage: Stage) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    stage.ledger.skip(ada.id)

    assert stage.hourly().outcomes()[bob.id].result is Result.CREATED
    assert stage.reconcile().counts == {Result.EXCLUDED: 1, Result.UNCHANGED: 1}


def test_a_second_pass_puts_nothing_on_record(stage: Stage) -> None:
    ada = stage.add("ada")
    stage.reconcile()
    stage.ledger.skip(ada.id)
    stage.reconcile()
    before = stage.ledger.of_customers([ada.id])

    stage.hourly()
    stage.reconcile()

    assert stage.ledger.of_customers([ada.id]) == before
    assert before[ada.id].attio_record_id


def test_a_preview_counts_it_as_excluded(stage: Stage) -> None:
    ada = stage.add("ada")
    stage.add("bob")
    stage.ledger.skip(ada.id)

    for preview in (stage.preview(), stage.preview(0)):
        assert (preview.counts()["create"], preview.counts()["exclude"]) == (1, 1)


def test_its_person_is_not_said_to_be_deleted_although_polar_deletes_the_customer(stage: Stage) -> None:
    stage.rules = Rules(unmark_orphaned=True, unmark_max_share=1)
    ada = stage.add("ada")
    stage.add("bob")
    stage.reconcile()
    stage.ledger.skip(ada.id)
    stage.sandbox.polar.delete_customer(ada.id)
    before = stage.writes

    report = stage.reconcile()
    changed(stage, ada)

    assert stage.writes == before
    assert report.orphaned == []
    stage.ledger.unskip(ada.id)
    assert [person.customer_id for person in stage.reconcile().orphaned] == [ada.id]
    assert stage.writes == before + 1


def test_a_snapshot_holds_no_value_of_it_and_the_hour_is_done_all_the_same(stage: Stage) -> None:
    ada, bob = stage.add("ada"), stage.add("bob")
    stage.ledger.skip(ada.id)

    async def read() -> Snapshot:
        async with stage.context() as context:
            return (await read_snapshot(context.polar, context.ledger, [stage.here]))[0]

    snapshot = asyncio.run(read())

    assert {one.id: (one.email, one.name) for one in snapshot.customers} == {
        ada.id: (None, None),
        bob.id: ("bob@example.com", "Bob Example"),
    }
    outcomes = stage.hourly(snapshot=snapshot, expected=[ada.id]).outcomes()
    assert {one: outcome.result for one, outcome in outcomes.items()} == {
        ada.id: Result.EXCLUDED,
        bob.id: Result.CREATED,
    }


def test_the_person_with_its_address_is_not_said_to_be_of_a_deleted_customer(stage: Stage) -> None:
    # Deleted and created anew: the person holds the id of before, and the new customer is left out.
    before = stage.add("ada")
    stage.reconcile()
    stage.sandbox.polar.delete_customer(before.id)
    again = stage.add("ada")
    stage.ledger.skip(again.id)
    writes = stage.writes

    report = stage.reconcile()

    assert report.orphaned == []
    assert stage.writes == writes

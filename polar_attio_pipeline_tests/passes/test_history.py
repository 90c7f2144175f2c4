"""What passes leave in the ledger: every write once, and of customers who have not changed nothing at all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.ledger import Ledger, Snapshot
from polar_attio_pipeline.ledger.snapshots import KEPT
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline_tests.passes.stage import Stage

OF_ATTIO = {"record_id", "created_at", "created_by", "company"}
"""What Attio itself gives a new person."""


@contextmanager
def rows_written(ledger: Ledger) -> Iterator[Counter[str]]:
    """Count the rows that are inserted, changed or deleted, by table."""
    counted: Counter[str] = Counter()

    def count(_connection: object, cursor: Any, statement: str, *_: object) -> None:
        words = statement.split()
        table = {"INSERT": 2, "UPDATE": 1, "DELETE": 2}.get(words[0])
        if table is not None:
            counted[words[table]] += cursor.rowcount

    engine = ledger._database._engine
    event.listen(engine, "after_cursor_execute", count)
    yield counted
    event.remove(engine, "after_cursor_execute", count)


def everything_but_the_lease(ledger: Ledger) -> dict[str, set[Any]]:
    with ledger._database.reading() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - {"lease"}
        return {table: set(connection.execute(sa.text(f"SELECT * FROM {table}"))) for table in tables}


def test_every_attribute_that_attio_holds_of_new_people_is_on_record(stage: Stage) -> None:
    customers = stage.add_many(3)

    stage.reconcile()

    for customer in customers:
        person = stage.person_of(customer.id)
        assert person
        rows = stage.ledger.changes_of_customer(customer.id)
        assert {row.attribute for row in rows} == {*person.values} - OF_ATTIO | {"email_addresses"}
        assert {row.record_id for row in rows} == {person.id}


def test_the_hourly_pass_and_the_reconciliation_put_their_writes_on_record_under_their_own_names(stage: Stage) -> None:
    customer = stage.add("ada")
    stage.hourly()
    stage.sandbox.polar.update_customer(customer.id, external_id="x-1")
    stage.reconcile()

    first, *others = {row.pass_id: None for row in stage.ledger.changes_of_customer(customer.id)}
    assert [[row.attribute for row in stage.ledger.changes_of_pass(other)] for other in others] == [
        ["polar_external_id"]
    ]
    assert len(stage.ledger.changes_of_pass(first)) > 1


def test_each_row_names_its_request_and_says_whether_it_made_the_record(stage: Stage) -> None:
    customer = stage.add("ada")
    stage.hourly()
    stage.sandbox.polar.update_customer(customer.id, external_id="x-1")
    stage.reconcile()

    *made, updated = stage.ledger.changes_of_customer(customer.id)
    assert {row.action for row in made} == {"create"}
    assert len({row.execution_id for row in made}) == 1
    assert (updated.attribute, updated.action) == ("polar_external_id", "update")
    assert updated.execution_id not in {None, made[0].execution_id}


def test_nothing_is_left_as_about_to_be_written(stage: Stage) -> None:
    stage.add_many(3)

    stage.reconcile()

    assert stage.ledger.unsettled() == []


def test_a_mark_that_a_reconciliation_takes_off_is_on_record(stage: Stage) -> None:
    customers = stage.add_many(20)
    stage.rules = Rules(unmark_orphaned=True)
    stage.reconcile()
    stage.sandbox.polar.delete_customer(customers[0].id)

    stage.reconcile()

    changes = stage.ledger.changes_of_customer(customers[0].id)
    newest = {change.attribute: (change.old_value, change.old_actor, change.new_value) for change in changes}
    assert newest["polar_customer"] == (True, "api-token", False)
    assert newest["polar_status"][-1] == "Deleted"


@pytest.mark.parametrize("kind", ["reconciliation", "hourly"])
def test_a_second_pass_over_unchanged_customers_writes_one_row_its_own(stage: Stage, kind: str) -> None:
    stage.add_many(300)
    run = stage.reconcile if kind == "reconciliation" else stage.hourly
    run()
    before = everything_but_the_lease(stage.ledger)

    with rows_written(stage.ledger) as counted:
        run()

    new = {table: rows - before[table] for table, rows in everything_but_the_lease(stage.ledger).items()}
    assert {table: len(rows) for table, rows in new.items() if rows} == {"passes": 1}
    assert {table for table, number in counted.items() if number} == {"passes", "lease"}


def test_a_pass_drops_the_snapshots_that_are_too_old_and_no_others(stage: Stage) -> None:
    def keep(hour: int, age: timedelta) -> None:
        read_at = stage.here + 12 * HOUR - age
        snapshot = Snapshot((), (), read_at=read_at, polar_read_at=read_at, free_lease_token=None)
        stage.ledger.save_snapshot("run", [stage.here + hour * HOUR], snapshot)

    keep(1, KEPT + HOUR)
    keep(2, KEPT - 2 * HOUR)

    stage.reconcile()

    assert stage.ledger.load_snapshot("run", [stage.here + HOUR]) is None
    assert stage.ledger.load_snapshot("run", [stage.here + 2 * HOUR]) is not None

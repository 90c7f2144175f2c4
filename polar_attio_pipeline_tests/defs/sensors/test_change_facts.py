"""What a tick of the sensor of changes finds: each question by itself."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import httpx
import pytest
import time_machine

from polar_attio_pipeline.defs.assets.changed_customers import DONE, READ_AT
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.runs import UNDER_WAY
from polar_attio_pipeline.defs.sensors import change_facts
from polar_attio_pipeline.defs.sensors.change_facts import events_since, in_flight, read_at, recorded
from polar_attio_pipeline.defs.sensors.changes_cursor import EVERYTHING, ChangesCursor, Pending
from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.polar.events import Event, Events, NoEvents
from polar_attio_pipeline_tests.conftest import RECONCILIATION
from polar_attio_pipeline_tests.defs.sensors.changes_builders import MINUTE, NOW, OVERLAP
from polar_attio_pipeline_tests.defs.sensors.fakes import GivenLedger, Wire, put_ended_run, put_run
from polar_attio_pipeline_tests.polar.fakes import listing, polar_id

NAMES = Names()
CHANGED = dg.AssetKey("changed_customers")
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def wire_with(*customers: int) -> Wire:
    """Polar has an event of each of these customers, a minute ago."""
    rows = [
        {
            "id": f"event-{number}",
            "timestamp": (NOW - MINUTE).isoformat(),
            "name": "customer.updated",
            "customer_id": polar_id(number),
        }
        for number in customers
    ]
    return Wire(lambda _: listing(rows, len(rows), 100))


async def test_one_request_finds_the_events_since_a_moment() -> None:
    wire = wire_with(1, 2)

    found, _ = await events_since(wire.resource(), NOW - 5 * MINUTE)

    assert found == Events(
        [Event(f"event-{number}", NOW - MINUTE, "customer.updated", polar_id(number)) for number in (1, 2)]
    )
    # Polar leaves out the moment itself.
    assert [(one.url.path, one.url.params["start_timestamp"]) for one in wire.requests] == [
        ("/v1/events/", "2026-11-01T10:24:59.999000+00:00")
    ]


@pytest.mark.parametrize("offset", [timedelta(seconds=90), timedelta(seconds=-90), timedelta(0)])
async def test_how_far_polars_clock_is_ahead_of_ours_is_read_from_its_answer(offset: timedelta) -> None:
    wire = wire_with()
    with time_machine.travel(NOW, tick=False):
        wire.date = NOW + offset
        _, found = await events_since(wire.resource(), NOW)

    # A date is cut to the second, so a clock that is behind may be a second less so.
    assert found == (offset + timedelta(seconds=1) if offset < timedelta(0) else offset)


async def test_an_answer_without_a_date_tells_nothing_of_polars_clock() -> None:
    assert (await events_since(wire_with().resource(), NOW))[1] == timedelta(0)


async def test_a_token_that_may_not_read_events_is_an_answer() -> None:
    wire = Wire(lambda _: httpx.Response(403, json={"error": "insufficient_scope"}))

    assert (await events_since(wire.resource(), NOW))[0] is NoEvents.SCOPE


async def test_a_polar_that_fails_is_asked_for_events_once() -> None:
    wire = wire_with(1)
    wire.status = 503

    with pytest.raises(LostAnswerError, match="Polar is failing"):
        await events_since(wire.resource(), NOW)

    assert [one.url.path for one in wire.requests].count("/v1/events/") == 1


async def test_a_polar_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_facts, "TICK_SECONDS", 0.01)
    wire = wire_with(1)
    wire.hangs = True

    with pytest.raises(TimeoutError):
        await events_since(wire.resource(), NOW)


def started_for(customers: object, *, op: str = "changed_customers") -> dict[str, Any]:
    """The config of a run for these customers."""
    return {"ops": {op: {"config": {"customers": customers}}}}


def test_where_nothing_is_under_way_nobody_is(dagster: dg.DagsterInstance) -> None:
    assert in_flight(dagster, NAMES) == set()


@pytest.mark.parametrize("status", UNDER_WAY)
def test_the_customers_of_a_run_under_way_are_in_flight(
    dagster: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    put_run(dagster, "changed_customer_sync", config=started_for(["ada", "bob"]), status=status)

    assert in_flight(dagster, NAMES) == {"ada", "bob"}


@pytest.mark.parametrize("status", UNDER_WAY)
def test_all_are_in_flight_in_a_reconciliation_under_way(
    dagster: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    put_run(dagster, "full_reconciliation", status=status)

    assert in_flight(dagster, NAMES) == {EVERYTHING}


def test_several_runs_under_way_count_together(dagster: dg.DagsterInstance) -> None:
    put_run(dagster, "changed_customer_sync", config=started_for(["ada"]))
    put_run(dagster, "changed_customer_sync", config=started_for(["bob"]))
    put_run(dagster, "full_reconciliation")

    assert in_flight(dagster, NAMES) == {"ada", "bob", EVERYTHING}


@pytest.mark.parametrize("status", ENDED)
def test_a_run_that_has_ended_covers_nobody(dagster: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    put_run(dagster, "changed_customer_sync", config=started_for(["ada"]), status=status)
    put_run(dagster, "full_reconciliation", status=status)

    assert in_flight(dagster, NAMES) == set()


def test_a_run_of_another_job_covers_nobody(dagster: dg.DagsterInstance) -> None:
    put_run(dagster, "customer_sync", config=started_for(["ada"]))

    assert in_flight(dagster, NAMES) == set()


@pytest.mark.parametrize(
    ("config", "customers"),
    [
        ({}, set()),
        ({"ops": None}, set()),
        ({"ops": {}}, set()),
        ({"ops": {"changed_customers": None}}, set()),
        ({"ops": {"changed_customers": {"config": ["ada"]}}}, set()),
        ({"ops": {"changed_customers": {"config": {"approve": []}}}}, set()),
        (started_for("ada"), set()),
        (started_for({"ada": True}), set()),
        (started_for(["ada"], op="another"), set()),
        (started_for([1, "ada"]), {"1", "ada"}),
    ],
)
def test_only_a_list_in_the_config_of_the_op_names_customers_whatever_else_a_person_wrote(
    dagster: dg.DagsterInstance, config: Mapping[str, Any], customers: Collection[str]
) -> None:
    put_run(dagster, "changed_customer_sync", config=config)

    assert in_flight(dagster, NAMES) == customers


def test_runs_of_one_of_several_pipelines_are_told_by_its_names(dagster: dg.DagsterInstance) -> None:
    put_run(dagster, "changed_customer_sync", config=started_for(["ada"]))
    put_run(dagster, "acme_changed_customer_sync", config=started_for(["bob"], op="acme__changed_customers"))

    assert in_flight(dagster, Names("acme")) == {"bob"}


def succeed(dagster: dg.DagsterInstance, *customers: str, at: datetime = NOW, asset: dg.AssetKey = CHANGED) -> None:
    """Put a success for these customers on record."""
    report(
        dagster,
        {READ_AT: dg.TimestampMetadataValue(at.timestamp()), DONE: dg.JsonMetadataValue(list(customers))},
        asset=asset,
    )


def report(
    dagster: dg.DagsterInstance, metadata: Mapping[str, dg.MetadataValue[Any]], *, asset: dg.AssetKey = CHANGED
) -> None:
    dagster.report_runless_asset_event(dg.AssetMaterialization(asset, metadata=metadata))


def reconcile(
    dagster: dg.DagsterInstance, *, began: datetime, ends: dg.DagsterEventType = dg.DagsterEventType.RUN_SUCCESS
) -> None:
    put_ended_run(dagster, "full_reconciliation", began=began, ends=ends)


def found(dagster: dg.DagsterInstance, *, offset: timedelta = timedelta(0)) -> Mapping[str, datetime]:
    return read_at(dagster, NAMES, offset)


def test_without_any_success_nobody_was_read(dagster: dg.DagsterInstance) -> None:
    assert found(dagster) == {}


def test_a_success_says_whom_it_has_read_and_when_by_polars_clock(dagster: dg.DagsterInstance) -> None:
    succeed(dagster, "ada", "bob", at=NOW - MINUTE)
    succeed(dagster, "carl")

    assert found(dagster, offset=5 * MINUTE) == {"ada": NOW - MINUTE, "bob": NOW - MINUTE, "carl": NOW}


@pytest.mark.parametrize("moments", [(NOW, NOW - MINUTE), (NOW - MINUTE, NOW)])
def test_of_several_successes_the_one_that_read_polar_last_counts(
    dagster: dg.DagsterInstance, moments: tuple[datetime, datetime]
) -> None:
    for at in moments:
        succeed(dagster, "ada", at=at)

    assert found(dagster) == {"ada": NOW}


def test_successes_of_another_asset_do_not_count(dagster: dg.DagsterInstance) -> None:
    succeed(dagster, "ada", asset=RECONCILIATION)

    assert found(dagster) == {}


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {READ_AT: dg.TimestampMetadataValue(NOW.timestamp())},
        {DONE: dg.JsonMetadataValue(["ada"])},
        {READ_AT: dg.TextMetadataValue("now"), DONE: dg.JsonMetadataValue(["ada"])},
        {READ_AT: dg.TimestampMetadataValue(NOW.timestamp()), DONE: dg.TextMetadataValue("ada")},
    ],
)
def test_a_success_that_a_person_reports_by_hand_names_nobody_and_hides_no_other(
    dagster: dg.DagsterInstance, metadata: Mapping[str, dg.MetadataValue[Any]]
) -> None:
    succeed(dagster, "ada", at=NOW - MINUTE)
    report(dagster, metadata)

    assert found(dagster) == {"ada": NOW - MINUTE}


def test_so_many_of_the_newest_successes_are_looked_at(
    dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_facts, "RECENT", 2)
    for customer in ("ada", "bob", "carl"):
        succeed(dagster, customer)

    assert found(dagster).keys() == {"bob", "carl"}


def test_a_reconciliation_that_succeeded_has_read_all_once_it_had_begun_by_polars_clock(
    dagster: dg.DagsterInstance,
) -> None:
    reconcile(dagster, began=NOW - MINUTE)

    assert found(dagster, offset=5 * MINUTE) == {EVERYTHING: NOW + 4 * MINUTE}


def test_of_several_reconciliations_the_newest_counts(dagster: dg.DagsterInstance) -> None:
    reconcile(dagster, began=NOW - 10 * MINUTE)
    reconcile(dagster, began=NOW - 5 * MINUTE)

    assert found(dagster) == {EVERYTHING: NOW - 5 * MINUTE}


@pytest.mark.parametrize("ends", [dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED])
def test_a_reconciliation_that_did_not_succeed_has_read_nobody(
    dagster: dg.DagsterInstance, ends: dg.DagsterEventType
) -> None:
    reconcile(dagster, began=NOW - 10 * MINUTE)
    reconcile(dagster, began=NOW, ends=ends)

    assert found(dagster) == {EVERYTHING: NOW - 10 * MINUTE}


def test_a_run_of_another_job_has_not_read_all(dagster: dg.DagsterInstance) -> None:
    put_ended_run(dagster, "changed_customer_sync", began=NOW)

    assert found(dagster) == {}


def test_a_reconciliation_that_the_ui_started_counts_although_others_have_succeeded_since(
    dagster: dg.DagsterInstance,
) -> None:
    put_ended_run(dagster, "__ASSET_JOB", began=NOW, asset=RECONCILIATION)
    put_ended_run(dagster, "customer_sync", began=NOW + MINUTE)

    assert found(dagster) == {EVERYTHING: NOW}


def waiting(**customers: bool) -> ChangesCursor:
    """Return a cursor on which these customers wait; of each, whether it is new."""
    pending = {customer: Pending(NOW, is_new=is_new) for customer, is_new in customers.items()}
    return ChangesCursor(NOW, NOW - OVERLAP, pending=pending)


def test_the_ledger_is_asked_of_the_new_customers() -> None:
    ledger = GivenLedger("ada", "bob")

    assert recorded(ledger, waiting(ada=True, bob=False, carl=True)) == frozenset({"ada"})
    assert ledger.asked == [{"ada", "carl"}]


def test_where_nobody_is_new_the_ledger_is_not_asked() -> None:
    ledger = GivenLedger("ada")

    assert recorded(ledger, waiting(ada=False)) == frozenset()
    assert ledger.asked == []


@pytest.mark.parametrize("error", [LedgerError("The ledger is ill."), TimeoutError(), RuntimeError("a fault")])
def test_a_ledger_that_cannot_be_asked_knows_nobody(error: Exception) -> None:
    assert recorded(GivenLedger("ada", error=error), waiting(ada=True)) == frozenset()

"""What a tick of the sensor of new customers finds: each question by itself."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import time_machine
from dagster._core.execution.backfill import PartitionBackfill

from polar_attio_pipeline.defs.assets.attio_people import ABSENT, READ_AT
from polar_attio_pipeline.defs.partitions import hours_from, range_tags
from polar_attio_pipeline.defs.runs import UNDER_WAY, Target
from polar_attio_pipeline.defs.sensors import customer_facts
from polar_attio_pipeline.defs.sensors.cursor import Cursor, CustomerRef, Waiting
from polar_attio_pipeline.defs.sensors.customer_facts import Success, in_flight, newest_customers, recorded, successes
from polar_attio_pipeline.hours import key
from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline_tests.conftest import CUSTOMERS, PEOPLE
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import (
    HOUR,
    MINUTE,
    NOW,
    START,
    cursor,
    failing,
    hour,
    numbers,
    request,
)
from polar_attio_pipeline_tests.defs.sensors.fakes import GivenLedger, Wire, put_run
from polar_attio_pipeline_tests.polar.fakes import FakePolar, polar_id, row

TARGET = Target(PEOPLE, "customer_sync")


def wire_to(*rows: Mapping[str, object]) -> Wire:
    return Wire(FakePolar([dict(one) for one in rows]))


async def test_of_the_newest_customers_a_tick_keeps_their_ids_and_when_they_were_created() -> None:
    wire = wire_to(row(1, created_at="2026-11-01T10:29:00Z"), row(2, created_at="2026-11-01T10:28:00Z"))

    newest, _ = await newest_customers(wire.resource())

    assert newest == [CustomerRef(polar_id(1), NOW - MINUTE), CustomerRef(polar_id(2), NOW - 2 * MINUTE)]


async def test_one_request_asks_for_a_page_of_a_hundred() -> None:
    wire = wire_to(*map(row, range(101)))

    newest, _ = await newest_customers(wire.resource())

    assert [one.id for one in newest] == [polar_id(number) for number in range(100)]
    assert [(one.url.path, one.url.params["page"]) for one in wire.requests] == [("/v1/customers/", "1")]


@pytest.mark.parametrize("offset", [timedelta(seconds=90), timedelta(seconds=-90), timedelta(0)])
async def test_how_far_polars_clock_is_ahead_of_ours_is_read_from_its_answer(offset: timedelta) -> None:
    wire = wire_to()
    with time_machine.travel(NOW, tick=False):
        wire.date = NOW + offset
        _, found = await newest_customers(wire.resource())

    # A date is cut to the second, so a clock that is behind may be a second less so.
    assert found == (offset + timedelta(seconds=1) if offset < timedelta(0) else offset)


async def test_an_answer_without_a_date_tells_nothing_of_polars_clock() -> None:
    assert (await newest_customers(wire_to().resource()))[1] == timedelta(0)


async def test_a_polar_that_fails_is_asked_once() -> None:
    wire = wire_to()
    wire.status = 503

    with pytest.raises(LostAnswerError, match="Polar is failing"):
        await newest_customers(wire.resource())

    assert len(wire.requests) == 1


async def test_a_polar_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customer_facts, "TICK_SECONDS", 0.01)
    wire = wire_to()
    wire.hangs = True

    with pytest.raises(TimeoutError):
        await newest_customers(wire.resource())


def succeed(
    dagster: dg.DagsterInstance,
    *hours: int,
    at: datetime = NOW,
    absent: Sequence[str] = (),
    asset: dg.AssetKey = PEOPLE,
) -> None:
    """Put a success of each of these hours on record, one after the other."""
    for number in hours:
        report(
            dagster,
            key(hour(number)),
            {READ_AT: dg.TimestampMetadataValue(at.timestamp()), ABSENT: dg.JsonMetadataValue(list(absent))},
            asset=asset,
        )


def report(
    dagster: dg.DagsterInstance,
    partition: str | None,
    metadata: Mapping[str, dg.MetadataValue[Any]],
    *,
    asset: dg.AssetKey = PEOPLE,
) -> None:
    dagster.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition, metadata=metadata))


def found(dagster: dg.DagsterInstance, asked: Cursor | None = None) -> dict[datetime, Success]:
    return successes(dagster, PEOPLE, asked or cursor(8), now=NOW)


@pytest.fixture
def one_recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest success of all is looked at beside those of the hours in question."""
    monkeypatch.setattr(customer_facts, "RECENT", 1)


def test_a_success_says_when_polar_was_read_and_whom_polar_did_not_have(dagster: dg.DagsterInstance) -> None:
    succeed(dagster, 8, at=NOW - MINUTE)
    succeed(dagster, 9, absent=["customer-1", "customer-2"])

    assert found(dagster) == {
        hour(8): Success(NOW - MINUTE, frozenset()),
        hour(9): Success(NOW, frozenset({"customer-1", "customer-2"})),
    }


def test_without_any_success_there_is_none(dagster: dg.DagsterInstance) -> None:
    assert found(dagster) == {}


def test_successes_of_another_asset_do_not_count(dagster: dg.DagsterInstance) -> None:
    succeed(dagster, 9, asset=CUSTOMERS)

    assert found(dagster) == {}


@pytest.mark.parametrize("recent", [1, 50])
def test_of_several_successes_of_an_hour_the_one_put_on_record_last_counts(
    dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, recent: int
) -> None:
    monkeypatch.setattr(customer_facts, "RECENT", recent)
    succeed(dagster, 9, at=NOW - HOUR)
    succeed(dagster, 9, at=NOW)
    succeed(dagster, 9, at=NOW - MINUTE)
    succeed(dagster, 8)

    assert found(dagster)[hour(9)].read_at == NOW - MINUTE


def test_successes_of_the_hours_in_question_are_found_however_many_came_since(
    dagster: dg.DagsterInstance, one_recent: None
) -> None:
    asked = cursor(8, waiting={2: Waiting(NOW)}, requests=[request(3, 4)], failing={5: failing()})
    succeed(dagster, *range(10))
    succeed(dagster, 0)

    # Hours 8 and 9 are open, 0 was the last to succeed; nobody asks about 1, 6 and 7.
    assert sorted(numbers(found(dagster, asked))) == [0, 2, 3, 4, 5, 8, 9]


def test_the_newest_successes_are_found_although_nobody_asks_about_their_hours(dagster: dg.DagsterInstance) -> None:
    succeed(dagster, 1, 2)

    assert sorted(numbers(found(dagster))) == [1, 2]


def test_many_successes_are_asked_for_in_portions(
    dagster: dg.DagsterInstance, one_recent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer_facts, "_PORTION", 2)
    succeed(dagster, *range(3, 10))
    fetch, asked = dagster.fetch_materializations, []

    def counted(records: Any, limit: int) -> dg.EventRecordsResult:
        if isinstance(records, dg.AssetRecordsFilter):
            asked.append(len(records.storage_ids or ()))
        return fetch(records, limit=limit)

    monkeypatch.setattr(dagster, "fetch_materializations", counted)

    assert sorted(numbers(found(dagster, cursor(3)))) == list(range(3, 10))
    # The newest of the seven was among the recent ones.
    assert asked == [2, 2, 2]


@pytest.mark.parametrize("partition", [None, "yesterday", "2026-11-01"])
def test_what_a_person_put_on_record_for_no_hour_is_passed_over(
    dagster: dg.DagsterInstance, partition: str | None
) -> None:
    read = {READ_AT: dg.TimestampMetadataValue(NOW.timestamp())}
    report(dagster, partition, read)
    succeed(dagster, 9)
    report(dagster, partition, read)

    assert found(dagster) == {hour(9): Success(NOW, frozenset())}


def test_a_success_that_does_not_say_when_polar_was_read_leaves_its_hour_unread_and_others_as_they_are(
    dagster: dg.DagsterInstance,
) -> None:
    succeed(dagster, 8, 9)
    report(dagster, key(hour(8)), {})

    assert found(dagster) == {hour(9): Success(NOW, frozenset())}


WAITING = cursor(8, waiting={9: Waiting(NOW, frozenset({"a", "b"})), 10: Waiting(NOW, frozenset({"c"}))})


def test_the_ledger_is_asked_of_the_waiting_customers_of_all_hours_at_once() -> None:
    ledger = GivenLedger("a", "c", "another")

    assert recorded(ledger, WAITING) == (frozenset({"a", "c"}), "")
    assert ledger.asked == [{"a", "b", "c"}]


def test_where_nobody_waits_the_ledger_is_not_asked() -> None:
    ledger = GivenLedger(error=LedgerError("The ledger is ill."))

    assert recorded(ledger, cursor(8, waiting={9: Waiting(NOW)})) == (frozenset(), "")
    assert ledger.asked == []


@pytest.mark.parametrize("error", [LedgerError("The ledger is ill."), RuntimeError("ada@example.com")])
def test_a_ledger_that_cannot_be_asked_is_told_of_without_its_words(error: Exception) -> None:
    assert recorded(GivenLedger(error=error), WAITING) == (
        None,
        f" The ledger could not be asked which customers it knows ({type(error).__name__}), so an hour counts as done "
        "when it was read: run `polar-attio doctor`.",
    )


def under_way(dagster: dg.DagsterInstance) -> list[int]:
    return sorted(numbers(in_flight(dagster, TARGET, first=START, last=hour(10))))


def test_where_nothing_is_under_way_no_hour_is(dagster: dg.DagsterInstance) -> None:
    assert under_way(dagster) == []


@pytest.mark.parametrize("status", UNDER_WAY)
def test_the_hours_of_a_run_under_way_are_in_flight(dagster: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    put_run(dagster, TARGET.job, tags=range_tags(hour(7), hour(8)), status=status)

    assert under_way(dagster) == [7, 8]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
def test_the_hours_of_a_run_that_has_ended_are_not_in_flight(
    dagster: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    put_run(dagster, TARGET.job, tags=range_tags(hour(7), hour(8)), status=status)

    assert under_way(dagster) == []


def test_a_run_of_another_job_covers_no_hour(dagster: dg.DagsterInstance) -> None:
    put_run(dagster, "full_reconciliation", tags=range_tags(hour(7), hour(8)))

    assert under_way(dagster) == []


def test_of_a_long_run_the_hours_from_the_first_to_the_last_in_question_are_in_flight(
    dagster: dg.DagsterInstance,
) -> None:
    put_run(dagster, TARGET.job, tags=range_tags(START - 48 * HOUR, START + 48 * HOUR))

    assert under_way(dagster) == list(range(11))


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated")  # in Dagster's own making of one
def test_hours_that_a_backfill_has_still_to_run_are_in_flight_beside_those_of_runs(
    dagster: dg.DagsterInstance,
) -> None:
    put_run(dagster, TARGET.job, tags={"dagster/partition": key(hour(3))})
    put_run(dagster, TARGET.job, tags={"dagster/partition": key(hour(4))})
    people = dg.AssetSpec(PEOPLE, partitions_def=hours_from(START))
    dagster.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id="from-the-ui",
            asset_graph=dg.Definitions([people]).resolve_asset_graph(),
            partition_names=[key(hour(number)) for number in (7, 8)],
            asset_selection=[PEOPLE],
            backfill_timestamp=datetime.now(UTC).timestamp(),
            tags={},
            dynamic_partitions_store=dagster,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    )

    assert under_way(dagster) == [3, 4, 7, 8]

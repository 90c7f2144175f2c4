"""What the private parts of Dagster are trusted to do: a new version is fit for use when this passes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo

from polar_attio_pipeline.defs.dagster_private import (
    Monitoring,
    Pool,
    Tick,
    last_cron_time,
    location_name,
    newest_materializations,
    next_cron_time,
    ops_of_job,
    partitions_to_backfill,
    place_in_yaml,
    pool_of,
    retries_of,
    run_monitoring,
    sensor_ticks,
)
from polar_attio_pipeline_tests.conftest import CUSTOMERS, PEOPLE, Pipeline

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps ticks, which one in memory does not."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


def test_the_newest_materialisation_of_each_partition_is_found(instance: dg.DagsterInstance) -> None:
    for partition in ("a", "b", "a"):
        instance.report_runless_asset_event(dg.AssetMaterialization(PEOPLE, partition=partition))

    newest = newest_materializations(instance, PEOPLE, {"a", "b", "c"})

    assert newest.keys() == {"a", "b"}
    assert newest["a"] > newest["b"]
    assert newest_materializations(instance, PEOPLE, set()) == {}


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources` is deprecated")  # in Dagster's own making of one
@pytest.mark.parametrize(
    ("status", "left"),
    [(BulkActionStatus.REQUESTED, {"2026-11-01-00:00"}), (BulkActionStatus.COMPLETED_SUCCESS, set())],
)
def test_what_a_backfill_under_way_has_still_to_do_is_found(
    pipeline: Pipeline, status: BulkActionStatus, left: set[str]
) -> None:
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="from-the-ui",
        asset_graph=pipeline.defs.resolve_asset_graph(),
        partition_names=["2026-11-01-00:00"],
        asset_selection=[CUSTOMERS, PEOPLE],
        backfill_timestamp=NOON.timestamp(),
        tags={},
        dynamic_partitions_store=pipeline.instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    pipeline.instance.add_backfill(backfill._replace(status=status))

    assert partitions_to_backfill(pipeline.instance, PEOPLE) == left


def put_ticks(
    instance: dg.DagsterInstance,
    *,
    location: str = "here",
    status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
) -> None:
    """Put a sensor on record with a tick of each kind, the newest last."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__")
    origin = RemoteInstigatorOrigin(repository, "new_polar_customers")
    state = InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData())
    instance.add_instigator_state(state)
    found = [
        (TickStatus.SUCCESS, None),
        (TickStatus.SKIPPED, "Nothing is missing."),
        (TickStatus.FAILURE, None),
        (TickStatus.STARTED, None),
    ]
    for number, (tick_status, reason) in enumerate(found):
        instance.create_tick(
            TickData(
                instigator_origin_id=state.instigator_origin_id,
                instigator_name=state.instigator_name,
                instigator_type=InstigatorType.SENSOR,
                status=tick_status,
                run_ids=[],
                error=SerializableErrorInfo("It raised.", [], None) if tick_status is TickStatus.FAILURE else None,
                timestamp=(NOON + number * MINUTE).timestamp(),
                skip_reason=reason,
                selector_id=state.selector_id,
            )
        )


TICKS = [
    Tick(NOON + 2 * MINUTE, failed=True, said=None),
    Tick(NOON + MINUTE, failed=False, said="Nothing is missing."),
    Tick(NOON, failed=False, said=None),
]


@pytest.mark.parametrize("location", ["here", None])
def test_the_ended_ticks_of_a_sensor_are_found_the_newest_first(
    lasting: dg.DagsterInstance, location: str | None
) -> None:
    put_ticks(lasting)

    assert list(sensor_ticks(lasting, "new_polar_customers", location=location, limit=10)) == TICKS
    assert list(sensor_ticks(lasting, "new_polar_customers", location=location, limit=1)) == TICKS[:1]


@pytest.mark.parametrize(("sensor", "location"), [("another", "here"), ("new_polar_customers", "elsewhere")])
def test_ticks_of_other_sensors_and_other_locations_are_not_taken_for_its_own(
    lasting: dg.DagsterInstance, sensor: str, location: str
) -> None:
    put_ticks(lasting)

    assert sensor_ticks(lasting, sensor, location=location, limit=10) == []


def test_a_sensor_that_is_stopped_has_no_ticks_to_judge(lasting: dg.DagsterInstance) -> None:
    put_ticks(lasting, status=InstigatorStatus.STOPPED)

    assert sensor_ticks(lasting, "new_polar_customers", location="here", limit=10) == []


def test_an_instance_that_keeps_no_ticks_has_none(instance: dg.DagsterInstance) -> None:
    assert sensor_ticks(instance, "new_polar_customers", location=None, limit=10) == []


def test_the_ops_of_a_job_are_those_that_it_had_when_the_run_was_created(pipeline: Pipeline) -> None:
    run = pipeline.instance.create_run_for_job(pipeline.defs.resolve_job_def("customer_sync"))

    ops = ops_of_job(pipeline.instance, run.job_snapshot_id or "")

    assert {"polar_customers", "attio_people"} <= ops
    assert "customer_reconciliation" not in ops
    assert ops_of_job(pipeline.instance, "deleted") == frozenset()


def test_a_sensor_knows_its_code_location_unless_a_test_evaluates_it(instance: dg.DagsterInstance) -> None:
    with dg.build_sensor_context(instance=instance) as context:
        assert location_name(context) is None


def test_the_times_of_a_cron_expression_are_found_on_both_sides_of_a_moment() -> None:
    due = datetime(2026, 11, 24, 3, 35, tzinfo=UTC)

    assert last_cron_time("35 3 * * *", NOON) == last_cron_time("35 3 * * *", due) == due
    assert next_cron_time("35 3 * * *", due) == due
    assert next_cron_time("35 3 * * *", NOON) == due + timedelta(days=1)


@pytest.mark.parametrize("cron", ["", "hello", "61 * * * *", "0 0 31 2 *"])
def test_an_expression_that_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match="no cron expression that ever comes"):
        last_cron_time(cron, NOON)


def test_the_limits_of_an_instance_are_those_of_its_file_and_of_the_command(tmp_path: Path) -> None:
    overrides = {
        "concurrency": {"pools": {"default_limit": 3, "granularity": "run"}},
        "run_monitoring": {"enabled": True, "max_runtime_seconds": 60},
        "run_retries": {"enabled": True, "max_retries": 2},
    }
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        instance.event_log_storage.set_concurrency_slots("attio", 1)

        assert pool_of(instance, "attio") == Pool(limit=1, whole_runs=True, queue=True)
        assert pool_of(instance, "other") == Pool(limit=3, whole_runs=True, queue=True)
        assert run_monitoring(instance) == Monitoring(longest_seconds=60, frees_slots=False)
        assert retries_of(instance) == 2


def test_an_instance_that_says_nothing_has_no_limits(lasting: dg.DagsterInstance) -> None:
    assert pool_of(lasting, "attio").limit is None
    assert run_monitoring(lasting) is None
    assert retries_of(lasting) == 0


def test_without_a_file_there_is_no_place_in_it() -> None:
    assert place_in_yaml(dg.ResolutionContext.default(), ["attributes"]) == ""

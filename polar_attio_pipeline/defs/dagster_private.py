"""Every use of a Dagster API that is not public, in one place: each function says why the public ones do not do.

Read in the source of dagster 1.13.27. A new version of Dagster is fit for use when the tests of this module pass.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.instance.config import PoolGranularity
from dagster._core.scheduler.instigation import TickStatus
from dagster._utils.schedules import get_latest_completed_cron_tick, get_next_cron_tick, is_valid_cron_schedule

_BACKFILL_STATUSES = [BulkActionStatus.REQUESTED]


@dataclass(frozen=True, slots=True)
class Tick:
    """One evaluation of a sensor.

    Attributes:
        at: When it began.
        failed: Whether it raised.
        said: Why it asked for nothing; None when it asked for a run, or failed.
    """

    at: datetime
    failed: bool
    said: str | None


def newest_materializations(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partitions: Collection[str]
) -> dict[str, int]:
    """Return the storage id of the newest materialisation of each of these partitions that has one.

    `fetch_materializations` would return every materialisation of them, and an hour may have hundreds.
    """
    if not partitions:
        return {}
    return dict(
        instance.event_log_storage.get_latest_storage_id_by_partition(
            asset, dg.DagsterEventType.ASSET_MATERIALIZATION, set(partitions)
        )
    )


def partitions_to_backfill(instance: dg.DagsterInstance, asset: dg.AssetKey) -> set[str]:
    """Return the partitions for which a backfill under way has still to request a run.

    No public method lists backfills.
    """
    found: set[str] = set()
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=_BACKFILL_STATUSES)):
        if backfill.asset_backfill_data:
            left = backfill.asset_backfill_data.get_targeted_partitions_without_materialization_status()
            mine = left.partitions_subsets_by_asset_key.get(asset)
            found.update(mine.get_partition_keys() if mine else ())
    return found


def ops_of_job(instance: dg.DagsterInstance, snapshot_id: str) -> frozenset[str]:
    """Return the names of a job's ops, as it was when a run of it was created; none if the snapshot was deleted.

    A run says which assets it selects, or else only the name of its job, which another code location may have defined;
    no documented method tells what such a job holds.
    """
    if not instance.has_job_snapshot(snapshot_id):
        return frozenset()
    return frozenset(instance.get_job_snapshot(snapshot_id).node_names)


def sensor_ticks(instance: dg.DagsterInstance, sensor: str, *, location: str | None, limit: int) -> Sequence[Tick]:
    """Return the newest ended evaluations of a sensor, the newest first; none while it is stopped, or unknown.

    Ticks are shown by the UI only; no public method lists them.

    Args:
        instance: Dagster's instance.
        sensor: Its name.
        location: The code location that it is in; None where a test has none.
        limit: At most so many.
    """
    if instance.schedule_storage is None:
        return []
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        here = location in {None, state.selector.location_name}
        if state.instigator_name == sensor and here and state.is_running:
            ticks = instance.get_ticks(
                state.instigator_origin_id,
                state.selector_id,
                limit=limit,
                statuses=[TickStatus.SKIPPED, TickStatus.SUCCESS, TickStatus.FAILURE],
            )
            return [
                Tick(datetime.fromtimestamp(tick.timestamp, UTC), tick.status is TickStatus.FAILURE, tick.skip_reason)
                for tick in ticks
            ]
    return []


def newest_evaluation(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey
) -> tuple[datetime, dg.AssetCheckEvaluation] | None:
    """Return the newest evaluation of a check and when it was recorded; None while one is under way or none was made.

    No public method returns evaluations.
    """
    record = instance.get_latest_asset_check_evaluation_record(check)
    event = record.event.dagster_event if record and record.event else None
    if record is None or event is None or not isinstance(event.event_specific_data, dg.AssetCheckEvaluation):
        return None
    return datetime.fromtimestamp(record.create_timestamp, UTC), event.event_specific_data


def location_name(context: dg.SensorEvaluationContext) -> str | None:
    """Return the name of the code location that a sensor is evaluated in; None where a test has none.

    The public context names the repository, which is called "__repository__" in every location.
    """
    return context.code_location_origin.location_name if context.code_location_origin else None


def last_cron_time(cron: str, moment: datetime) -> datetime:
    """Return the newest time of a cron expression, in UTC, that is not after the moment.

    Dagster has no public function that evaluates a cron expression, and carries its own evaluator.

    Raises:
        ValueError: it is no cron expression, or never comes.
    """
    return _cron_time(cron, moment, backwards=True)


def next_cron_time(cron: str, moment: datetime) -> datetime:
    """Return the first time of a cron expression, in UTC, that is not before the moment.

    Raises:
        ValueError: it is no cron expression, or never comes.
    """
    return _cron_time(cron, moment, backwards=False)


def _cron_time(cron: str, moment: datetime, *, backwards: bool) -> datetime:
    if not is_valid_cron_schedule(cron):
        raise ValueError(
            f"{cron!r} is no cron expression that ever comes: write minute, hour, day, month and weekday in UTC, such "
            "as '35 3 * * *'"
        )
    evaluate = get_latest_completed_cron_tick if backwards else get_next_cron_tick
    return evaluate(cron, moment, "UTC").astimezone(UTC)


def place_in_yaml(context: dg.ResolutionContext, path: Sequence[str | int]) -> str:
    """Return file and line of a key of a component's defs.yaml, or of the nearest one above it, as in "FILE:3 - ".

    Dagster's own errors show the lines around the place, which may hold a token. No public method names the place only.

    Args:
        context: Of the component.
        path: The keys that lead to it, from the top of the file.
    """
    if context.source_position_tree is None:
        return ""
    position, _ = context.source_position_tree.lookup_closest_and_path(path, None)
    return f"{position} - "


@dataclass(frozen=True, slots=True)
class Pool:
    """What an instance allows in a pool.

    Attributes:
        limit: How many at a time; None for no limit.
        whole_runs: Whether runs wait, in the queue; otherwise their steps wait, in processes.
        queue: Whether the instance has a queue at all.
    """

    limit: int | None
    whole_runs: bool
    queue: bool


def pool_of(instance: dg.DagsterInstance, name: str) -> Pool:
    """Return what an instance allows in a pool. No public method tells the limits of pools."""
    config = instance.get_concurrency_config()
    default = config.pool_config.default_pool_limit
    limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits() if not pool.from_default}
    return Pool(
        limit=limits.get(name, default),
        whole_runs=config.pool_config.pool_granularity is PoolGranularity.RUN,
        queue=config.run_queue_config is not None,
    )


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Dagster's run monitoring, where it is on.

    Attributes:
        longest_seconds: How long a run may take that has no limit of its own; 0 for no limit.
        frees_slots: Whether a run that has died gives its slots of pools back.
    """

    longest_seconds: int
    frees_slots: bool


def run_monitoring(instance: dg.DagsterInstance) -> Monitoring | None:
    """Return an instance's run monitoring; None where it is off. These properties of an instance are not documented."""
    if not instance.run_monitoring_enabled:
        return None
    return Monitoring(
        longest_seconds=instance.run_monitoring_max_runtime_seconds,
        frees_slots=bool(instance.run_monitoring_settings.get("free_slots_after_run_end_seconds")),
    )


def retries_of(instance: dg.DagsterInstance) -> int:
    """Return how often an instance executes a failed run again; 0 for never. No documented method tells it."""
    return instance.run_retries_max_retries if instance.run_retries_enabled else 0

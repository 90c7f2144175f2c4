"""Sensors: they gather facts; the rules stand in `cursor`, `alerts` and `processes`.

`new_polar_customers` feeds the run cursor and asks for what it says, `alerts` tells people, `orphaned_runs` ends runs
that died with their machine.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from polar_attio_pipeline.defs.assets.attio_people import READ_AT, AttioPeopleConfig
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline.defs.sensors.cursor import Cursor, Facts, Seen, decide, dump, hours_to_look_up, load
from polar_attio_pipeline.hours import HOUR, between, floor, key, parse
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy

TICK_SECONDS = 8
"""No tick waits longer for Polar: the next one asks again."""

CLOCK_TOLERANCE = timedelta(minutes=10)
"""A machine whose clock is further off would number hours that Polar has not reached, or has long left."""

_ONE_TRY = RetryPolicy(attempts=1, attempt_seconds=TICK_SECONDS)

_LIVING = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
DAY = timedelta(days=1)

_PEOPLE = dg.AssetKey("attio_people")


def build_sensor(job: str, partitions: dg.HourlyPartitionsDefinition, *, overlap_hours: int) -> dg.SensorDefinition:
    """Return the sensor that asks for the running hour when somebody new appears, and for hours that were missed."""

    @dg.sensor(
        name="new_polar_customers",
        job_name=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at Polar's newest customers, one request a tick. Its cursor says up to when everybody is in "
        "Attio; deleting it costs one more look and nothing else.",
    )
    def new_polar_customers(
        context: dg.SensorEvaluationContext, polar: PolarResource
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            newest, offset = asyncio.run(_newest(polar))
        except (ApiError, TimeoutError) as error:
            return dg.SkipReason(f"{str(error) or 'Polar did not answer in time.'} The cursor stays where it is.")
        if abs(offset) > CLOCK_TOLERANCE:
            way = "behind" if offset > timedelta(0) else "ahead of"
            return dg.SkipReason(
                f"This machine's clock is {abs(offset) / timedelta(minutes=1):.0f} minutes {way} Polar's: set it "
                "right, or hours would be closed at the wrong time. The cursor stays where it is."
            )
        here = datetime.now(UTC)
        now = here + offset
        cursor = load(context.cursor, start=partitions.start, now=now)
        facts = Facts(
            now=now,
            start=partitions.start,
            # Dagster numbers the hours by this machine's clock: one that it has not reached cannot be asked for yet.
            newest=[customer for customer in newest if customer.created_at < floor(here) + HOUR],
            done=_done(context.instance, cursor, now=now),
            in_flight=_in_flight(context.instance, job),
            overlap=HOUR * overlap_hours,
        )
        decision = decide(cursor, facts)
        if not decision.ranges:
            return dg.SensorResult(skip_reason=decision.reason, cursor=dump(decision.cursor))
        requests = [
            dg.RunRequest(
                # Without a run key: Dagster would never again ask for one that failed.
                run_key=None,
                tags=range_tags(hours[0], hours[-1]),
                run_config=dg.RunConfig(ops={"attio_people": AttioPeopleConfig(retry_unresolved=True)}),
            )
            for hours in decision.ranges
        ]
        return dg.SensorResult(run_requests=requests, cursor=dump(decision.cursor))

    return new_polar_customers


async def _newest(polar: PolarResource) -> tuple[Sequence[Seen], timedelta]:
    """Return Polar's newest customers, and how far its clock is ahead of ours."""
    async with asyncio.timeout(TICK_SECONDS), polar.client(retry=_ONE_TRY) as client:
        page = await client.newest()
        return [Seen(one.id, one.created_at) for one in page.items], timedelta(seconds=client.api.server_offset or 0)


def _done(instance: dg.DagsterInstance, cursor: Cursor, *, now: datetime) -> dict[datetime, datetime]:
    """Return when Polar was read for the newest success of each hour that matters now."""
    wanted = {key(hour) for hour in hours_to_look_up(cursor, now=now)}
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(
        _PEOPLE, dg.DagsterEventType.ASSET_MATERIALIZATION, wanted
    )
    if not newest:
        return {}
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=_PEOPLE, storage_ids=sorted(newest.values())), limit=len(newest)
    ).records
    return {
        parse(record.partition_key): read_at
        for record in records
        if record.partition_key and (read_at := _read_at(record.asset_materialization))
    }


def _read_at(materialization: dg.AssetMaterialization | None) -> datetime | None:
    found = materialization.metadata.get(READ_AT) if materialization else None
    return datetime.fromtimestamp(found.value, UTC) if isinstance(found, dg.TimestampMetadataValue) else None


def _in_flight(instance: dg.DagsterInstance, job: str) -> set[datetime]:
    """Return the hours of `attio_people` that runs cover or backfills have still to cover, whoever asked for them."""
    hours: set[datetime] = set()
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        # Other code locations share the instance, and cut their partitions as they like.
        covered = _PEOPLE in run.asset_selection if run.asset_selection else run.job_name == job
        one = run.tags.get("dagster/partition", "")
        first = run.tags.get("dagster/asset_partition_range_start", one)
        last = run.tags.get("dagster/asset_partition_range_end", one)
        if covered and first and last:
            hours.update(between(parse(first), parse(last)))
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])):
        if backfill.asset_backfill_data:
            left = backfill.asset_backfill_data.get_targeted_partitions_without_materialization_status()
            mine = left.partitions_subsets_by_asset_key.get(_PEOPLE)
            hours.update(map(parse, mine.get_partition_keys() if mine else ()))
    return hours

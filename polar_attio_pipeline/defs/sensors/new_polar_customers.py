"""Sensor `new_polar_customers`: gathers facts and asks for what the rules in `cursor_requests` say."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from polar_attio_pipeline.defs import dagster_private
from polar_attio_pipeline.defs.assets.attio_people import ABSENT, READ_AT, AttioPeopleConfig
from polar_attio_pipeline.defs.bounded import within
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.observation import record_hours
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource, given
from polar_attio_pipeline.defs.run_tags import requested
from polar_attio_pipeline.defs.runs import UNDER_WAY, Target, hours_of, runs_of
from polar_attio_pipeline.defs.sensors.cursor import (
    Cursor,
    CustomerRef,
    Facts,
    dump,
    hours_to_look_up,
    load,
    open_hours,
)
from polar_attio_pipeline.defs.sensors.cursor_requests import decide, expected
from polar_attio_pipeline.hours import HOUR, floor, key, parse
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger

NAME = "new_polar_customers"

TICK_SECONDS = 8
"""No tick waits longer for Polar: the next one asks again."""

LEDGER_PATIENCE = 4
"""Seconds that a tick waits for writers of the ledger."""

LEDGER_SECONDS = 5
"""No tick waits longer for the ledger: an hour then counts as done when it was read."""

CLOCK_TOLERANCE = timedelta(minutes=10)
"""A machine whose clock is further off would number hours that Polar has not reached, or has long left."""

CURSOR_KEPT = "The cursor stays where it is."
"""Ends the message of a tick that could not find out what is new."""

NEWEST = 100
"""Customers looked at in a tick: a page."""

RECENT = 50
"""Newest successes looked at beside those of the hours in question: any of them shows that the services work."""

_PORTION = 500
"""Records asked for at once; Dagster refuses more than a thousand."""

_ONE_TRY = RetryPolicy(attempts=1, attempt_seconds=TICK_SECONDS)


@dataclass(frozen=True, slots=True)
class Success:
    """The newest success of an hour: when Polar was read for it, and which ids Polar did not have."""

    read_at: datetime
    absent: frozenset[str]


def build_new_customers_sensor(
    names: Names,
    partitions: dg.HourlyPartitionsDefinition,
    *,
    overlap_hours: int,
    seconds: int,
    telemetry: bool = False,
) -> dg.SensorDefinition:
    """Return the sensor that asks for the running hour when a customer appears, and for hours that were missed.

    Args:
        names: Of the instance of the pipeline.
        partitions: The hours.
        overlap_hours: How many earlier hours each hourly pass reads again.
        seconds: Between two looks.
        telemetry: Whether each look sets the gauges of the hours.
    """

    @dg.sensor(
        name=names.of(NAME),
        job_name=names.people.job,
        required_resource_keys={names.of("polar"), names.of("ledger")},
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at Polar's newest customers, one request a tick. Its cursor says up to when every customer "
        "was read, and which hours fail; deleting it costs one more look and nothing else.",
    )
    def new_polar_customers(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        polar = given(context.resources, names.of("polar"), PolarResource)
        ledger = given(context.resources, names.of("ledger"), LedgerResource)
        try:
            newest, offset = asyncio.run(newest_customers(polar))
        except (ApiError, TimeoutError) as error:
            return dg.SkipReason(f"{str(error) or 'Polar did not answer in time.'} {CURSOR_KEPT}")
        if abs(offset) > CLOCK_TOLERANCE:
            way = "behind" if offset > timedelta(0) else "ahead of"
            return dg.SkipReason(
                f"This machine's clock is {abs(offset) / timedelta(minutes=1):.0f} minutes {way} Polar's: set it "
                f"right, or hours would be closed at the wrong time. {CURSOR_KEPT}"
            )
        here = datetime.now(UTC)
        now = here + offset
        cursor = load(context.cursor, start=partitions.start, now=now)
        successes = _successes(context.instance, names.people.asset, cursor, now=now)
        recorded, trouble = _recorded(ledger.open(patience=LEDGER_PATIENCE), cursor)
        facts = Facts(
            now=now,
            start=partitions.start,
            # Dagster numbers the hours by this machine's clock: one that it has not reached cannot be asked for yet.
            newest=[customer for customer in newest if customer.created_at < floor(here) + HOUR],
            read_at={hour: success.read_at for hour, success in successes.items()},
            in_flight=_in_flight(context.instance, names.people, first=partitions.start, last=floor(now)),
            overlap=HOUR * overlap_hours,
            absent={hour: success.absent for hour, success in successes.items()},
            recorded=recorded,
        )
        decision = decide(cursor, facts)
        record_hours(
            telemetry,
            names,
            open_hours=len(_not_done(decision.cursor, facts)),
            watermark_age=now - decision.cursor.watermark,
        )
        if not decision.ranges:
            return dg.SensorResult(skip_reason=decision.reason + trouble, cursor=dump(decision.cursor))
        if trouble:
            context.log.warning(trouble.strip())
        requests = [_request(names.people, hours, decision.cursor) for hours in decision.ranges]
        return dg.SensorResult(run_requests=requests, cursor=dump(decision.cursor))

    return new_polar_customers


def _not_done(cursor: Cursor, facts: Facts) -> set[datetime]:
    """Return the hours that are over and were not read since, and those that fail."""
    unread = {hour for hour in open_hours(cursor, facts.now) if not facts.read_since(hour, hour + HOUR)}
    return unread | cursor.failing.keys()


def _request(target: Target, hours: Sequence[datetime], cursor: Cursor) -> dg.RunRequest:
    config = AttioPeopleConfig(retry_unresolved=True, expected=expected(cursor, hours))
    return dg.RunRequest(
        # Without a run key: Dagster would never again ask for one that failed.
        run_key=None,
        tags=requested(_why(hours, cursor), hours[0], hours[-1]),
        run_config=dg.RunConfig(ops={target.op: config}),
    )


def _why(hours: Sequence[datetime], cursor: Cursor) -> str:
    """Say why these hours are asked for, short enough for a tag."""
    failed = sum(hour in cursor.failing for hour in hours)
    if failed:
        return "retry of a failed hour" if failed == 1 else f"retry of {failed} failed hours"
    new = len(expected(cursor, hours))
    if new:
        return "1 new customer" if new == 1 else f"{new} new customers"
    return "not read in time"


async def newest_customers(polar: PolarResource) -> tuple[Sequence[CustomerRef], timedelta]:
    """Return Polar's newest customers, and how far its clock is ahead of ours.

    Raises:
        ApiError: Polar could not be read.
        TimeoutError: it did not answer in `TICK_SECONDS`.
    """
    async with asyncio.timeout(TICK_SECONDS), polar.client(retry=_ONE_TRY) as client:
        page = await client.newest(limit=NEWEST)
        customers = [CustomerRef(one.id, one.created_at) for one in page.items]
        return customers, timedelta(seconds=client.api.server_offset or 0)


def _successes(
    instance: dg.DagsterInstance, asset: dg.AssetKey, cursor: Cursor, *, now: datetime
) -> dict[datetime, Success]:
    """Return the newest success of each hour that matters now, and of the hours that succeeded lately."""
    wanted = dagster_private.newest_materializations(
        instance, asset, {key(hour) for hour in hours_to_look_up(cursor, now=now)}
    )
    recent = instance.fetch_materializations(asset, limit=RECENT).records
    known = {record.storage_id for record in recent}
    ids = sorted(set(wanted.values()) - known)
    older = [
        record
        for first in range(0, len(ids), _PORTION)
        for record in instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=asset, storage_ids=ids[first : first + _PORTION]), limit=_PORTION
        ).records
    ]
    newest = {
        record.partition_key: _success(record.asset_materialization)
        for record in sorted((*recent, *older), key=lambda record: record.storage_id)
    }
    return {
        hour: success for partition, success in newest.items() if success and (hour := _hour(partition)) is not None
    }


def _hour(partition: str | None) -> datetime | None:
    """Return the hour that a partition names; None for what a person put on record by hand without naming one."""
    try:
        return parse(partition or "")
    except ValueError:
        return None


def _success(materialization: dg.AssetMaterialization | None) -> Success | None:
    metadata = materialization.metadata if materialization else {}
    read_at, absent = metadata.get(READ_AT), metadata.get(ABSENT)
    if not isinstance(read_at, dg.TimestampMetadataValue):
        return None
    listed = absent.value if isinstance(absent, dg.JsonMetadataValue) and isinstance(absent.value, list) else []
    return Success(datetime.fromtimestamp(read_at.value, UTC), frozenset(map(str, listed)))


def _recorded(ledger: Ledger, cursor: Cursor) -> tuple[frozenset[str] | None, str]:
    """Return those of the waiting customers that the ledger knows, or None and why it cannot be asked."""
    ids = {customer for waiting in cursor.waiting.values() for customer in waiting.ids}
    if not ids:
        return frozenset(), ""
    try:
        return frozenset(within(LEDGER_SECONDS, lambda: ledger.recorded(ids))), ""
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the ledger, new customers are still asked for
        return None, (
            f" The ledger could not be asked which customers it knows ({type(error).__name__}), so an hour counts as "
            "done when it was read: run `polar-attio doctor`."
        )


def _in_flight(instance: dg.DagsterInstance, target: Target, *, first: datetime, last: datetime) -> set[datetime]:
    """Return the hours that runs cover or backfills have still to cover, by whatever means they were asked for."""
    runs = runs_of(instance, target, UNDER_WAY)
    hours = {hour for record in runs for hour in hours_of(record.dagster_run, first=first, last=last)}
    return hours | set(map(parse, dagster_private.partitions_to_backfill(instance, target.asset)))

"""Sensor `new_polar_customers`: gathers facts and asks for what the rules in `cursor_requests` say."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from polar_attio_pipeline.defs.assets.attio_people import AttioPeopleConfig
from polar_attio_pipeline.defs.bounded import LEDGER_PATIENCE
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.observation import record_hours
from polar_attio_pipeline.defs.resources import LedgerResource, PolarResource, given
from polar_attio_pipeline.defs.run_tags import requested
from polar_attio_pipeline.defs.runs import Target
from polar_attio_pipeline.defs.sensors.cursor import Cursor, Facts, dump, load, open_hours
from polar_attio_pipeline.defs.sensors.cursor_requests import decide, expected
from polar_attio_pipeline.defs.sensors.customer_facts import in_flight, newest_customers, recorded, successes
from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.http.errors import ApiError

NAME = "new_polar_customers"

CLOCK_TOLERANCE = timedelta(minutes=10)
"""A machine whose clock is further off would number hours that Polar has not reached, or has long left."""

CURSOR_KEPT = "The cursor stays where it is."
"""Ends the message of a tick that could not find out what is new."""


def build_new_customers_sensor(
    names: Names,
    partitions: dg.HourlyPartitionsDefinition,
    *,
    overlap_hours: int,
    seconds: int,
    telemetry: bool,
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
        # Before the successes: a run that ends in between is then among one or the other.
        under_way = in_flight(context.instance, names.people, first=partitions.start, last=floor(now))
        succeeded = successes(context.instance, names.people.asset, cursor, now=now)
        known, trouble = recorded(ledger.open(patience=LEDGER_PATIENCE), cursor)
        facts = Facts(
            now=now,
            start=partitions.start,
            # Dagster numbers the hours by this machine's clock: one that it has not reached cannot be asked for yet.
            newest=[customer for customer in newest if customer.created_at < floor(here) + HOUR],
            read_at={hour: success.read_at for hour, success in succeeded.items()},
            in_flight=under_way,
            overlap=HOUR * overlap_hours,
            absent={hour: success.absent for hour, success in succeeded.items()},
            recorded=known,
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

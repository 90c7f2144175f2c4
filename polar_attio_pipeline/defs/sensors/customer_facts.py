"""What a tick of the sensor `new_polar_customers` looks at before it decides: Polar, Dagster's records, the ledger."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from polar_attio_pipeline.defs import dagster_private
from polar_attio_pipeline.defs.assets.attio_people import ABSENT, READ_AT
from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline.defs.runs import UNDER_WAY, Target, hours_of, runs_of
from polar_attio_pipeline.defs.sensors.cursor import Cursor, CustomerRef, hours_to_look_up
from polar_attio_pipeline.defs.sensors.on_record import ids_of, known_to, moment_of
from polar_attio_pipeline.hours import key, parse
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger

TICK_SECONDS = 8
"""No tick waits longer for Polar: the next one asks again."""

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


def successes(
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
    read_at = moment_of(materialization, READ_AT)
    return Success(read_at, ids_of(materialization, ABSENT)) if read_at else None


def recorded(ledger: Ledger, cursor: Cursor) -> tuple[frozenset[str] | None, str]:
    """Return those of the waiting customers that the ledger knows, or None and why it cannot be asked."""
    ids = {customer for waiting in cursor.waiting.values() for customer in waiting.ids}
    try:
        return known_to(ledger, ids), ""
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the ledger, new customers are still asked for
        return None, (
            f" The ledger could not be asked which customers it knows ({type(error).__name__}), so an hour counts as "
            "done when it was read: run `polar-attio doctor`."
        )


def in_flight(instance: dg.DagsterInstance, target: Target, *, first: datetime, last: datetime) -> set[datetime]:
    """Return the hours that runs cover or backfills have still to cover, by whatever means they were asked for."""
    runs = runs_of(instance, target, UNDER_WAY)
    hours = {hour for record in runs for hour in hours_of(record.dagster_run, first=first, last=last)}
    return hours | set(map(parse, dagster_private.partitions_to_backfill(instance, target.asset)))

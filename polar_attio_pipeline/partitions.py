"""The hours: partitions by Polar's created_at, UTC, from the go-live date to the running hour."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

HOUR = timedelta(hours=1)

BACKFILL_POLICY = dg.BackfillPolicy.single_run()
"""A range of hours is one run: Polar is read once for all of them, and a run's start costs seconds. What a run that dies
has finished is kept all the same, because `attio_people` puts each hour on record when it is done."""


def hours_from(start: datetime) -> dg.HourlyPartitionsDefinition:
    """Return the hourly partitions, the running hour included so that a new customer need not wait for its end."""
    return dg.HourlyPartitionsDefinition(start_date=start, end_offset=1, timezone="UTC")


def key(hour: datetime) -> str:
    """Return the partition key of the hour that a moment lies in."""
    return hour.astimezone(UTC).strftime("%Y-%m-%d-%H:00")


def hour_of(partition_key: str) -> datetime:
    """Return the start of a partition, UTC."""
    return datetime.strptime(partition_key, "%Y-%m-%d-%H:%M").replace(tzinfo=UTC)


def hours(partition_keys: Iterable[str]) -> list[datetime]:
    """Return the starts of some partitions, oldest first."""
    return sorted(map(hour_of, partition_keys))


def floor(moment: datetime) -> datetime:
    """Return the start of the hour that a moment lies in, UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def range_tags(first: datetime, last: datetime) -> dict[str, str]:
    """Return the tags that make one run cover every hour from `first` to `last`, both included."""
    return {
        "dagster/asset_partition_range_start": key(first),
        "dagster/asset_partition_range_end": key(last),
    }

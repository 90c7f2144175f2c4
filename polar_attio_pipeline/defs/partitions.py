"""The hours: partitions by Polar's created_at, UTC, from the go-live date to the running hour."""

from datetime import datetime

import dagster as dg

from polar_attio_pipeline.hours import key

BACKFILL_POLICY = dg.BackfillPolicy.single_run()
"""A range of hours is one run: Polar is read once for all of them, and a run's start costs seconds. What a run that
dies has finished is kept all the same, because `attio_people` puts each hour on record when it is done."""


def hours_from(start: datetime) -> dg.HourlyPartitionsDefinition:
    """Return the hourly partitions, the running hour included so that a new customer need not wait for its end."""
    return dg.HourlyPartitionsDefinition(start_date=start, end_offset=1, timezone="UTC")


def range_tags(first: datetime, last: datetime) -> dict[str, str]:
    """Return the tags that make one run cover every hour from `first` to `last`, both included."""
    return {
        "dagster/asset_partition_range_start": key(first),
        "dagster/asset_partition_range_end": key(last),
    }

"""The cadence: each hour shortly after it ends, everything once a day."""

from datetime import timedelta

import dagster as dg

from polar_attio_pipeline.defs.assets.attio_people import AttioPeopleConfig
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.hours import HOUR, floor

CLOSE_AFTER_MINUTES = 5
"""Minutes after an hour's end until it is closed: checkouts commit seconds after the customer's created_at."""


def build_hourly_schedule(
    job: str, partitions: dg.HourlyPartitionsDefinition, *, overlap_hours: int
) -> dg.ScheduleDefinition:
    """Return the schedule that closes each hour, and reads the hours before it again in the same run."""

    @dg.schedule(
        name="hourly_customer_sync",
        job_name=job,
        cron_schedule=f"{CLOSE_AFTER_MINUTES} * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Closes the hour that has just ended and reads the {overlap_hours} before it again.",
    )
    def hourly_customer_sync(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        last = floor(context.scheduled_execution_time) - HOUR
        start = partitions.start
        if last < start:
            return dg.SkipReason(f"The first hour, {start:%Y-%m-%d %H:%M} UTC, has not ended yet.")
        first = max(start, last - timedelta(hours=overlap_hours))
        return dg.RunRequest(
            run_key=None,
            tags=range_tags(first, last),
            run_config=dg.RunConfig(ops={"attio_people": AttioPeopleConfig(retry_unresolved=True)}),
        )

    return hourly_customer_sync


def build_daily_schedule(job: str) -> dg.ScheduleDefinition:
    """Return the schedule of the full reconciliation."""
    return dg.ScheduleDefinition(
        name="daily_reconciliation",
        job_name=job,
        cron_schedule="35 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Compares the whole book with Attio and repairs what differs.",
    )

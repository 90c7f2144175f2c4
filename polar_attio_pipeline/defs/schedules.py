"""The schedules: each hour shortly after it ends, all customers at the times of a cron expression."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from polar_attio_pipeline.cron import effective
from polar_attio_pipeline.defs.assets.attio_people import AttioPeopleConfig
from polar_attio_pipeline.defs.cadence import History, companies_not_due, not_due
from polar_attio_pipeline.defs.dagster_private import last_cron_time
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.readable_events import without_events
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.run_tags import REASON, requested, times
from polar_attio_pipeline.defs.runs import UNDER_WAY, Target, began_at, ended_at, runs_of
from polar_attio_pipeline.hours import HOUR, floor

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def build_hourly_schedule(
    names: Names, partitions: dg.HourlyPartitionsDefinition, *, overlap_hours: int, minute: int
) -> dg.ScheduleDefinition:
    """Return the schedule that closes each hour, and reads the hours before it again in the same run.

    Args:
        names: Of everything.
        partitions: The hours.
        overlap_hours: How many hours are read again.
        minute: The minute of the next hour in which an hour is closed: checkouts commit seconds after the customer's
            created_at.
    """

    @dg.schedule(
        name=names.of("hourly_customer_sync"),
        job_name=names.people.job,
        cron_schedule=f"{minute} * * * *",
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
            tags=requested(f"closes {last:%H}-{last.hour + 1:02} UTC", first, last),
            run_config=dg.RunConfig(ops={names.people.op: AttioPeopleConfig(retry_unresolved=True)}),
        )

    return hourly_customer_sync


def build_reconciliation_schedule(names: Names, *, cron: str, ledger: LedgerResource) -> dg.ScheduleDefinition:
    """Return the schedule of the full reconciliation.

    Args:
        names: Of the instance of the pipeline.
        cron: When it is due, UTC; empty where that follows from whether Polar's events can be read.
        ledger: Says whether they can.

    Raises:
        ValueError: that is no cron expression.
    """
    try:
        last_cron_time(effective(cron), datetime.now(UTC))
    except ValueError as error:
        raise ValueError(f"POLAR_ATTIO_RECONCILIATION_CRON: {error}.") from error

    when = f"at {cron} (cron, UTC)" if cron else "daily, or every hour while the token may not read Polar's events"

    @dg.schedule(
        name=names.of("scheduled_reconciliation"),
        job_name=names.reconciliation.job,
        cron_schedule="*/10 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Compares all customers with Attio and repairs what differs, {when}. It looks "
        "every ten minutes whether that is due, so that one that failed is tried again by itself, after 10 minutes, "
        "20, 40 and so on, at most 4 hours.",
    )
    def scheduled_reconciliation(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        history, now = _history(context.instance, names.reconciliation), context.scheduled_execution_time
        due = effective(cron, without_events=not cron and without_events(ledger))
        reason = not_due(history, due, now)
        return dg.SkipReason(reason) if reason else dg.RunRequest(run_key=None, tags={REASON: _why(history, due, now)})

    return scheduled_reconciliation


def build_company_schedule(names: Names) -> dg.ScheduleDefinition:
    """Return the schedule of the pass over companies, which follows each reconciliation in a run of its own.

    In one run with it, a lasting fault of companies would make the reconciliation count as failed.
    """

    @dg.schedule(
        name=names.of("company_sync_after_reconciliation"),
        job_name=names.companies.job,
        cron_schedule="*/10 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Brings companies to Attio after each reconciliation that succeeded. It looks every ten minutes "
        "whether there is a new one; a pass over companies that failed is tried again after 10 minutes, 20, 40 and so "
        "on, at most 4 hours.",
    )
    def company_sync_after_reconciliation(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        history = _history(context.instance, names.companies)
        reconciled = _history(context.instance, names.reconciliation).succeeded
        reason = companies_not_due(history, reconciled, context.scheduled_execution_time)
        if reason:
            return dg.SkipReason(reason)
        why = f"retry, failed {times(history.failures)}" if history.failures else "after a reconciliation"
        return dg.RunRequest(run_key=None, tags={REASON: why})

    return company_sync_after_reconciliation


def _why(history: History, cron: str, now: datetime) -> str:
    if history.failures:
        return f"retry, failed {times(history.failures)}"
    return f"due {last_cron_time(cron, now):%b %d, %H:%M} UTC"


def _history(instance: dg.DagsterInstance, target: Target) -> History:
    ended = runs_of(instance, target, _ENDED)
    statuses = [record.dagster_run.status for record in ended]
    good = statuses.index(dg.DagsterRunStatus.SUCCESS) if dg.DagsterRunStatus.SUCCESS in statuses else len(ended)
    failed = [record for record in ended[:good] if record.dagster_run.status is dg.DagsterRunStatus.FAILURE]
    cancelled = ended[:1] if statuses[:1] == [dg.DagsterRunStatus.CANCELED] else []
    return History(
        under_way=bool(runs_of(instance, target, UNDER_WAY)),
        succeeded=began_at(ended[good]) if good < len(ended) else None,
        failures=len(failed),
        failed=ended_at(failed[0]) if failed else None,
        cancelled=ended_at(cancelled[0]) if cancelled else None,
    )

"""Sensor `alerts`: tells people when something turns bad and when it is good again; the rules stand in `notices`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from polar_attio_pipeline.channels import fingerprint, send
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.sensors.notices import State, notices, remember
from polar_attio_pipeline.defs.sensors.notices import dump as dump_told
from polar_attio_pipeline.defs.sensors.notices import load as load_told
from polar_attio_pipeline.hours import HOUR, between, floor, key
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.outcomes import FAILED

DAY = timedelta(days=1)

_PEOPLE = dg.AssetKey("attio_people")


def build_alert_sensor(
    jobs: Sequence[str], partitions: dg.HourlyPartitionsDefinition, *, urls: Sequence[str], overdue: timedelta
) -> dg.SensorDefinition:
    """Return the sensor that tells people when something turns bad, and when it is good again."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if urls else dg.DefaultSensorStatus.STOPPED,
        description="Tells the channels of POLAR_ATTIO_ALERT_URLS once when a job fails, an hour is overdue or too "
        "many customers are not in Attio, and once when that is over. Its cursor holds what people were told.",
    )
    def alerts(context: dg.SensorEvaluationContext, ledger: LedgerResource, options: PassOptions) -> dg.SensorResult:
        states = [
            *(_job_state(context.instance, job) for job in jobs),
            _hours_state(context.instance, start=partitions.start, overdue=overdue, now=datetime.now(UTC)),
            _customers_state(ledger.open(), options),
        ]
        told = load_told(context.cursor)
        kept: dict[str, dict[str, str]] = {}
        sent: set[str] = set()
        refused = 0
        for url in urls:
            known = told.get(fingerprint(url), {})
            due = notices(known, states)
            taken = [notice for notice in due if send(notice, url)]
            kept[fingerprint(url)] = remember(known, taken)
            sent.update(notice.title for notice in taken)
            refused += len(taken) < len(due)
        said = f"Told: {', '.join(sorted(sent))}." if sent else "There is nothing to tell."
        if refused:
            said = f"{refused} of {len(urls)} channels did not take a notice and will get it later. {said}"
        return dg.SensorResult(skip_reason=said, cursor=dump_told(kept))

    return alerts


def _job_state(instance: dg.DagsterInstance, job: str) -> State:
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    newest = instance.get_runs(dg.RunsFilter(job_name=job, statuses=ended), limit=1)
    if not newest or newest[0].status is dg.DagsterRunStatus.SUCCESS:
        return State(job, None)
    return State(job, f"The newest run of {job} failed ({newest[0].run_id}): its last error says what to do.")


def _hours_state(instance: dg.DagsterInstance, *, start: datetime, overdue: timedelta, now: datetime) -> State:
    due = [hour for hour in between(floor(now - overdue) - DAY, floor(now - overdue) - HOUR) if hour >= start]
    done = instance.event_log_storage.get_latest_storage_id_by_partition(
        _PEOPLE, dg.DagsterEventType.ASSET_MATERIALIZATION, set(map(key, due))
    )
    missing = [hour for hour in due if key(hour) not in done]
    if not missing:
        return State("overdue hours", None)
    return State(
        "overdue hours",
        f"{len(missing)} hours since {missing[0]:%Y-%m-%d %H:%M} UTC are not in Attio yet: see that Dagster's daemon "
        "runs and look at the newest run of customer_sync.",
    )


def _customers_state(ledger: Ledger, options: PassOptions) -> State:
    counts = ledger.counts()
    failed = sum(counts[result] for result in FAILED)
    total = sum(counts.values())
    if failed <= options.failed_error_share * total:
        return State("unresolved customers", None)
    return State(
        "unresolved customers",
        f"{failed} of {total} customers are rejected or ambiguous: the check on attio_people lists them.",
    )

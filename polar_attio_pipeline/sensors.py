"""Sensors: they gather facts; the rules stand in `cursor`, `alerts` and `processes`.

`new_polar_customers` feeds the run cursor and asks for what it says, `alerts` tells people, `orphaned_runs` ends runs
that died with their machine.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

from polar_attio_pipeline.alerts import State, fingerprint, notices, remember, send
from polar_attio_pipeline.alerts import dump as dump_told
from polar_attio_pipeline.alerts import load as load_told
from polar_attio_pipeline.assets.attio_people import READ_AT, AttioPeopleConfig
from polar_attio_pipeline.cursor import Cursor, Facts, Seen, decide, dump, hours_to_look_up, load
from polar_attio_pipeline.hours import HOUR, between, floor, key, parse
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger, LedgerResource
from polar_attio_pipeline.options import PassOptions
from polar_attio_pipeline.partitions import range_tags
from polar_attio_pipeline.polar.resource import PolarResource
from polar_attio_pipeline.processes import TAG, is_gone
from polar_attio_pipeline.sync.outcomes import FAILED

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


@dg.sensor(
    name="orphaned_runs",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="After a reboot or a power cut, marks the runs that died with it as failed: Dagster itself would count "
    "them as started, and keep their place in the pool, until run monitoring's maximum runtime.",
)
def orphaned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look at every started run that says which process it lives in."""
    started = context.instance.get_runs(dg.RunsFilter(statuses=_LIVING))
    dead = [run for run in started if TAG in run.tags and is_gone(run.tags[TAG])]
    for run in dead:
        context.instance.report_run_failed(
            run,
            "The process of this run ended without a word: the machine was restarted, or something killed it. What it "
            "wrote stands; the hours it had not finished are asked for again.",
        )
    if dead:
        return dg.SkipReason(f"Ended {', '.join(run.run_id for run in dead)}: their processes are gone.")
    return dg.SkipReason("Every started run has its process.")

"""Which runs cover an asset, and which of its hours, whether the UI, a backfill or a sensor began them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from polar_attio_pipeline.defs.dagster_private import ops_of_job
from polar_attio_pipeline.hours import between, parse
from polar_attio_pipeline.http.redaction import redact

UNDER_WAY = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)

LOOKED_AT = 200
"""Runs looked at for one question, the newest first: other code locations share the instance."""

_OWN_WORDS = 500
"""Characters of an error that a message repeats."""


@dataclass(frozen=True, slots=True)
class Target:
    """An asset, and the job that covers it where a run does not say which assets it selects."""

    asset: dg.AssetKey
    job: str

    @property
    def op(self) -> str:
        """The name of the asset's op, under which a run's config has what is meant for it."""
        return self.asset.to_python_identifier()


def runs_of(
    instance: dg.DagsterInstance, target: Target, statuses: Collection[dg.DagsterRunStatus], *, limit: int = LOOKED_AT
) -> list[dg.RunRecord]:
    """Return the newest runs that cover an asset, the newest first.

    Runs of its job are found however many runs of other jobs came since; those that the UI or a backfill started, and
    those of a host project's own jobs, among the newest of the instance.
    """
    by_job = instance.get_run_records(dg.RunsFilter(job_name=target.job, statuses=list(statuses)), limit=limit)
    newest = instance.get_run_records(dg.RunsFilter(statuses=list(statuses)), limit=limit)
    ops = _ops_by_snapshot(instance, newest, target)
    found = {record.storage_id: record for record in (*by_job, *newest) if _covers(record.dagster_run, target, ops)}
    return [found[storage_id] for storage_id in sorted(found, reverse=True)]


def hours_of(run: dg.DagsterRun, *, first: datetime, last: datetime) -> list[datetime]:
    """Return the hours that a run covers between two hours, both included; none if its tags name no hours."""
    one = run.tags.get("dagster/partition", "")
    try:
        begin = parse(run.tags.get("dagster/asset_partition_range_start", one))
        end = parse(run.tags.get("dagster/asset_partition_range_end", one))
    except ValueError:
        return []
    return between(max(begin, first), min(end, last))


def began_at(record: dg.RunRecord) -> datetime:
    """Return when a run started; when it was requested, if it never did."""
    return datetime.fromtimestamp(record.start_time, UTC) if record.start_time else record.create_timestamp


def ended_at(record: dg.RunRecord) -> datetime:
    """Return when a run ended."""
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp


def cause_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return why a run failed, in its own words, without tokens and addresses."""
    logs = instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE})
    events = [entry.dagster_event for entry in logs if entry.dagster_event]
    steps = [event for event in events if event.is_step_failure]
    words = [_step_words(event) for event in steps] or [event.message or "" for event in events]
    said = " ".join(redact(words[0] if words else "").split())
    return sentence(said[:_OWN_WORDS] or "It left no message")


def sentence(words: str) -> str:
    """Return words that end as a sentence does: redaction may take the end with it."""
    return words if words.endswith((".", "!", "?")) else f"{words}."


def _step_words(event: dg.DagsterEvent) -> str:
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    if failure.error is None:
        return event.message or ""
    cause = failure.error.cause or failure.error
    return cause.message


def _ops_by_snapshot(
    instance: dg.DagsterInstance, records: Sequence[dg.RunRecord], target: Target
) -> dict[str, frozenset[str]]:
    """Return the ops of each job, by the id of its snapshot, of which a run says in no other way what it covers."""
    runs = [record.dagster_run for record in records]
    snapshots = {run.job_snapshot_id for run in runs if not run.asset_selection and run.job_name != target.job}
    return {snapshot: ops_of_job(instance, snapshot) for snapshot in snapshots if snapshot}


def _covers(run: dg.DagsterRun, target: Target, ops: Mapping[str, frozenset[str]]) -> bool:
    selected: Sequence[dg.AssetKey] | Collection[dg.AssetKey] | None = run.asset_selection
    if selected:
        return target.asset in selected
    return run.job_name == target.job or target.op in ops.get(run.job_snapshot_id or "", ())

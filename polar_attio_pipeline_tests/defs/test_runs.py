"""Which runs cover an asset, whoever started them, and what they say when they fail."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from polar_attio_pipeline.defs.runs import Target, cause_of, hours_of, runs_of
from polar_attio_pipeline.hours import HOUR, between
from polar_attio_pipeline_tests.conftest import CUSTOMERS, PEOPLE, Pipeline

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
LAST = FIRST + timedelta(days=2)
TARGET = Target(PEOPLE, "customer_sync")
FAILED = [dg.DagsterRunStatus.FAILURE]


def hours(**tags: str) -> list[datetime]:
    named = {f"dagster/{name}": value for name, value in tags.items()}
    return hours_of(dg.DagsterRun(job_name="customer_sync", tags=named), first=FIRST, last=LAST)


def test_the_hours_of_a_run_are_those_of_its_partition_or_of_its_range() -> None:
    assert hours(partition="2026-11-01-03:00") == [FIRST + 3 * HOUR]
    ranged = hours(asset_partition_range_start="2026-11-01-03:00", asset_partition_range_end="2026-11-01-05:00")
    assert ranged == between(FIRST + 3 * HOUR, FIRST + 5 * HOUR)


def test_hours_outside_those_asked_for_are_left_out() -> None:
    ranged = hours(asset_partition_range_start="1970-01-01-00:00", asset_partition_range_end="2999-01-01-00:00")

    assert ranged == between(FIRST, LAST)


def test_a_run_whose_tags_name_no_hours_covers_none() -> None:
    assert hours() == hours(partition="yesterday") == hours(partition="2026-11-01") == []
    assert hours(asset_partition_range_start="2026-11-01-03:00") == []


def test_runs_are_found_by_their_job_or_by_the_asset_that_they_select(pipeline: Pipeline) -> None:
    def put(job: dg.JobDefinition, *selected: dg.AssetKey) -> str:
        selection = frozenset(selected) or None
        run = pipeline.instance.create_run_for_job(job, asset_selection=selection, status=dg.DagsterRunStatus.FAILURE)
        return run.run_id

    implicit = pipeline.defs.resolve_implicit_global_asset_job_def()
    sync = pipeline.defs.resolve_job_def("customer_sync")
    mine = [put(sync), put(implicit, PEOPLE), put(implicit, PEOPLE, CUSTOMERS)]
    put(implicit, CUSTOMERS)
    put(sync, CUSTOMERS)
    put(pipeline.defs.resolve_job_def("preview"))

    found = runs_of(pipeline.instance, TARGET, FAILED)

    assert [record.dagster_run.run_id for record in found] == mine[::-1]
    assert runs_of(pipeline.instance, TARGET, [dg.DagsterRunStatus.SUCCESS]) == []


def test_a_job_of_the_host_project_that_has_the_asset_among_others_covers_it_too(pipeline: Pipeline) -> None:
    every_asset = dg.define_asset_job("nightly", selection="*")
    unlike = dg.define_asset_job("morning", selection=[CUSTOMERS])
    host = dg.Definitions.merge(pipeline.defs, dg.Definitions(jobs=[every_asset, unlike]))
    nightly, morning = (host.resolve_job_def(name) for name in ("nightly", "morning"))
    ended = pipeline.instance.create_run_for_job(nightly, status=dg.DagsterRunStatus.FAILURE)
    pipeline.instance.create_run_for_job(morning, status=dg.DagsterRunStatus.FAILURE)
    without_a_snapshot = dg.DagsterRun(job_name="foreign", status=dg.DagsterRunStatus.FAILURE)
    pipeline.instance.add_run(without_a_snapshot)

    assert [record.dagster_run.run_id for record in runs_of(pipeline.instance, TARGET, FAILED)] == [ended.run_id]


def test_runs_of_the_job_are_found_however_many_others_came_since(pipeline: Pipeline) -> None:
    sync, preview = (pipeline.defs.resolve_job_def(name) for name in ("customer_sync", "preview"))
    old = pipeline.instance.create_run_for_job(sync, status=dg.DagsterRunStatus.FAILURE)
    for _ in range(3):
        pipeline.instance.create_run_for_job(preview, status=dg.DagsterRunStatus.FAILURE)

    (found,) = runs_of(pipeline.instance, TARGET, FAILED, limit=2)

    assert found.dagster_run.run_id == old.run_id


@dg.op
def explains_itself() -> None:
    raise dg.Failure("Polar refused the token polar_oat_abcdef of ada@example.com: set POLAR_ACCESS_TOKEN.")


@dg.op
def does_not() -> None:
    raise KeyError("x" * 1000)


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (explains_itself, "Polar refused the token <token> of <email>: set POLAR_ACCESS_TOKEN."),
        (does_not, "KeyError: 'xxxx"),
    ],
)
def test_a_run_that_fails_says_why_in_its_own_words_and_in_bounds(
    instance: dg.DagsterInstance, op: dg.OpDefinition, said: str
) -> None:
    result = (
        dg.GraphDefinition("some_job", node_defs=[op])
        .to_job()
        .execute_in_process(instance=instance, raise_on_error=False)
    )

    cause = cause_of(instance, result.run_id)

    assert cause.startswith(said)
    assert len(cause) <= 501


def test_a_run_that_was_ended_from_outside_says_what_ended_it(instance: dg.DagsterInstance) -> None:
    job = dg.GraphDefinition("some_job", node_defs=[explains_itself]).to_job()
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert cause_of(instance, run.run_id) == "It left no message."

    instance.report_run_failed(run, "The machine was restarted")

    assert cause_of(instance, run.run_id) == "The machine was restarted."

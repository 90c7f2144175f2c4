"""A run whose process died with the machine is ended, so that it does not hold up the next; others are left alone."""

import json

import dagster as dg
import pytest

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.sensors.orphaned_runs import build_orphaned_runs_sensor
from polar_attio_pipeline.processes import TAG, run_identity


@pytest.fixture
def instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def started_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
    @dg.job
    def some_job() -> None:
        """Do nothing."""

    return instance.create_run_for_job(some_job, status=status).run_id


def lived_earlier(run_id: str) -> str:
    """What a process left behind that had the number of this one and has ended."""
    dead = json.loads(run_identity(run_id))
    dead["started"] -= 3600
    return json.dumps(dead)


def tick(instance: dg.DagsterInstance) -> str:
    found = build_orphaned_runs_sensor(Names())(dg.build_sensor_context(instance=instance))
    assert isinstance(found, dg.SkipReason)
    return found.skip_message or ""


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_whose_process_is_gone_is_ended_as_failed(instance: dg.DagsterInstance) -> None:
    run_id = started_run(instance)
    instance.add_run_tags(run_id, {TAG: lived_earlier(run_id)})
    assert tick(instance) == f"Ended {run_id}: their processes have ended."
    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE
    (event,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert event.dagster_event
    assert event.dagster_event.message == (
        "The process of this run ended without a word: the machine was restarted, or something killed it. What it "
        "wrote stands; the hours it had not finished are asked for again."
    )


def test_several_at_once_are_each_named(instance: dg.DagsterInstance) -> None:
    first, second = started_run(instance), started_run(instance)
    for run_id in (first, second):
        instance.add_run_tags(run_id, {TAG: lived_earlier(run_id)})
    assert tick(instance) == f"Ended {second}, {first}: their processes have ended."


@pytest.mark.parametrize("end", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED])
def test_a_run_that_has_ended_stays_as_it_ended(instance: dg.DagsterInstance, end: dg.DagsterRunStatus) -> None:
    run_id = started_run(instance, end)
    instance.add_run_tags(run_id, {TAG: lived_earlier(run_id)})
    assert tick(instance) == "Every started run has its process."
    assert status(instance, run_id) is end


def test_a_run_whose_process_lives_goes_on(instance: dg.DagsterInstance) -> None:
    run_id = started_run(instance)
    instance.add_run_tags(run_id, {TAG: run_identity(run_id)})
    assert tick(instance) == "Every started run has its process."
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def test_a_run_that_does_not_say_where_it_lives_is_left_to_run_monitoring(instance: dg.DagsterInstance) -> None:
    run_id = started_run(instance)
    tick(instance)
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def test_a_run_that_executes_a_dead_one_again_is_not_taken_for_dead_by_the_tag_that_dagster_copied(
    instance: dg.DagsterInstance,
) -> None:
    run_id = started_run(instance)
    instance.add_run_tags(run_id, {TAG: lived_earlier("the run that died")})
    tick(instance)
    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED

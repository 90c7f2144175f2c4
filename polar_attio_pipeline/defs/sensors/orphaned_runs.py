"""Sensor `orphaned_runs`: ends runs that died with their machine."""

import dagster as dg

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.processes import is_gone

_LIVING = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def build_orphaned_runs_sensor(names: Names) -> dg.SensorDefinition:
    """Return the sensor that looks at every started run of the pipeline's."""

    @dg.sensor(
        name=names.of("orphaned_runs"),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="After a reboot or a power cut, marks the runs that died with it as failed: Dagster itself would "
        "count them as started, and keep their place in the pool, until run monitoring's maximum runtime.",
    )
    def orphaned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return _end_orphaned(context, names.process_tag)

    return orphaned_runs


def _end_orphaned(context: dg.SensorEvaluationContext, tag: str) -> dg.SkipReason:
    started = context.instance.get_runs(dg.RunsFilter(statuses=_LIVING))
    dead = [run for run in started if tag in run.tags and is_gone(run.tags[tag], run.run_id)]
    for run in dead:
        context.instance.report_run_failed(
            run,
            "The process of this run ended without a word: the machine was restarted, or something killed it. What it "
            "wrote stands; the hours it had not finished are asked for again.",
        )
    if dead:
        return dg.SkipReason(f"Ended {', '.join(run.run_id for run in dead)}: their processes have ended.")
    return dg.SkipReason("Every started run has its process.")

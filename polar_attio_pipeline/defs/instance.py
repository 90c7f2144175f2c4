"""What the pipeline relies on in an instance of Dagster, and what follows where it is lacking."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from polar_attio_pipeline.defs.dagster_private import Monitoring, pool_of, retries_of, run_monitoring
from polar_attio_pipeline.defs.jobs import RECONCILIATION_SECONDS
from polar_attio_pipeline.defs.names import Names


class InstanceUnknownError(Exception):
    """The instance cannot be looked at; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that was looked at.

    Attributes:
        subject: What it is about, in a word or two.
        holds: Whether it is as it should be.
        text: What was found; if it is not well, what follows and what to do.
    """

    subject: str
    holds: bool
    text: str


def conditions_of(home: str, names: Names) -> list[Condition]:
    """Return what the instance in a folder has of what the pipeline relies on.

    Opening an instance that was never used makes its empty files, as every command of Dagster's does.

    Args:
        home: The folder with the file dagster.yaml, as DAGSTER_HOME names it.
        names: Of the instance of the pipeline.

    Raises:
        InstanceUnknownError: the instance cannot be used.
    """
    try:
        with dg.DagsterInstance.from_config(home) as instance:
            return list(_conditions(instance, names))
    except Exception as error:  # a folder that is none, a storage that is down: whatever it raises
        raise InstanceUnknownError(
            f"The instance of Dagster in {home} cannot be read ({type(error).__name__}): set DAGSTER_HOME to the "
            "absolute path of the folder with the file dagster.yaml that Dagster runs with, or to nothing."
        ) from error


def _conditions(instance: dg.DagsterInstance, names: Names) -> Iterator[Condition]:
    yield _pool(instance, names.pool)
    yield _monitoring(run_monitoring(instance))
    if retries := retries_of(instance):
        yield Condition(
            "Dagster retries",
            True,
            f"Dagster executes a failed run again, {retries} times at most. The schedules and sensors try again by "
            "themselves as well; a pass that runs twice writes nothing twice.",
        )


def _pool(instance: dg.DagsterInstance, name: str) -> Condition:
    pool = pool_of(instance, name)
    how = (
        f"`dagster instance concurrency set {name} 1` sets it, or the UI under Deployment, Concurrency, or for all "
        "pools concurrency: {pools: {default_limit: 1, granularity: run}} in dagster.yaml."
    )
    if pool.limit == 0:
        return Condition("Dagster pool", False, f"The pool {name} has the limit 0, so no pass ever begins. {how}")
    if pool.limit != 1:
        limit = "no limit" if pool.limit is None else f"the limit {pool.limit}"
        return Condition(
            "Dagster pool",
            False,
            f"The pool {name} has {limit}, and should have 1. Without it runs begin while another one writes. The "
            "lease in the ledger still lets one write at a time: the others wait in processes of their own, and fail "
            f"after two hours. {how}",
        )
    if not pool.queue:
        return Condition(
            "Dagster pool",
            False,
            f"The pool {name} has the limit 1, but this instance has a run coordinator without a queue, so a run "
            "begins at once and waits in a process of its own. Take run_coordinator out of dagster.yaml, or set "
            "QueuedRunCoordinator.",
        )
    if not pool.whole_runs:
        return Condition(
            "Dagster pool",
            True,
            f"The pool {name} has the limit 1. A run that waits is a process that waits; with concurrency: {{pools: "
            "{granularity: run}} in dagster.yaml it would wait in the queue.",
        )
    return Condition("Dagster pool", True, f"The pool {name} has the limit 1, and runs wait for it in the queue.")


def _monitoring(monitoring: Monitoring | None) -> Condition:
    subject = "Dagster monitoring"
    if monitoring is None:
        return Condition(
            subject,
            False,
            "Run monitoring is off, so the limits of time that the jobs have do not count, and a run whose machine has "
            "died stays in progress: on the machine of the daemon the sensor orphaned_runs ends it, a run on another "
            "machine keeps its place in the pool. Set run_monitoring: {enabled: true, max_runtime_seconds: "
            f"{RECONCILIATION_SECONDS}, free_slots_after_run_end_seconds: 60}} in dagster.yaml.",
        )
    if not monitoring.longest_seconds:
        return Condition(
            subject,
            False,
            "Run monitoring is on, but has no max_runtime_seconds: jobs have limits of their own, a run that is "
            f"started by asset has none and may hang for ever. Set max_runtime_seconds: {RECONCILIATION_SECONDS} below "
            "run_monitoring in dagster.yaml.",
        )
    if not monitoring.frees_slots:
        return Condition(
            subject,
            False,
            "Run monitoring is on, but has no free_slots_after_run_end_seconds: a run that has died can keep its slot "
            "of a pool. Set free_slots_after_run_end_seconds: 60 below run_monitoring in dagster.yaml.",
        )
    return Condition(
        subject, True, f"Runs that died are ended, at the latest after {monitoring.longest_seconds / 3600:g} hours."
    )

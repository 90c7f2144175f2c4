"""Runs a pass so that its story stands in the run's log, and so that Dagster can end it between two writes.

What the modules of this package log stands there too, warnings and above all, whether or not dagster.yaml names their
logger under `python_logs`; each line once. The requests, at DEBUG, come with `python_log_level: DEBUG` there.
"""

import logging
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.observation import Observation
from polar_attio_pipeline.passes.progress import Event, Report, Upcoming
from polar_attio_pipeline.passes.stopping import PassStoppedError, Stop, run_until_stopped
from polar_attio_pipeline.passes.story import sentences
from polar_attio_pipeline.telemetry.json_log import PACKAGE
from polar_attio_pipeline.telemetry.recording import both

_Result = TypeVar("_Result")


def after_hours(names: Names) -> Upcoming:
    """Return what happens after a pass over hours."""
    again = (
        f"The sensor {names.of('new_polar_customers')}, while it is on, asks again for hours that no run has done yet."
    )
    return Upcoming(
        finished="Customers that were left out are tried again by every run that the schedule or the sensor starts, "
        "and by each reconciliation.",
        failed=again,
        stopped=again,
    )


def after_changes(names: Names) -> Upcoming:
    """Return what happens after a pass over customers that have changed."""
    again = f"The sensor {names.of('polar_changes')}, while it is on, asks again for customers that no run has read."
    return Upcoming(finished="Customers that were left out are tried again by other runs.", failed=again, stopped=again)


def after_reconciliation(names: Names) -> Upcoming:
    """Return what happens after a reconciliation."""
    schedule, setting = names.of("scheduled_reconciliation"), "POLAR_ATTIO_RECONCILIATION_CRON"
    goes_on = "It goes on where this one ended: what is in Attio is not written again."
    return Upcoming(
        finished=f"The schedule {schedule}, while it is on, starts the next one when {setting} says; that tries "
        "customers again that were left out.",
        failed=f"The schedule {schedule}, while it is on, starts it again: after ten minutes, and later each time it "
        f"fails again. {goes_on}",
        # Dagster calls a run failed that a signal has ended, and cancelled one that a person has ended in its UI.
        stopped=f"If a person ended it in Dagster, the schedule {schedule} starts the next one only when {setting} "
        f"says, and {names.reconciliation.job} can be launched sooner; if the machine ended it, the schedule, while it "
        f"is on, starts it again after ten minutes or more. {goes_on}",
    )


def after_companies(names: Names) -> Upcoming:
    """Return what happens after a pass over companies."""
    schedule = names.of("company_sync_after_reconciliation")
    goes_on = "It goes on where this one ended: what is in Attio is not written again."
    return Upcoming(
        finished=f"The schedule {schedule}, while it is on, starts the next one after the next reconciliation.",
        failed=f"The schedule {schedule}, while it is on, starts it again: after ten minutes, and later each time it "
        f"fails again. {goes_on}",
        stopped=f"The next one follows the next reconciliation, and {names.companies.job} can be launched sooner. "
        f"{goes_on}",
    )


def run_pass(
    log: logging.Logger,
    work: Callable[[Report, Stop], Coroutine[Any, Any, _Result]],
    observation: Observation | None = None,
) -> _Result:
    """Run a pass as part of a run.

    Args:
        log: The log of the run, `context.log`.
        work: The pass; it is given what takes its reports, and what says whether it was asked to end.
        observation: What programs see of it beside; nothing unless given.

    Raises:
        dagster.Failure: the pass failed, in a sentence that says what to do.
        dagster.DagsterExecutionInterruptedError: Dagster, or the machine, has asked for the run to end.
    """
    seen = observation or Observation()

    def report(event: Event) -> None:
        for sentence in sentences(event):
            log.info(sentence)

    with _with_package_logs(log, seen.handlers), explained_failures(), seen.of_pass() as record:
        try:
            return run_until_stopped(lambda stop: work(both(report, record), stop))
        except PassStoppedError as error:
            raise dg.DagsterExecutionInterruptedError(str(error)) from None


@contextmanager
def _with_package_logs(log: logging.Logger, more: Sequence[logging.Handler]) -> Iterator[None]:
    """Let what this package logs in this thread stand in the log of the run, and go to further handlers.

    These come first: Dagster's write the run and the step into the message of each record that they take.
    """
    package = logging.getLogger(PACKAGE)
    level, there = package.level, list(package.handlers)
    first, last = ([_Passing(handler) for handler in some] for some in (more, log.handlers))
    if level == logging.NOTSET:
        package.setLevel(log.level or logging.INFO)
    for handler in there:
        package.removeHandler(handler)
    for handler in (*first, *there, *last):
        package.addHandler(handler)
    try:
        yield
    finally:
        for handler in (*first, *last):
            package.removeHandler(handler)
        package.setLevel(level)


class _Passing(logging.Handler):
    """Passes records on to another handler; one of Dagster's takes none that another one of its own has taken."""

    def __init__(self, inner: logging.Handler) -> None:
        super().__init__(inner.level)
        self._inner = inner
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let records of other runs in this process pass by."""
        return record.thread == self._thread and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on; where the log cannot be written, that is shown on standard error and ends nothing."""
        try:
            self._inner.handle(record)
        except Exception:  # noqa: BLE001  # whatever storage Dagster is given
            self.handleError(record)

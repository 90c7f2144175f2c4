"""The pipeline of `polar-attio dev` as the sandbox's page shows it: outcomes from the ledger, passes from Dagster."""

import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from polar_attio_pipeline.cli.dagster_ui import Automation, DagsterError, DagsterUi, State
from polar_attio_pipeline.ledger import Ledger, LedgerError, OutcomeRow
from polar_attio_pipeline.sandbox.pipeline_view import Due, LastOutcome, Passes, PipelineError, Running
from polar_attio_pipeline.sync.outcomes import Result

AUTOMATIONS = {
    "polar_changes": "Customers that have changed",
    "new_polar_customers": "Hours that are missing",
    "hourly_customer_sync": "Customers of the last hour",
    "scheduled_reconciliation": "All customers",
}
"""The sensors and schedules that start passes, each with what their passes bring to Attio."""

JOBS = {
    "changed_customer_sync": "Customers that have changed",
    "customer_sync": "Customers of hours",
    "full_reconciliation": "All customers",
    "apply_plan": "What was agreed",
    "undo_pass": "What a pass wrote over",
}
"""The jobs that are passes, each with what it brings to Attio."""

REPORTS = ("attio_people", "changed_customers", "customer_reconciliation")
"""The assets on whose pages passes report what they did."""

STARTED_BY_HAND = "full_reconciliation"

FRESH_SECONDS = 2.0
"""What is older is asked for anew."""

_WRITTEN = frozenset({Result.CREATED, Result.UPDATED, Result.UNCHANGED})
_PATIENCE_SECONDS = 1.0
_NOW = datetime.min.replace(tzinfo=UTC)


class DevPipeline:
    """A pipeline view for the sandbox's page. Dagster is asked in a thread of its own, so that it delays nothing.

    Args:
        dagster: The UI to ask.
        ledger: Path or URL.
    """

    def __init__(self, dagster: DagsterUi, ledger: str | Path) -> None:
        self._dagster = dagster
        self._ledger = Ledger(ledger, patience=_PATIENCE_SECONDS)
        self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dagster")
        self._lock = threading.Lock()
        self._passes = Passes(problem="Dagster is being asked.")
        self._is_asking = False
        self._asked_at = -FRESH_SECONDS

    def outcomes(self, customer_ids: Collection[str]) -> Mapping[str, LastOutcome]:
        """As in `PipelineView`."""
        try:
            rows = self._ledger.of_customers(customer_ids)
        except LedgerError as error:
            raise PipelineError(str(error)) from error
        return {customer_id: self._outcome(row) for customer_id, row in rows.items()}

    def passes(self) -> Passes:
        """As in `PipelineView`: what Dagster said last, while what is too old is asked for anew."""
        with self._lock:
            if not self._is_asking and time.monotonic() - self._asked_at >= FRESH_SECONDS:
                self._is_asking = True
                self._asking.submit(self._refresh)
            return self._passes

    def start(self) -> str:
        """As in `PipelineView`: a run of `full_reconciliation`, unless there is one already."""
        try:
            if any(run.job == STARTED_BY_HAND for run in self._dagster.state().runs):
                raise PipelineError("A pass over all customers runs already, or waits for its turn.")
            run_id = self._dagster.launch(STARTED_BY_HAND)
        except DagsterError as error:
            raise PipelineError(str(error)) from error
        return self._dagster.page_of_run(run_id)

    def _refresh(self) -> None:
        passes = Passes(problem="Asking Dagster failed; the messages of the sandbox say how.")
        try:
            passes = self._read(self._dagster.state())
        except DagsterError as error:
            passes = Passes(problem=str(error))
        finally:
            with self._lock:
                self._passes, self._asked_at, self._is_asking = passes, time.monotonic(), False

    def _read(self, state: State) -> Passes:
        automations = [one for each in state.repositories for one in (*each.schedules, *each.sensors)]
        due = [self._due(one) for one in automations if one.name in AUTOMATIONS]
        running = [
            Running(JOBS[run.job], run.started_at, self._dagster.page_of_run(run.id))
            for run in state.runs
            if run.job in JOBS
        ]
        problem = None if due else "Dagster has not loaded the pipeline yet."
        due.sort(key=lambda one: (not one.is_on, one.at or _NOW))
        return Passes(due, running, problem, {name: self._dagster.page_of_asset(name) for name in REPORTS})

    def _due(self, automation: Automation) -> Due:
        return Due(
            title=AUTOMATIONS[automation.name],
            is_on=automation.is_on,
            at=automation.next_tick if automation.is_on else None,
            said=automation.said,
            url=self._dagster.page_of(automation),
        )

    def _outcome(self, row: OutcomeRow) -> LastOutcome:
        # A pass from a terminal has no run; its id has no dashes.
        is_run = "-" in row.pass_id
        return LastOutcome(
            result=row.outcome,
            is_written=row.outcome in _WRITTEN,
            reason=row.reason,
            detail=row.detail,
            at=row.tried_at,
            url=self._dagster.page_of_run(row.pass_id) if is_run else None,
        )

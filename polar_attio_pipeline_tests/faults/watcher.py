"""What people are told: the rules of the alerts, on an instance of Dagster's in memory that has each run on record."""

from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from polar_attio_pipeline.channels import Kind
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.defs.runs import Target
from polar_attio_pipeline.defs.sensors.hour_states import failing_hours, overdue_hours
from polar_attio_pipeline.defs.sensors.notices import State, notices, remember
from polar_attio_pipeline.defs.sensors.run_states import reconciliation
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline_tests.faults.daemon import CRON
from polar_attio_pipeline_tests.faults.pipeline import Ended
from polar_attio_pipeline_tests.faults.runs import default

PEOPLE = Target(dg.AssetKey("attio_people"), "customer_sync")
BOOK = Target(dg.AssetKey("customer_reconciliation"), "full_reconciliation")


@dataclass(frozen=True, slots=True)
class Told:
    """A notice that people got."""

    at: datetime
    state: str
    is_over: bool

    @property
    def title(self) -> str:
        """As in the UI: what it is about, and whether it is over."""
        return f"{self.state} (over)" if self.is_over else self.state


class Watcher:
    """Judges hours and reconciliations as the sensor of alerts does, and remembers what people were told.

    Attributes:
        told: Every notice, in order.
    """

    def __init__(self, start: datetime) -> None:
        self.told: list[Told] = []
        self._instance = dg.DagsterInstance.ephemeral()
        self._since = self._complete_until = start
        self._watched = Watched(
            names=Names(),
            start=start,
            overdue=HOUR * default("polar_attio_overdue_hours"),
            cron=CRON,
            ui="http://dagster.example.com",
            polar_link=str,
        )
        self._jobs = {target.job: _job(target.job) for target in (PEOPLE, BOOK)}
        self._failing: dict[datetime, int] = {}
        self._known: dict[str, str] = {}

    def close(self) -> None:
        self._instance.dispose()

    def note(self, ended: Ended) -> None:
        """Put a run on record that has ended."""
        target = PEOPLE if ended.hours else BOOK
        tags = range_tags(ended.hours[0], ended.hours[-1]) if ended.hours else {}
        run = self._instance.create_run_for_job(self._jobs[target.job], tags=tags, status=dg.DagsterRunStatus.STARTED)
        for hour in ended.done:
            self._instance.report_runless_asset_event(dg.AssetMaterialization(PEOPLE.asset, partition=key(hour)))
        if ended.how == "success":
            self._instance.report_dagster_event(
                dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, run.job_name), run_id=run.run_id
            )
        else:
            self._instance.report_run_failed(run, ended.how)

    def look(self, now: datetime) -> None:
        """Judge every state, and tell what has changed."""
        look = Look(self._instance, self._watched, now)
        failing, self._failing = failing_hours(look, self._failing)
        overdue, self._complete_until = overdue_hours(look, self._complete_until)
        states = [state for state in (failing, overdue, reconciliation(look, self._since)) if state]
        self._tell(states, now)

    def _tell(self, states: list[State], now: datetime) -> None:
        batch = notices(self._known, states)
        self._known = remember(self._known, batch)
        self.told += [Told(now, notice.state, notice.kind is Kind.OVER) for notice in batch]


def _job(name: str) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        """Do nothing."""

    @dg.job(name=name)
    def job() -> None:
        nothing()

    return job

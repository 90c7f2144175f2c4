"""Dagster's daemon as far as the pipeline can tell: schedules and the sensor at their times, half a minute a step."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from polar_attio_pipeline.cron import effective
from polar_attio_pipeline.defs.cadence import LOOK_EVERY, History, not_due
from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.attributes import KNOWN, add_attributes
from polar_attio_pipeline_tests.faults.life import HeardTraffic, Life
from polar_attio_pipeline_tests.faults.oracle import writable
from polar_attio_pipeline_tests.faults.pipeline import Ended, Pipeline
from polar_attio_pipeline_tests.faults.runs import default
from polar_attio_pipeline_tests.faults.virtual_time import Timeline

TICK_SECONDS = 30

CRON = effective(default("polar_attio_reconciliation_cron"))

_CLOSE_AFTER = timedelta(minutes=default("polar_attio_hourly_minute"))

Listener = Callable[[str, datetime, Ended], None]
"""Takes who asked for a run, when it began, and how it ended."""


class Daemon:
    """Both services, and an instance that syncs them.

    Args:
        timeline: The time.
        random: Draws what the wires do.
        start: The first hour.
        heard: Is called with each run.
    """

    def __init__(self, timeline: Timeline, random: Random, *, start: datetime, heard: Listener) -> None:
        self.timeline = timeline
        self.sandbox = Sandbox(clock=Clock(source=timeline.now))
        add_attributes(self.sandbox.attio, KNOWN)
        self.traffic = self.sandbox.traffic = HeardTraffic(self.sandbox.clock)
        app = create_app(self.sandbox)
        self.pipeline = Pipeline(app, self.traffic, timeline, random, name="daemon", start=start)
        self._start = start
        self._looked_at = start
        self._heard = heard
        self._history = History()

    def step(self, seconds: float = TICK_SECONDS) -> None:
        """Let time pass, and do what the daemon does in it: the schedules that are due, then a tick of the sensor."""
        self.timeline.advance(seconds)
        before, self._looked_at = self._looked_at, self.timeline.now()
        if floor(before - _CLOSE_AFTER) < floor(self._looked_at - _CLOSE_AFTER) >= self._start + HOUR:
            self._run("schedule", self.pipeline.close_hour)
        if before.timestamp() // LOOK_EVERY.seconds < self._looked_at.timestamp() // LOOK_EVERY.seconds:
            self._reconcile_if_due()
        self._run("sensor", self.pipeline.tick)

    def is_everyone_there(self) -> bool:
        """Tell whether each customer that Attio can take is in Attio."""
        self.sandbox.polar.settle()
        return writable(self.sandbox.polar).keys() <= self.brought()

    def brought(self) -> set[str]:
        """Return the Polar ids that people hold."""
        return {str(person.values.get("polar_customer_id")) for person in self.sandbox.attio.people()}

    def _reconcile_if_due(self) -> None:
        now = self.timeline.now()
        if not_due(self._history, CRON, now):
            return
        ended = self._run("schedule", self.pipeline.reconcile)
        if ended and ended.how == "success":
            self._history = History(succeeded=now)
        else:
            failures = self._history.failures + 1
            self._history = History(succeeded=self._history.succeeded, failures=failures, failed=self.timeline.now())

    def _run(self, who: str, run: Callable[[Life], Ended | None]) -> Ended | None:
        began, before = self.timeline.now(), self.pipeline.passes
        ended = run(Life())
        for one in self.pipeline.ended[before:]:
            self._heard(who, began, one)
        return ended

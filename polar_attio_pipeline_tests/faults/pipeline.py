"""The pipeline in process: the bodies of the real assets, and the sensor's rules, on wires of the sandbox."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import dagster as dg
from starlette.types import ASGIApp

from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import AttioResource
from polar_attio_pipeline.defs.sensors.cursor import Facts, dump, hours_to_look_up, load
from polar_attio_pipeline.defs.sensors.cursor_requests import decide
from polar_attio_pipeline.defs.sensors.new_polar_customers import RECENT, newest_customers
from polar_attio_pipeline.hours import HOUR, between, floor
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sync.mapping import BY_KEY
from polar_attio_pipeline_tests.faults import bodies
from polar_attio_pipeline_tests.faults.bodies import default
from polar_attio_pipeline_tests.faults.life import (
    HeardTraffic,
    KilledError,
    Life,
    MortalLedgerResource,
    PolarOnWire,
    Wire,
)
from polar_attio_pipeline_tests.faults.virtual_time import Timeline

GAP_SECONDS = 360
"""Between passes. A new process does not know how long a service told its forerunner to wait, so it starts later."""

OVERLAP = HOUR * default("polar_attio_overlap_hours")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended: by itself, by an error that says what to do, or killed."""

    how: str
    killed: bool = False


class Pipeline:
    """Runs passes, each in a process of its own as far as it can tell.

    Args:
        app: The sandbox.
        traffic: What the sandbox sees of it.
        timeline: The machine's time.
        random: Draws what the wires do.
        name: Of the ledger, which lives as long as this.
        start: The first hourly partition.

    Attributes:
        done: For hours whose `attio_people` has succeeded: when Polar was read for the newest success.
        passes: How many passes have begun.
    """

    def __init__(
        self, app: ASGIApp, traffic: HeardTraffic, timeline: Timeline, random: Random, *, name: str, start: datetime
    ) -> None:
        self._app = app
        self._traffic = traffic
        self._timeline = timeline
        self._random = random
        self._folder = tempfile.TemporaryDirectory(prefix=f"{name}-")
        self._start = start
        self._cursor: str | None = None
        self.done: dict[datetime, datetime] = {}
        self.passes = 0

    def close(self) -> None:
        self._folder.cleanup()

    def close_hour(self, life: Life) -> Ended:
        """Do what the hourly schedule asks for at this moment."""
        last = floor(self._timeline.now()) - HOUR
        return self.sync(between(max(self._start, last - OVERLAP), last), life)

    def tick(self, life: Life) -> Ended | None:
        """Do what the sensor does in one tick, and run what it asks for; None if it asks for nothing."""
        try:
            newest, offset = asyncio.run(newest_customers(self._polar(Life())))
        except (ApiError, TimeoutError):
            return None
        now = self._timeline.now() + offset
        cursor = load(self._cursor, start=self._start, now=now)
        recent = sorted(self.done, key=self.done.__getitem__)[-RECENT:]
        wanted = {*hours_to_look_up(cursor, now=now), *recent}
        waiting = {customer for one in cursor.waiting.values() for customer in one.ids}
        facts = Facts(
            now=now,
            start=self._start,
            newest=[one for one in newest if one.created_at < floor(self._timeline.now()) + HOUR],
            read_at={hour: self.done[hour] for hour in wanted if hour in self.done},
            in_flight=(),
            overlap=OVERLAP,
            recorded=frozenset(Ledger(f"{self._folder.name}/ledger.db").recorded(waiting)),
        )
        decision = decide(cursor, facts)
        self._cursor = dump(decision.cursor)
        ended = None
        for hours in decision.ranges:
            self._timeline.advance(GAP_SECONDS if ended else 0)
            ended = self.sync(hours, life)
        return ended

    def sync(self, hours: Sequence[datetime], life: Life) -> Ended:
        """Run both assets over a range of hours."""
        return self._ending(lambda run_id: bodies.sync_hours(hours, run_id, self._resources(life), self.done))

    def reconcile(self, life: Life) -> Ended:
        """Run the reconciliation."""
        return self._ending(lambda run_id: bodies.reconcile(run_id, self._resources(life)))

    def _ending(self, run: Callable[[str], None]) -> Ended:
        self.passes += 1
        try:
            run(f"run {self.passes}")
        except KilledError:
            return Ended("killed", killed=True)
        except dg.Failure as failure:
            return Ended(str(failure.description))
        return Ended("success")

    def _resources(self, life: Life) -> dict[str, Any]:
        attio = AttioResource(
            api_key=ATTIO_TOKEN,
            api_url="http://sandbox",
            reads_per_second=default("attio_reads_per_second"),
            writes_per_second=default("attio_writes_per_second"),
            slugs={key: key for key in BY_KEY},
        )
        return {
            "polar": self._polar(life),
            "attio": attio.over(transport=self._wire(life)),
            "ledger": MortalLedgerResource(url=f"{self._folder.name}/ledger.db").on(life),
            "options": PassOptions(),
        }

    def _polar(self, life: Life) -> PolarOnWire:
        rate = default("polar_requests_per_minute")
        polar = PolarOnWire(access_token=POLAR_TOKEN, api_url="http://sandbox", requests_per_minute=rate)
        return polar.on(self._wire(life))

    def _wire(self, life: Life) -> Wire:
        return Wire(self._app, self._traffic, life, self._random)

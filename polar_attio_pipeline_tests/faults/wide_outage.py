"""Attio down for a whole day while customers keep coming: what it costs in runs and requests, and who arrives.

Sensor and schedules ask for runs as the daemon does, the clients have their real limits and back-off; time is virtual.
"""

import random as global_random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.mapping import ATTRIBUTES
from polar_attio_pipeline_tests.faults.life import HeardTraffic, Life
from polar_attio_pipeline_tests.faults.oracle import Verdict, judge, writable
from polar_attio_pipeline_tests.faults.pipeline import Ended, Pipeline
from polar_attio_pipeline_tests.faults.virtual_time import Timeline, virtual_time

OUTAGE = timedelta(days=1)
BETWEEN_CUSTOMERS = timedelta(minutes=10)
PATIENCE = timedelta(hours=3)
"""After the outage; whoever is not in Attio by then is lost."""

_START = datetime(2026, 11, 3, tzinfo=UTC)
_TICK_SECONDS = 30
_CLOSE_AFTER = timedelta(minutes=5)
_RECONCILE_AT = timedelta(hours=3, minutes=35)

OUTAGES = {
    "connections reset": Fault(kind=Kind.RESET, service="attio"),
    "no answer": Fault(kind=Kind.HANG, service="attio"),
    "503": Fault(kind=Kind.STATUS, service="attio", status=503),
    "429, Retry-After 60": Fault(kind=Kind.TOO_MANY, service="attio", retry_after="seconds", retry_after_seconds=60),
}
"""Ways for Attio to be down."""


@dataclass(frozen=True, slots=True)
class Toll:
    """What an outage cost.

    Attributes:
        outage: Which of `OUTAGES`.
        customers: Who came meanwhile.
        asked: Runs that the sensor asked for during the outage.
        scheduled: Runs that the schedules asked for during the outage.
        busiest: Most runs that began in one of its hours.
        attio: Requests to Attio during the outage.
        polar: Requests to Polar during the outage, one for each tick included.
        minutes: After its end, until everybody was there; None when somebody never came.
        early_retries: Requests before a `Retry-After` had run out: the first of a new process, which knows of none.
        verdict: In the end.
    """

    outage: str
    customers: int
    asked: int
    scheduled: int
    busiest: int
    attio: int
    polar: int
    minutes: float | None = None
    early_retries: int = 0
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def is_good(self) -> bool:
        """Whether everybody came and nothing was hurt."""
        return self.minutes is not None and self.verdict.is_true


def days_without_attio(seed: int, outages: Iterable[str] = OUTAGES) -> Iterator[Toll]:
    """Live through a day of each outage."""
    for outage in outages:
        global_random.seed(f"{seed}/{outage}")
        with virtual_time(_START) as timeline:
            day = _Day(timeline, Random(f"{seed}/{outage}"))
            try:
                yield day.run(outage)
            finally:
                day.pipeline.close()


class _Day:
    def __init__(self, timeline: Timeline, random: Random) -> None:
        self._timeline = timeline
        self._sandbox = Sandbox(clock=Clock(source=timeline.now))
        for attribute in ATTRIBUTES:
            if not attribute.standard:
                self._sandbox.attio.add_attribute(attribute.key, attribute.types[0])
        self._traffic = self._sandbox.traffic = HeardTraffic(self._sandbox.clock)
        app = create_app(self._sandbox)
        self.pipeline = Pipeline(app, self._traffic, timeline, random, name="outage", start=_START)
        self._looked_at = _START
        self._runs: Counter[str] = Counter()
        self._hours: Counter[datetime] = Counter()

    def run(self, outage: str) -> Toll:
        """Let the day pass, end the outage, and wait for everybody."""
        self._sandbox.faults.add(OUTAGES[outage])
        customers = OUTAGE // BETWEEN_CUSTOMERS
        for number in range(customers):
            email, age = f"customer-{number}@example.com", number * BETWEEN_CUSTOMERS
            self._sandbox.polar.add_customer(email=email, created_at=_START + age, visible_in=age)
        end = _START + OUTAGE
        while self._timeline.now() < end:
            self._half_a_minute()
        toll = Toll(
            outage,
            customers,
            asked=self._runs["sensor"],
            scheduled=self._runs["schedule"],
            busiest=max(self._hours.values()),
            attio=self._traffic.count(service="attio"),
            polar=self._traffic.count(service="polar"),
        )
        self._sandbox.faults.clear()
        while not (everybody := self._is_everybody_there()) and self._timeline.now() < end + PATIENCE:
            self._half_a_minute()
        polar, attio = self._sandbox.polar, self._sandbox.attio
        return replace(
            toll,
            minutes=(self._timeline.now() - end) / timedelta(minutes=1) if everybody else None,
            early_retries=self._traffic.early_retries.total(),
            verdict=judge(polar, attio, {row.id: [row] for row in polar.customers.values()}),
        )

    def _half_a_minute(self) -> None:
        """Do what the daemon does in it: the schedules that are due, then a tick of the sensor."""
        self._timeline.advance(_TICK_SECONDS)
        before, self._looked_at = self._looked_at, self._timeline.now()
        if floor(before - _CLOSE_AFTER) < floor(self._looked_at - _CLOSE_AFTER) >= _START + HOUR:
            self._count("schedule", self.pipeline.close_hour)
        if (before - _RECONCILE_AT).date() < (self._looked_at - _RECONCILE_AT).date():
            self._count("schedule", self.pipeline.reconcile)
        self._count("sensor", self.pipeline.tick)

    def _count(self, who: str, run: Callable[[Life], Ended | None]) -> None:
        hour, passes = floor(self._timeline.now()), self.pipeline.passes
        run(Life())
        self._runs[who] += self.pipeline.passes - passes
        self._hours[hour] += self.pipeline.passes - passes

    def _is_everybody_there(self) -> bool:
        self._sandbox.polar.settle()
        there = {person.values.get("polar_customer_id") for person in self._sandbox.attio.people()}
        return writable(self._sandbox.polar).keys() <= there

"""Attio down for a whole day while customers keep coming: what it costs in runs and requests, and who arrives.

Sensor and schedules ask for runs as the daemon does, the clients have their real limits and back-off; time is virtual.
"""

import random as global_random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.faults.daemon import Daemon
from polar_attio_pipeline_tests.faults.oracle import Verdict, judge
from polar_attio_pipeline_tests.faults.pipeline import Ended
from polar_attio_pipeline_tests.faults.virtual_time import Timeline, virtual_time

OUTAGE = timedelta(days=1)
BETWEEN_CUSTOMERS = timedelta(minutes=10)
PATIENCE = timedelta(hours=3)
"""After the outage; whoever is not in Attio by then is lost."""

_START = datetime(2026, 11, 3, tzinfo=UTC)

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


def day_without_attio(seed: int, outage: str) -> Toll:
    """Live through a day of an outage."""
    global_random.seed(f"{seed}/{outage}")
    with virtual_time(_START) as timeline:
        day = _Day(timeline, Random(f"{seed}/{outage}"))
        try:
            return day.run(outage)
        finally:
            day.close()


class _Day:
    def __init__(self, timeline: Timeline, random: Random) -> None:
        self._daemon = Daemon(timeline, random, start=_START, heard=self._count)
        self._runs: Counter[str] = Counter()
        self._hours: Counter[datetime] = Counter()

    def close(self) -> None:
        self._daemon.pipeline.close()

    def run(self, outage: str) -> Toll:
        """Let the day pass, end the outage, and wait for everybody."""
        daemon, timeline = self._daemon, self._daemon.timeline
        polar, attio, traffic = daemon.sandbox.polar, daemon.sandbox.attio, daemon.traffic
        daemon.sandbox.faults.add(OUTAGES[outage])
        customers = OUTAGE // BETWEEN_CUSTOMERS
        for number in range(customers):
            email, age = f"customer-{number}@example.com", number * BETWEEN_CUSTOMERS
            polar.add_customer(email=email, created_at=_START + age, visible_in=age)
        end = _START + OUTAGE
        while timeline.now() < end:
            daemon.step()
        toll = Toll(
            outage,
            customers,
            asked=self._runs["sensor"],
            scheduled=self._runs["schedule"],
            busiest=max(self._hours.values()),
            attio=traffic.count(service="attio"),
            polar=traffic.count(service="polar"),
        )
        daemon.sandbox.faults.clear()
        while not (everyone := daemon.is_everyone_there()) and timeline.now() < end + PATIENCE:
            daemon.step()
        return replace(
            toll,
            minutes=(timeline.now() - end) / timedelta(minutes=1) if everyone else None,
            early_retries=traffic.early_retries.total(),
            verdict=judge(polar, attio, {row.id: [row] for row in polar.customers.values()}),
        )

    def _count(self, who: str, began: datetime, _: Ended) -> None:
        self._runs[who] += 1
        self._hours[floor(began)] += 1

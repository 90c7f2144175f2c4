"""One hour that fails for ever: how long healthy new customers wait meanwhile, and what people are told of it.

An hour's runs die at it from the first day on. For two days customers come at random moments. A week later Attio is
down for ten hours, while customers come, and everything has to fill itself. Then the hour is mended. The same life
without the failing hour is the measure.
"""

import math
import random as global_random
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from polar_attio_pipeline.defs.cadence import LONGEST_PAUSE
from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.faults.daemon import TICK_SECONDS, Daemon
from polar_attio_pipeline_tests.faults.oracle import Verdict, judge
from polar_attio_pipeline_tests.faults.pipeline import Ended
from polar_attio_pipeline_tests.faults.virtual_time import Timeline, virtual_time
from polar_attio_pipeline_tests.faults.watcher import Told, Watcher

_START = datetime(2026, 11, 2, tzinfo=UTC)
_FAILS_AT = _START + 9 * HOUR
_LOOK_EVERY = timedelta(minutes=15)
_PATIENCE = timedelta(hours=3)
_LONGEST_WAIT = timedelta(days=1)
"""After this a customer who has not arrived counts as one who never does."""
_QUIET_SECONDS = 600
"""A step in a week in which nothing happens but what the schedules do."""


@dataclass(frozen=True, slots=True)
class Span:
    """How much of it is lived through.

    Attributes:
        customers: Come one by one, at random moments of `days`.
        days: During which each customer's wait is measured.
        quiet: Until the outage.
        outage: How long Attio is down then.
    """

    customers: int = 50
    days: timedelta = timedelta(days=2)
    quiet: timedelta = timedelta(days=7)
    outage: timedelta = timedelta(hours=10)


@dataclass(frozen=True, slots=True)
class Waits:
    """What came of it.

    Attributes:
        failing: Whether one hour failed for ever.
        minutes: How long each customer of the first days waited, from its creation until its person was in Attio.
        filled: Minutes after the outage until everybody who came during it was there; None if that never happened.
        told: Every notice that people got.
        verdict: In the end, the hour mended.
        unread: Hours that were never read to their end.
    """

    failing: bool
    minutes: list[float] = field(default_factory=list)
    filled: float | None = None
    told: list[Told] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    unread: int = 0

    @property
    def median(self) -> float:
        """The wait of the customer in the middle."""
        return statistics.median(self.minutes)

    @property
    def worst(self) -> float:
        """The longest wait."""
        return max(self.minutes)

    @property
    def is_told_once(self) -> bool:
        """Whether the notices of each state say in turn that it is bad and that it is over, and end with the latter."""
        by_state: dict[str, list[bool]] = {}
        for one in self.told:
            by_state.setdefault(one.state, []).append(one.is_over)
        return all(said == [False, True] * (len(said) // 2) for said in by_state.values())

    @property
    def is_good(self) -> bool:
        """Whether everybody came, every hour was read, and people were told the truth."""
        return self.filled is not None and self.verdict.is_true and not self.unread and self.is_told_once


def live_through(seed: int, *, failing: bool, span: Span | None = None) -> Waits:
    """Live through it with the failing hour, or without; everything else is the same."""
    global_random.seed(f"{seed}/failing hour")
    with virtual_time(_START) as timeline:
        life = _Life(timeline, Random(f"{seed}/failing hour"), failing=failing)
        try:
            return life.run(span or Span())
        finally:
            life.close()


class _Life:
    def __init__(self, timeline: Timeline, random: Random, *, failing: bool) -> None:
        self._random = random
        self._timeline = timeline
        self._failing = failing
        self._watcher = Watcher(_START)
        self._daemon = Daemon(timeline, random, start=_START, heard=self._note)
        self._next_look = _START

    def close(self) -> None:
        self._daemon.pipeline.close()
        self._watcher.close()

    def run(self, span: Span) -> Waits:
        """Live through all of it."""
        polar, attio, faults = self._daemon.sandbox.polar, self._daemon.sandbox.attio, self._daemon.sandbox.faults
        if self._failing:
            polar.add_customer(email="in-the-failing-hour@example.com", created_at=_FAILS_AT, visible_in=9 * HOUR)
            self._daemon.pipeline.doomed.add(_FAILS_AT)
        minutes = self._waits(span)
        quiet_until = _START + span.quiet
        while self._timeline.now() < quiet_until:
            self._step(_QUIET_SECONDS)
        faults.add(Fault(kind=Kind.STATUS, service="attio", status=503))
        came = self._timeline.now()
        for number in range(span.outage // HOUR):
            age = number * HOUR + timedelta(minutes=10)
            polar.add_customer(email=f"during-{number}@example.com", created_at=came + age, visible_in=age)
        while self._timeline.now() < came + span.outage:
            self._step()
        faults.clear()
        filled = self._minutes_until_everyone_is_there()
        self._daemon.pipeline.doomed.clear()
        # A reconciliation that failed in the outage is tried again after so long a pause at most.
        end = self._timeline.now() + LONGEST_PAUSE + HOUR
        while self._timeline.now() < end:
            self._step()
        return Waits(
            failing=self._failing,
            minutes=minutes,
            filled=filled,
            told=self._watcher.told,
            verdict=judge(polar, attio, {row.id: [row] for row in polar.customers.values()}),
            unread=self._unread(),
        )

    def _waits(self, span: Span) -> list[float]:
        """Have customers come at random moments, in other hours than the failing one; return how long each waited."""
        first = int((_FAILS_AT + HOUR - _START).total_seconds())
        seconds = sorted(self._random.sample(range(first, int(span.days.total_seconds())), span.customers))
        for number, second in enumerate(seconds):
            age = timedelta(seconds=second)
            self._daemon.sandbox.polar.add_customer(
                email=f"customer-{number}@example.com", created_at=_START + age, visible_in=age
            )
        came: dict[str, datetime] = {}
        arrived: dict[str, datetime] = {}
        last = _START + span.days + _LONGEST_WAIT
        while self._timeline.now() < _START + span.days + _PATIENCE or (
            len(arrived) < len(came) and self._timeline.now() < last
        ):
            self._step()
            came = {
                row.id: row.created_at
                for row in self._daemon.sandbox.polar.customers.values()
                if str(row.email).startswith("customer-")
            }
            for customer_id in self._daemon.brought() - arrived.keys():
                arrived[customer_id] = self._timeline.now()
        waits = {
            one: (arrived[one] - created_at) / timedelta(minutes=1)
            for one, created_at in came.items()
            if one in arrived
        }
        return [waits.get(one, math.inf) for one in came]

    def _minutes_until_everyone_is_there(self) -> float | None:
        began = self._timeline.now()
        while not self._daemon.is_everyone_there() and self._timeline.now() < began + _PATIENCE:
            self._step()
        return (self._timeline.now() - began) / timedelta(minutes=1) if self._daemon.is_everyone_there() else None

    def _step(self, seconds: float = TICK_SECONDS) -> None:
        self._daemon.step(seconds)
        if self._timeline.now() >= self._next_look:
            self._watcher.look(self._timeline.now())
            self._next_look = self._timeline.now() + _LOOK_EVERY

    def _note(self, _who: str, _began: datetime, ended: Ended) -> None:
        self._watcher.note(ended)

    def _unread(self) -> int:
        read_at = self._daemon.pipeline.done.read_at
        hours = [_START + HOUR * number for number in range((floor(self._timeline.now()) - _START) // HOUR)]
        return sum(read_at.get(hour, hour) < hour + HOUR for hour in hours)

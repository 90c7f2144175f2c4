"""Reports how a pass goes: what has changed at once, how far it is by the clock, never by the count."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.waits import Wait
from polar_attio_pipeline.passes.progress import Event, Progress, Report, Stage

_log = logging.getLogger(__name__)

OFTEN_SECONDS = 7
"""Between two lines of progress at first."""

RARELY_SECONDS = 60
"""And later: a first import of a million customers takes fourteen hours."""

WAITING_SECONDS = 30
"""While something is waited for whose end has been reported."""

_SLOWING = 15
"""A line comes when the pass has grown by a fifteenth, within these bounds; so does the wait between lines that have
nothing new to say."""

_TICK_SECONDS = 1
_PACE_SECONDS = 30
"""The pace is that of the last so many seconds."""

_SHORT_SECONDS = 3
"""A wait that is over sooner is not worth a line."""


def _now() -> float:
    return time.monotonic()


@dataclass
class ProgressReporter:
    """What is known about a pass under way, for its next line.

    Attributes:
        report: Takes the lines; None where it is not reported.
        apis: The connections, which know what they wait for.
        stage: What the pass is doing.
        done: As in `Progress`, as are `total` and `people`.
    """

    report: Report | None
    apis: Sequence[ApiClient]
    stage: Stage = Stage.READING
    done: int = 0
    total: int | None = None
    people: int = 0
    _began: float = field(default_factory=_now)
    _advanced: float = field(default_factory=_now)
    _sent_at: float = field(default_factory=_now)
    _announced_wait: float = 0
    _other_writer: tuple[str, datetime] | None = None
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def send(self, event: Event) -> None:
        """Report an event. What goes wrong with that, such as a terminal that was closed, does not harm the pass."""
        if self.report is None:
            return
        self._sent_at = _now()
        try:
            self.report(event)
        except Exception as error:  # noqa: BLE001  # as the docstring says
            _log.debug("A line of the pass could not be shown: %s.", type(error).__name__)

    def enter(self, stage: Stage, *, total: int | None = None) -> None:
        """Take in that another stage begins."""
        self.stage, self.done, self.total, self.people = stage, 0, total, 0
        self._samples.clear()
        self._advanced = _now()

    def advance(self, done: int = 0, *, people: int = 0, total: int | None = None) -> None:
        """Take in that so many more customers have an outcome or were read, and people were read."""
        self.done += done
        self.people += people
        self.total = self.total if total is None else total
        self._advanced = _now()

    def seconds(self) -> float:
        """Return how long the pass has taken so far."""
        return _now() - self._began

    def waits_for_writer(self, who: str, seconds: float) -> None:
        """Take in that another writer is at work, for which this pass waits so long at most."""
        self.enter(Stage.LEASE)
        self._other_writer = who, datetime.now(UTC) + timedelta(seconds=seconds)
        self.send(self.progress())

    def progress(self) -> Progress:
        """Return how far the pass is."""
        now = _now()
        waiting_for, until = self._waiting()
        pace = self._pace(now)
        open_ones = None if self.total is None else max(0, self.total - self.done)
        return Progress(
            stage=self.stage,
            done=self.done,
            total=self.total,
            people=self.people,
            pace=pace,
            left=open_ones / pace if pace and open_ones is not None else None,
            idle=now - self._advanced,
            waiting_for=waiting_for,
            until=until,
        )

    async def tick(self) -> None:
        """Report progress from time to time, until it is cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = _now()
            wait = self._wait()
            self._take_sample(now, is_waiting=wait is not None)
            news = wait is not None and wait.until > max(now, self._announced_wait) + _SHORT_SECONDS
            if news or now - self._sent_at >= self._interval(
                now, is_waiting=wait is not None or self.stage is Stage.LEASE
            ):
                self._announced_wait = max(self._announced_wait, wait.until if wait else 0)
                self.send(self.progress())

    def _take_sample(self, now: float, *, is_waiting: bool) -> None:
        if is_waiting:
            # A pause says nothing about the pace before and after it.
            self._samples.clear()
            return
        self._samples.append((now, self.done))
        while now - self._samples[0][0] > _PACE_SECONDS:
            self._samples.popleft()

    def _interval(self, now: float, *, is_waiting: bool) -> float:
        idle = now - self._advanced
        # What stands still has nothing new to say: its lines come at ever longer intervals.
        slow = max((now - self._began) / _SLOWING, idle / 2 if idle > 2 * OFTEN_SECONDS else 0)
        return min(RARELY_SECONDS, max(WAITING_SECONDS if is_waiting else OFTEN_SECONDS, slow))

    def _pace(self, now: float) -> float | None:
        if not self._samples or now - self._samples[0][0] < _TICK_SECONDS / 2:
            return None
        then, done = self._samples[0]
        return (self.done - done) / (now - then)

    def _waiting(self) -> tuple[str | None, datetime | None]:
        if self.stage is Stage.LEASE:
            return self._other_writer or (None, None)
        wait = self._wait()
        if wait is None:
            return None, None
        what = f"no request to {wait.service} leaves" if wait.is_for_all else "the request waits"
        until = datetime.now(UTC) + timedelta(seconds=wait.until - _now())
        return f"{wait.service} answered {wait.answer}, so {what}", until

    def _wait(self) -> Wait | None:
        """Return the wait that holds the pass up, if there is one."""
        now = _now()
        waits = [wait for api in self.apis if (wait := api.waits.longest) and wait.until > now]
        in_the_way = [wait for wait in waits if wait.is_for_all or now - self._advanced > _SHORT_SECONDS]
        return max(in_the_way, key=lambda wait: wait.until, default=None)


@asynccontextmanager
async def reporting(report: Report | None, apis: Sequence[ApiClient]) -> AsyncIterator[ProgressReporter]:
    """Report how far a pass is, for as long as the context lasts.

    Args:
        report: Takes the lines; None where it is not reported.
        apis: The connections of the pass.
    """
    reporter = ProgressReporter(report, apis)
    if report is None:
        yield reporter
        return
    ticking = asyncio.create_task(reporter.tick())
    try:
        yield reporter
    finally:
        ticking.cancel()

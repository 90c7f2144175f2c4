"""Time that passes only when everybody waits: hours of back-off and Retry-After cost nothing, and nothing is skipped.

The event loop, the clocks of the API clients and of the lease (`time.monotonic`) and the machine's clock
(`datetime.now`, `time.time`) are one time line.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import time_machine


class Timeline:
    """The time of one schedule: of the machine, and of the event loops that run on it."""

    def __init__(self, start: datetime, machine: time_machine.Traveller) -> None:
        self._start = start
        self._machine = machine
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The machine's time, aware."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        self._elapsed += max(0.0, seconds)
        self._machine.move_to(self.now().timestamp())

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until then; a moment that is over already is no way back."""
        self.advance((moment - self.now()).total_seconds())


class _Leap(selectors.DefaultSelector):
    """Waits for nothing: where an event loop would sleep until its next timer, that moment comes at once."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits and no timer is set: nothing will ever happen")
            self._timeline.advance(timeout)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        super().__init__(_Leap(timeline))

    def time(self) -> float:
        return self._timeline.monotonic()


async def _inline(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Stand in for the thread pool: threads would let the machine's load decide on the order of things."""
    return function(*arguments, **named)


@contextmanager
def virtual_time(start: datetime) -> Iterator[Timeline]:
    """Let everything in this process live on a new time line."""
    with time_machine.travel(start, tick=False) as machine:
        timeline = Timeline(start, machine)
        with (
            mock.patch("asyncio.events.new_event_loop", functools.partial(_Loop, timeline)),
            mock.patch("time.monotonic", timeline.monotonic),
            mock.patch("starlette.routing.run_in_threadpool", _inline),
        ):
            yield timeline

"""When a request may leave: at its pace, not too many at once, and not before the service wants it."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext

from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.stats import Stats


class Gate:
    """Every request to one service passes it."""

    def __init__(
        self, limiters: Mapping[str, RateLimiter], *, in_flight: int | None, clock: Clock, stats: Stats
    ) -> None:
        """Describe the limits.

        Args:
            limiters: The paces, by name.
            in_flight: How many requests may be under way at once; None for any number.
            clock: Time.
            stats: Where requests are counted.
        """
        self._limiters = limiters
        self._places = asyncio.Semaphore(in_flight) if in_flight else nullcontext()
        self._clock = clock
        self._stats = stats
        self._closed_until = -math.inf
        self._closing: ApiError | None = None
        self._paused_until = -math.inf
        self._seconds_paused = 0.0

    @asynccontextmanager
    async def passed(self, limiter: str, *, needs_place: bool = True) -> AsyncIterator[float]:
        """Wait until a request may leave, and count it as under way until the block ends.

        Args:
            limiter: Its pace.
            needs_place: Whether it waits until fewer are under way than may be.

        Yields:
            How many seconds of the waiting the service itself had asked for.

        Raises:
            ApiError: the one that `close` was given, as long as it holds.
        """
        queued = self._clock.now()
        paused_before = self._seconds_paused - max(0.0, self._paused_until - queued)
        # First the place, then the pace: the other way round, requests that waited for places would leave together.
        async with self._places if needs_place else nullcontext():
            await self._limiters[limiter].acquire()
            now = self._clock.now()
            if self._closing and now < self._closed_until:
                raise self._closing.with_traceback(None)
            self._stats.requests[limiter] += 1
            yield min(now - queued, self._seconds_paused - paused_before)

    def pause_left(self) -> float:
        """Return for how many seconds nothing leaves, because the service asked for that."""
        return max(0.0, self._paused_until - self._clock.now())

    def pause(self, seconds: float) -> None:
        """Let nothing leave for so long: a service that asks to wait means every request, of whichever limiter."""
        now = self._clock.now()
        until = max(now + seconds, self._paused_until)
        self._seconds_paused += until - max(now, self._paused_until)
        self._paused_until = until
        for limiter in self._limiters.values():
            limiter.pause_until(until)

    def close(self, seconds: float, error: ApiError) -> None:
        """Fail every request with this error for so long, which is too long to wait."""
        until = self._clock.now() + seconds
        if until > self._closed_until:
            self._closed_until, self._closing = until, error

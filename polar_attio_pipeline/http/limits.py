"""Pacing: how fast one kind of request may leave, whatever the number of tasks that want to send.

A leaky bucket (aiolimiter's) either lets a whole bucket go at once, so that a server which counts in fixed windows sees
nearly twice the rate, or, with a bucket of one, loses every late wake-up of a timer for good. Hence this small pacer.
"""

import asyncio
import math
from collections import deque

from polar_attio_pipeline.http.clock import Clock

_CATCH_UP = 2
"""How many requests may follow at once after a late wake-up."""


class RateLimiter:
    """A queue that lets its head go at an even pace, first come, first served.

    In any stretch of `period` seconds, wherever a server's window begins, at most `limit` requests leave, evenly
    spread; one that a late timer delayed is made up for, so that the pace holds on a busy machine.
    """

    def __init__(
        self,
        limit: float,
        *,
        period: float = 1.0,
        unevenness: float = 0.0,
        catch_up: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        """Create a limiter.

        Args:
            limit: Requests in a period; may be a fraction.
            period: Seconds.
            unevenness: Seconds by which one request may take longer to arrive than another. A server counts arrivals:
                at exactly its limit, one slow and one quick request are one too many in a window (measured). The limit
                is kept over so much more than the period.
            catch_up: Seconds of lateness that are made up for where requests follow one another: each waits for the
                answer to the one before, so slow answers cost the pace nothing once they are quick again. The limit
                of a period is kept all the same.
            clock: Time; the event loop's unless given.
        """
        self._spacing = period / limit
        self._window = period + unevenness
        self._catch_up = catch_up
        self._clock = clock or Clock()
        self._due = -math.inf
        self._paused_until = -math.inf
        self._recent: deque[float] = deque(maxlen=math.ceil(limit))
        self._head = asyncio.Lock()

    async def acquire(self) -> None:
        """Wait until one request may leave."""
        arrived = self._clock.now()
        async with self._head:
            while (wait := self._opens() - self._clock.now()) > 0:
                await self._clock.sleep(wait)
            now = self._clock.now()
            # Counted from when the request was due, not from when the timer woke: lateness does not add up.
            begins_anew = arrived - self._due > self._catch_up
            longest = max(self._catch_up, _CATCH_UP * self._spacing)
            due = max(self._due, self._paused_until, arrived if begins_anew else -math.inf, now - longest)
            self._due = due + self._spacing
            self._recent.append(now)

    def pause_until(self, moment: float) -> None:
        """Let nothing leave before `moment` on the clock; never shortens a pause."""
        self._paused_until = max(self._paused_until, moment)

    def _opens(self) -> float:
        window = self._recent[0] + self._window if len(self._recent) == self._recent.maxlen else -math.inf
        return max(self._due, self._paused_until, window)

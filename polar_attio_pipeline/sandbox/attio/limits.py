"""Attio's rate limits: whole seconds of the clock, for the whole workspace."""

from collections.abc import Callable
from datetime import datetime, timedelta

READS_PER_SECOND = 100
WRITES_PER_SECOND = 25
_WINDOW = timedelta(seconds=1)


class ClockWindow:
    """Lets `limit` requests through in each second of the clock.

    Attio says that a limit usually opens again with the next second (docs.attio.com), so a window is the second that
    the clock shows, however late in it the first request came.
    """

    def __init__(self, limit: float, clock: Callable[[], datetime]) -> None:
        self._limit = limit
        self._clock = clock
        self._second: datetime | None = None
        self._count = 0

    def hit(self, scale: float) -> datetime | None:
        """Count one request; return None if it may pass, else the time at which the next window opens."""
        second = self._clock().replace(microsecond=0)
        if second != self._second:
            self._second, self._count = second, 0
        if self._count >= self._limit * scale:
            return second + _WINDOW
        self._count += 1
        return None

    def reset(self) -> None:
        """Forget what passed in this second."""
        self._second = None


class AttioLimits:
    """The two limits of a workspace, summed over all its tokens: 100 reads and 25 writes a second (docs.attio.com).

    Args:
        clock: Returns aware datetimes.
        scale: Multiplies both limits; `math.inf` lifts them.
    """

    def __init__(self, clock: Callable[[], datetime], scale: float = 1.0) -> None:
        self.scale = scale
        self._reads = ClockWindow(READS_PER_SECOND, clock)
        self._writes = ClockWindow(WRITES_PER_SECOND, clock)

    def read(self) -> datetime | None:
        """Count a read; return None if it may pass, else when to come back."""
        return self._reads.hit(self.scale)

    def write(self) -> datetime | None:
        """Count a write; return None if it may pass, else when to come back."""
        return self._writes.hit(self.scale)

    def reset(self) -> None:
        """Open both windows anew."""
        self._reads.reset()
        self._writes.reset()

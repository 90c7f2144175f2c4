"""Time as a dependency, so that a test can make an hour pass at once; and a service's clock beside ours."""

import asyncio
import time
from datetime import datetime


class Clock:
    """The event loop's monotonic clock."""

    def now(self) -> float:
        """Return seconds since an arbitrary moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def server_offset(date: datetime, *, sent: float, received: float) -> float:
    """Return the least difference between two clocks that explains an answer's Date: theirs minus ours, in seconds.

    A Date is cut to whole seconds, and was written at any moment between the request and the answer. So clocks that
    agree count as agreeing, and two moments that are measured by two answers keep their order.

    Args:
        date: The Date header of the answer.
        sent: When the request left, by this machine's clock (`time.time`).
        received: When the answer was there, by the same clock.
    """
    least = date.timestamp() - received
    most = date.timestamp() + 1 - sent
    return max(least, 0.0) + min(most, 0.0)

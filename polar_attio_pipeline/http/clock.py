"""Time as a dependency, so that a test can make an hour pass at once."""

import asyncio
import time


class Clock:
    """The event loop's monotonic clock."""

    def now(self) -> float:
        """Return seconds since an arbitrary moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

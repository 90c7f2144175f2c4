"""Rate limits in fixed windows, as both services keep them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

REAL = 1.0
OFF = math.inf


@dataclass(frozen=True, slots=True)
class Hit:
    """What a request met; true when it was let through.

    Attributes:
        allowed: The request counts and may go on. A refused request does not count.
        ends_at: When the window ends and the next may begin.
    """

    allowed: bool
    ends_at: datetime

    def __bool__(self) -> bool:
        """Tell whether the request was let through."""
        return self.allowed


class FixedWindow:
    """Lets `limit` requests through per key and window. A window begins with its first request.

    Args:
        limit: Requests per window.
        seconds: Length of a window.
        clock: Returns aware datetimes.

    Attributes:
        scale: Multiplies the limit; `OFF` lifts it.
    """

    def __init__(self, limit: float, seconds: float, clock: Callable[[], datetime]) -> None:
        self.limit = limit
        self.seconds = seconds
        self.scale = REAL
        self._length = timedelta(seconds=seconds)
        self._clock = clock
        self._windows: dict[str, tuple[datetime, int]] = {}

    def hit(self, key: str) -> Hit:
        """Count a request for the key, if there is room for it."""
        now = self._clock()
        ends_at, count = self._windows.get(key, (now, 0))
        if now >= ends_at:
            ends_at, count = now + self._length, 0
        allowed = count < self.limit * self.scale
        self._windows[key] = (ends_at, count + allowed)
        return Hit(allowed, ends_at)

    def reset(self) -> None:
        """Forget every window."""
        self._windows.clear()


def parse_scale(text: str) -> float:
    """Read `real`, `off` or a positive factor.

    Raises:
        ValueError: it is none of these.
    """
    named = {"real": REAL, "off": OFF}
    scale = named[text] if text in named else float(text)
    if not scale > 0:
        raise ValueError(f"a limit's factor must be above 0, not {text}")
    return scale

"""The sandbox's time: the machine's, shifted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


def _machine_time() -> datetime:
    return datetime.now(UTC)


@dataclass
class Clock:
    """Tells the sandbox's time when called: aware, UTC.

    Attributes:
        source: What it is based on.
        offset: How far ahead of its source it is; may be negative.
    """

    source: Callable[[], datetime] = _machine_time
    offset: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        """Return the time, now."""
        return self.source() + self.offset

    def shift(self, by: timedelta) -> None:
        """Move the sandbox's time, for both services at once."""
        self.offset += by

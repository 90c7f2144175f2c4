"""Something happens at a write to Attio: in the middle of a pass, while the answer is waited for."""

from collections.abc import Callable
from datetime import UTC, datetime

from polar_attio_pipeline.sandbox.faults import Fault, Faults, Kind
from polar_attio_pipeline_tests.faults.crash_points import Trap, is_write

PAUSE_SECONDS = 15
"""Longer than another pass needs to start and waits for one that has died; shorter than a client's patience."""


class Interruption(Faults):
    """Does something before a write to Attio is carried out.

    Args:
        write: At which of them, from 1.
        happens: What is done.
    """

    def __init__(self, write: int, happens: Callable[[], None]) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self._left = write
        self._happens = happens

    def strike(self, service: str, method: str, path: str, text: str = "") -> list[Fault]:
        if is_write(service, method, path):
            self._left -= 1
            if self._left == 0:
                self._happens()
        return []


class Pause(Trap):
    """Lets the first write to Attio take long, and with it the pass."""

    def __init__(self) -> None:
        super().__init__(is_write, 1, after=False)

    def strike(self, service: str, method: str, path: str, text: str = "") -> list[Fault]:
        held = super().strike(service, method, path, text)
        return [Fault(kind=Kind.LATENCY, seconds=PAUSE_SECONDS)] if held else []


class Traps(Faults):
    """Has one trap after the other; there is none at first."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self._trap: Trap | None = None

    def set(self, trap: Trap) -> Trap:
        """Have this trap from now on."""
        self._trap = trap
        return trap

    def strike(self, service: str, method: str, path: str, text: str = "") -> list[Fault]:
        return self._trap.strike(service, method, path, text) if self._trap else []

"""Polar's rate limits: one fixed window for the whole organization, a narrower one for tokens it does not know."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from polar_attio_pipeline.sandbox.limits import REAL, FixedWindow, Hit

WINDOW_SECONDS = 60
"""Also what every `Retry-After` says, however little of the window is left (measured)."""
Environment = Literal["production", "sandbox"]
"""Which Polar: the real one, or the one of its own in which nothing is paid, with a lower limit."""
REQUESTS_PER_WINDOW: Mapping[Environment, int] = {"production": 500, "sandbox": 100}
UNKNOWN_TOKEN_REQUESTS_PER_WINDOW = 60


class PolarLimits:
    """The two limits.

    Args:
        clock: Returns aware datetimes.
        scale: Multiplies both; `OFF` lifts them.
        environment: Whose limits.

    Attributes:
        environment: As given.
    """

    def __init__(
        self, clock: Callable[[], datetime], scale: float = REAL, environment: Environment = "production"
    ) -> None:
        self.environment = environment
        self._known = FixedWindow(REQUESTS_PER_WINDOW[environment], WINDOW_SECONDS, clock)
        self._unknown = FixedWindow(UNKNOWN_TOKEN_REQUESTS_PER_WINDOW, WINDOW_SECONDS, clock)
        self.scale = scale

    @property
    def scale(self) -> float:
        """The factor on both limits."""
        return self._known.scale

    @scale.setter
    def scale(self, scale: float) -> None:
        self._known.scale = self._unknown.scale = scale

    def known(self, organization_id: str) -> Hit:
        """Count a request by any token of the organization."""
        return self._known.hit(organization_id)

    def unknown(self, credential: str) -> Hit:
        """Count a request by a credential that is not valid, or by none."""
        return self._unknown.hit(credential)

    def reset(self) -> None:
        """Open every window anew."""
        self._known.reset()
        self._unknown.reset()

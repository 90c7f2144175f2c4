"""Polar's rate limits: one fixed window for the whole organization, a narrower one for tokens it does not know."""

from collections.abc import Callable
from datetime import datetime

from polar_attio_pipeline.sandbox.limits import REAL, FixedWindow, Hit

WINDOW_SECONDS = 60
"""Also what every `Retry-After` says, however little of the window is left (measured)."""
REQUESTS_PER_WINDOW = 500
UNKNOWN_TOKEN_REQUESTS_PER_WINDOW = 60


class PolarLimits:
    """The two limits.

    Args:
        clock: Returns aware datetimes.
        scale: Multiplies both; `OFF` lifts them.
    """

    def __init__(self, clock: Callable[[], datetime], scale: float = REAL) -> None:
        self._known = FixedWindow(REQUESTS_PER_WINDOW, WINDOW_SECONDS, clock)
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

"""Until when a pass over records may go on: no longer than their number implies."""

import asyncio

from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.services import Pace

SLACK_SECONDS = 900
"""Time of a pass beside what its counts and the pace imply: sitting out an outage of some minutes."""

_ALLOWANCE = 3
"""How many times the ideal duration a pass may take: services throttle, and retries wait."""

_TIME_IS_UP = (
    "After {minutes:.0f} minutes the pass over {count} {what} ended: that is far longer than their number implies. "
    "What it did is on record, the next pass does the rest; look at why a service is slow or throttles."
)


class TimeIsUpError(UnavailableError):
    """The pass took far longer than its counts imply; what it has not reached is left for the next one."""


def time_limit(records: int, questions: int, pace: Pace) -> float:
    """Return the seconds after which a pass over so many records, with so many questions to Polar, begins no more."""
    return SLACK_SECONDS + _ALLOWANCE * (records / pace.writes + questions / pace.questions)


class Deadline:
    """Until when a pass may begin another portion.

    Args:
        count: Of how many records the pass is.
        what: What they are called.
        pace: The configured rates.
    """

    def __init__(self, count: int, what: str, pace: Pace) -> None:
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._count, self._what, self._pace = count, what, pace

    def check(self, *, questions: int = 0) -> None:
        """Insist that there is time left.

        Args:
            questions: So many Polar was asked, which takes time too.

        Raises:
            TimeIsUpError: it took far longer than the number of records implies.
        """
        passed = self._clock() - self._began
        if passed > time_limit(self._count, questions, self._pace):
            raise TimeIsUpError(_TIME_IS_UP.format(minutes=passed / 60, count=self._count, what=self._what))

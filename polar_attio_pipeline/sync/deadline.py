"""Until when a pass over records may go on: no longer than their number implies."""

import asyncio

from polar_attio_pipeline.sync.engine import TimeIsUpError, time_limit
from polar_attio_pipeline.sync.services import Pace

_TIME_IS_UP = (
    "After {minutes:.0f} minutes the pass over {count} {what} ended: that is far longer than their number implies. "
    "What it did is on record, the next pass does the rest; look at why Attio is slow or throttles."
)


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
        self._count, self._what = count, what
        self._limit = time_limit(count, 0, pace)

    def check(self) -> None:
        """Insist that there is time left.

        Raises:
            TimeIsUpError: it took far longer than the number of records implies.
        """
        passed = self._clock() - self._began
        if passed > self._limit:
            raise TimeIsUpError(_TIME_IS_UP.format(minutes=passed / 60, count=self._count, what=self._what))

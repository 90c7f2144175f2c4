"""What queries cost and may cost: Attio's score limits, beside its limits on requests."""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from polar_attio_pipeline.sandbox.attio.errors import rate_limited

_WINDOW = timedelta(seconds=10)
_SECOND = timedelta(seconds=1)
DEFAULT_MAX_QUERY_SCORE = 10_000


class QueryBudget:
    """Two limits on the score of record queries; Attio publishes neither's value (docs.attio.com).

    Attributes:
        max_query_score: What one query may cost. Over it, trying again never helps.
        max_window_score: What all queries of ten seconds may cost together; None lifts it.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.max_query_score: float = DEFAULT_MAX_QUERY_SCORE
        self.max_window_score: float | None = None
        self._clock = clock
        self._spent: deque[tuple[datetime, int]] = deque()

    def charge(self, score: int) -> None:
        """Count a query's score.

        Raises:
            AttioError: the query is too complex, or the last ten seconds were; 429.
        """
        now = self._clock()
        if score > self.max_query_score:
            raise rate_limited(
                now.replace(microsecond=0) + _SECOND,
                f"Rate limit exceeded: the score of this query is {score}, more than the {self.max_query_score:g} "
                "that one query may have. Please reduce the complexity of its filters and sorts.",
            )
        while self._spent and self._spent[0][0] <= now - _WINDOW:
            self._spent.popleft()
        spent = sum(past for _, past in self._spent)
        if self.max_window_score is not None and self._spent and spent + score > self.max_window_score:
            raise rate_limited(self._spent[0][0].replace(microsecond=0) + _WINDOW + _SECOND)
        self._spent.append((now, score))

"""How long a pass may take: defined in this one place, from counts alone.

A pass may first have to wait until the lease of a process that died is free, and to look what became of its writes.
Then it connects and reads, step after step, each step bounded by the retries of one request; then the engine has
`sync.deadline.time_limit` for all customers of the pass together, and one more portion: the limit is looked at between
two portions.
"""

from dataclasses import dataclass

from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.passes.lease import BEAT_SECONDS, DEAD_SECONDS
from polar_attio_pipeline.passes.settling_earlier import LOOK_SECONDS
from polar_attio_pipeline.sync.deadline import time_limit
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline.sync.writing import FRESH_SECONDS

REQUEST_SECONDS = RetryPolicy().seconds + RetryPolicy().attempt_seconds
"""One request with all its retries: no attempt begins after `seconds`, and the last one may take `attempt_seconds`."""

STEPS = 6
"""Requests of a pass that follow one another and do not depend on counts: token, attributes, count before and after
the export, organization, and what people hold who are marked."""

PAGE = 100
"""Customers in a page of Polar's."""

BAD_ROW_STEPS = 8
"""Requests, one after the other, that find a row in a page which Polar cannot serialise: each halves the page."""

_LEASE_SECONDS = DEAD_SECONDS + BEAT_SECONDS
_PORTION_SECONDS = 4 * REQUEST_SECONDS + FRESH_SECONDS
"""Three searches one after the other, the questions side by side, and the writes."""

_QUESTIONS = 2
"""About each customer at most: its owner, and whether the customer whose id its person holds is alive."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a pass took, and how long it may take, in seconds."""

    name: str
    seconds: float
    bound: float

    @property
    def is_over(self) -> bool:
        """Whether it took too long."""
        return self.seconds > self.bound


def bound(customers: int, bad_rows: int, pace: Pace) -> float:
    """Return the seconds that a pass may take.

    Args:
        customers: In Polar.
        bad_rows: Rows that Polar cannot serialise, among them.
        pace: The configured rates.
    """
    steps = STEPS + 2 * (1 + customers // PAGE) + BAD_ROW_STEPS * bad_rows
    limit = time_limit(customers, _QUESTIONS * customers, pace)
    return _LEASE_SECONDS + LOOK_SECONDS + steps * REQUEST_SECONDS + limit + _PORTION_SECONDS

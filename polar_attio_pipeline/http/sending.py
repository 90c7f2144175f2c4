"""One request on its way."""

from dataclasses import dataclass, field

import httpx

from polar_attio_pipeline.http.retries import RetryPolicy, TimeSpent


@dataclass(frozen=True, slots=True)
class Sending:
    """A request with its bounds.

    Attributes:
        request: What is sent, in each attempt.
        limiter: Which pace it keeps.
        policy: Bounds of the attempts.
        is_probe: Whether it waits for no place among the requests under way.
        spent: What they have cost so far.
    """

    request: httpx.Request
    limiter: str
    policy: RetryPolicy
    is_probe: bool = False
    spent: TimeSpent = field(default_factory=TimeSpent)

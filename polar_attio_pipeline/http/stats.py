"""What a client did, counted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """What a client did.

    Attributes:
        requests: Sendings by rate limiter, repeated ones included.
        retries: Sendings that repeated an earlier one.
        throttled: Answers 429.
        seconds_waited: Time that requests spent in queues and between attempts, summed over all of them.
    """

    requests: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    throttled: int = 0
    seconds_waited: float = 0.0

"""What a client did, counted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """What a client did.

    Attributes:
        requests: Sendings by rate limiter, repeated ones included.
        throttled: Answers 429.
    """

    requests: Counter[str] = field(default_factory=Counter)
    throttled: int = 0

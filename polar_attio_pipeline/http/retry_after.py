"""Reads the Retry-After header, as seconds (Polar) and as an HTTP date (Attio)."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST = 86_400
"""Seconds; what asks for a longer wait, such as a date in the year 9999, is taken for a mistake."""


def seconds_to_wait(retry_after: str | None, *, date: str | None, now: datetime) -> float | None:
    """Return how long the server asks to wait; None when it does not say, or nothing that can be meant.

    Args:
        retry_after: The Retry-After header: seconds or an HTTP date.
        date: The Date header of the same answer. A date to wait for is measured against it, because the local clock
            may be minutes off; both are cut to whole seconds, which can only make the wait longer.
        now: The local clock, aware; stands in where the answer has no Date.
    """
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        until = http_date(retry_after)
        seconds = math.inf if until is None else (until - (http_date(date) or now)).total_seconds()
    return max(0.0, seconds) if seconds <= _LONGEST else None


def http_date(text: str | None) -> datetime | None:
    """Return an HTTP date as an aware moment; None when it is none."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        # An absurd zone overflows ("+99999999"); others are known to trip over words where numbers should be.
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

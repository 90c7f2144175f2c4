"""What leaves the ledger by itself at the end of a pass: old history, and customers that were deleted long ago.

It is bounded, and what is left over is done by the next pass. It counts in whole days, so that the first pass of a day
does all of it and the others find nothing to do.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.passes.rules import Rules

_log = logging.getLogger(__name__)

SECONDS = 5.0
"""So long it takes at most, give or take one portion, in which the lease is not renewed."""

_FORGOTTEN_AT_ONCE = 50
"""Customers that are forgotten between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Expired:
    """What has left the ledger.

    Attributes:
        customers: Ids of customers that were deleted in Polar, and are erased now.
        changes: Rows of the history.
        passes: Passes.
    """

    customers: int = 0
    changes: int = 0
    passes: int = 0


def expire(ledger: Ledger, rules: Rules, *, now: datetime, seconds: float = SECONDS) -> Expired:
    """Delete what is older than the rules allow; to be called by the pass that has the lease.

    Args:
        ledger: Where.
        rules: For how many days what is kept; 0 keeps it for ever.
        now: The time, UTC.
        seconds: After so long no further portion is begun.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    give_up = time.monotonic() + seconds
    customers = changes = passes = 0
    if rules.forget_deleted_days:
        before = _days_before(now, rules.forget_deleted_days)
        customers = _portions(lambda: len(ledger.expire_deleted(before, limit=_FORGOTTEN_AT_ONCE)), give_up)
    if rules.history_days:
        oldest = _days_before(now, rules.history_days)
        changes = _portions(lambda: ledger.expire_changes(oldest), give_up)
        passes = _portions(lambda: ledger.expire_passes(oldest), give_up)
    return Expired(customers, changes, passes)


def expire_quietly(ledger: Ledger, rules: Rules) -> None:
    """Delete what is older than the rules allow, at the end of a pass that has done its work: no error spoils that."""
    try:
        expired = expire(ledger, rules, now=datetime.now(UTC))
    except LedgerError as error:
        _log.warning("What is too old stays in the ledger until the next pass: %s", error)
        return
    if expired != Expired():
        _log.info(
            "Out of the ledger, because it is old enough: %d customers that were deleted in Polar, %d values of the "
            "history, %d passes.",
            expired.customers,
            expired.changes,
            expired.passes,
        )


def _days_before(now: datetime, days: int) -> datetime:
    return datetime.combine(now.astimezone(UTC).date(), datetime.min.time(), UTC) - timedelta(days=days)


def _portions(delete: Callable[[], int], give_up: float) -> int:
    deleted = 0
    while some := delete():
        deleted += some
        if time.monotonic() >= give_up:
            break
    return deleted

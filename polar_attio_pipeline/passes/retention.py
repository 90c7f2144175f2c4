"""What leaves the ledger by itself at the end of a pass: old history, and customers that were deleted long ago.

It is bounded, and what is left over is done by the next pass. It counts in whole days, so that the first pass of a day
does all of it and the others find nothing to do.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.passes.rules import Rules

_log = logging.getLogger(__name__)

MOST_PORTIONS = 100
"""Portions of 500 rows that one pass deletes of a table: half a second, in which others write between two of them."""

MOST_FORGOTTEN = 200
"""Customers that one pass forgets."""


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


def expire(ledger: Ledger, rules: Rules, *, now: datetime) -> Expired:
    """Delete what is older than the rules allow; to be called by the pass that has the lease.

    Args:
        ledger: Where.
        rules: For how many days what is kept; 0 keeps it for ever.
        now: The time, UTC.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    forgotten = changes = passes = 0
    if rules.forget_deleted_days:
        forgotten = len(ledger.expire_deleted(_days_before(now, rules.forget_deleted_days), limit=MOST_FORGOTTEN))
    if rules.history_days:
        oldest = _days_before(now, rules.history_days)
        changes = _portions(lambda: ledger.expire_changes(oldest))
        passes = _portions(lambda: ledger.expire_passes(oldest))
    return Expired(forgotten, changes, passes)


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
    return datetime.combine(now.astimezone(UTC).date(), time(), UTC) - timedelta(days=days)


def _portions(delete: Callable[[], int]) -> int:
    deleted = 0
    for _ in range(MOST_PORTIONS):
        some = delete()
        if not some:
            break
        deleted += some
    return deleted

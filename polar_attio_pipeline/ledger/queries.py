"""Questions to the outcomes on record."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from polar_attio_pipeline.ledger.outcomes import ROW, OutcomeRow
from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import OUTCOMES, SKIPPED
from polar_attio_pipeline.sync.audience import SKIPPED_DETAIL
from polar_attio_pipeline.sync.outcomes import FAILED, Reason, Result

_ID = OUTCOMES.c.polar_customer_id
_IS_UNRESOLVED = OUTCOMES.c.outcome.in_(sorted(result.value for result in FAILED))
_LONGEST_UNTRIED = (OUTCOMES.c.tried_at, _ID)

_ANY_UUID = "-".join("_" * length for length in (8, 4, 4, 4, 12))
"""Pattern of SQL's LIKE."""


def unresolved(connection: sa.Connection, *, limit: int | None) -> list[OutcomeRow]:
    """Return rejected and ambiguous customers."""
    query = sa.select(*ROW).where(_IS_UNRESOLVED).order_by(*_LONGEST_UNTRIED).limit(limit)
    return [OutcomeRow(*row) for row in connection.execute(query)]


def lasting(connection: sa.Connection, reasons: Collection[str], *, since: datetime) -> list[OutcomeRow]:
    """Return the customers that have failed for one of these reasons since before a moment, the longest first."""
    column = OUTCOMES.c.changed_at
    query = sa.select(*ROW).where(OUTCOMES.c.reason.in_(sorted(reasons)), column < since).order_by(column, _ID)
    return [OutcomeRow(*row) for row in connection.execute(query)]


def to_retry(connection: sa.Connection, *, limit: int) -> list[str]:
    """Return the ids of unresolved customers that Polar can be asked for, and of those that are left out no longer."""
    # Of a row that Polar could not show, the id is on record only where it was readable.
    has_id = sa.or_(OUTCOMES.c.reason.is_distinct_from(Reason.UNREADABLE.value), _ID.like(_ANY_UUID))
    is_due_again = sa.and_(OUTCOMES.c.detail == SKIPPED_DETAIL, _ID.not_in(sa.select(SKIPPED.c.polar_customer_id)))
    query = (
        sa.select(_ID)
        .where(sa.or_(sa.and_(_IS_UNRESOLVED, has_id), is_due_again))
        .order_by(*_LONGEST_UNTRIED)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def counts(connection: sa.Connection) -> dict[Result, int]:
    """Return how many customers have each outcome; every result has a number."""
    query = sa.select(OUTCOMES.c.outcome, sa.func.count()).group_by(OUTCOMES.c.outcome)
    found: dict[str, int] = dict(connection.execute(query).all())
    return {result: found.get(result.value, 0) for result in Result}


def of_customers(connection: sa.Connection, customer_ids: Collection[str]) -> dict[str, OutcomeRow]:
    """Return the newest outcome of those of some customers that have one, by Polar's id."""
    found: dict[str, OutcomeRow] = {}
    for ids in portions(customer_ids):
        rows = (OutcomeRow(*row) for row in connection.execute(sa.select(*ROW).where(_ID.in_(ids))))
        found.update((row.polar_customer_id, row) for row in rows)
    return found


def recorded(connection: sa.Connection, customer_ids: Collection[str]) -> set[str]:
    """Return those of some customers that have an outcome."""
    found: set[str] = set()
    for ids in portions(customer_ids):
        found.update(connection.execute(sa.select(_ID).where(_ID.in_(ids))).scalars())
    return found


def recorded_between(connection: sa.Connection, start: datetime, end: datetime) -> list[str]:
    """Return the customers with an outcome that were created in [start, end), the oldest first."""
    created_at = OUTCOMES.c.created_at
    query = sa.select(_ID).where(created_at >= start, created_at < end).order_by(created_at, _ID)
    return list(connection.execute(query).scalars())


def record_ids(connection: sa.Connection, customer_ids: Collection[str]) -> dict[str, str]:
    """Return the Attio record of some customers, where exactly one is on record."""
    column = OUTCOMES.c.attio_record_id
    found: dict[str, str] = {}
    for ids in portions(customer_ids):
        query = sa.select(_ID, column).where(_ID.in_(ids), column.is_not(None))
        found.update(connection.execute(query).all())
    return found


def refusals(connection: sa.Connection, customer_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return the fingerprint of what Attio refused of some customers, and what was said about it."""
    found: dict[str, tuple[str, str]] = {}
    for ids in portions(customer_ids):
        query = sa.select(_ID, OUTCOMES.c.fingerprint, OUTCOMES.c.detail).where(
            _ID.in_(ids), OUTCOMES.c.fingerprint.is_not(None)
        )
        found.update((one, (mark, detail or "")) for one, mark, detail in connection.execute(query))
    return found

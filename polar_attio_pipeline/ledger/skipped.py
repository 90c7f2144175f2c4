"""Customers that a person has chosen to leave out."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from polar_attio_pipeline.ledger.schema import OUTCOMES, SKIPPED
from polar_attio_pipeline.sync.audience import SKIPPED_DETAIL
from polar_attio_pipeline.sync.outcomes import Result


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A customer that is left out.

    Attributes:
        polar_customer_id: Polar's id.
        skipped_at: Since when, UTC.
        why: In the words of the person who chose it; None where nothing was said.
    """

    polar_customer_id: str
    skipped_at: datetime
    why: str | None


SKIPPED_BY = "polar-attio skip"
"""Stands in place of the pass in the outcome of a customer that was left out before a pass came to it."""

_ROW = tuple(SKIPPED.c[field.name] for field in fields(SkippedRow))


def ids(connection: sa.Connection) -> frozenset[str]:
    """Return the ids of all customers that are left out."""
    return frozenset(connection.execute(sa.select(SKIPPED.c.polar_customer_id)).scalars())


def rows(connection: sa.Connection) -> list[SkippedRow]:
    """Return all customers that are left out, the first one first."""
    query = sa.select(*_ROW).order_by(SKIPPED.c.skipped_at, SKIPPED.c.polar_customer_id)
    return [SkippedRow(*row) for row in connection.execute(query)]


def skip(connection: sa.Connection, customer_id: str, *, why: str | None, now: datetime) -> None:
    """Leave a customer out from now on; a customer that is left out already keeps its time and gets the new reason.

    Its outcome becomes "excluded" at once, in the words that a pass would use, so that no pass has to come first and
    none finds a difference.
    """
    known = sa.select(SKIPPED.c.skipped_at).where(SKIPPED.c.polar_customer_id == customer_id)
    since = connection.execute(known).scalar_one_or_none()
    connection.execute(sa.delete(SKIPPED).where(SKIPPED.c.polar_customer_id == customer_id))
    values = {"polar_customer_id": customer_id, "skipped_at": since or now, "why": why}
    connection.execute(sa.insert(SKIPPED).values(values))
    said = {"outcome": Result.EXCLUDED.value, "detail": SKIPPED_DETAIL, "reason": None, "fingerprint": None}
    stamp = {"pass_id": SKIPPED_BY, "changed_at": now, "tried_at": now}
    connection.execute(
        sa.update(OUTCOMES)
        .where(OUTCOMES.c.polar_customer_id == customer_id, OUTCOMES.c.detail.is_distinct_from(SKIPPED_DETAIL))
        .values(**said, **stamp, email=None)
    )


def unskip(connection: sa.Connection, customer_id: str) -> bool:
    """Leave a customer out no longer; return whether it was left out."""
    return connection.execute(sa.delete(SKIPPED).where(SKIPPED.c.polar_customer_id == customer_id)).rowcount == 1


def without_reason(customer_ids: Sequence[str]) -> sa.Update:
    """Return what drops the reasons of customers, which may name a person; the customers stay left out."""
    chosen = SKIPPED.c.polar_customer_id.in_(customer_ids), SKIPPED.c.why.is_not(None)
    return sa.update(SKIPPED).where(*chosen).values(why=None)

"""Rows of Polar that do not parse, as outcomes."""

from collections.abc import Iterable
from datetime import datetime

from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.sync.outcomes import Outcome, unreadable


def outcomes_of(rows: Iterable[BadRow], *, otherwise: datetime | None = None) -> list[Outcome]:
    """Return the outcomes of rows that do not parse; `otherwise` is when those count as created that do not say it."""
    return [
        unreadable(row.id or row.key, field=row.field, message=row.message, created_at=row.created_at or otherwise)
        for row in rows
    ]

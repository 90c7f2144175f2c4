"""What leaves the ledger by itself after a time: old history, and the passes that wrote it."""

from datetime import datetime

import sqlalchemy as sa

from polar_attio_pipeline.ledger.schema import CHANGES, PASSES
from polar_attio_pipeline.sync.writes import COMPANY_KEY

_OLD_ID = CHANGES.c.id


def old_changes(connection: sa.Connection, before: datetime, *, limit: int) -> list[int]:
    """Return the oldest rows of the history of before a moment.

    Links of people to companies stay: they say which links passes have made, which later passes have to know, and hold
    ids only.
    """
    query = sa.select(_OLD_ID).where(CHANGES.c.written_at < before, CHANGES.c.attribute != COMPANY_KEY)
    return list(connection.execute(query.order_by(CHANGES.c.written_at, _OLD_ID).limit(limit)).scalars())


def drop_changes(connection: sa.Connection, rows: list[int]) -> None:
    """Delete rows of the history."""
    connection.execute(sa.delete(CHANGES).where(_OLD_ID.in_(rows)))


def old_passes(connection: sa.Connection, before: datetime, *, limit: int) -> list[str]:
    """Return passes that began before a moment, the first one first."""
    query = sa.select(PASSES.c.pass_id).where(PASSES.c.began_at < before).order_by(PASSES.c.began_at)
    return list(connection.execute(query.limit(limit)).scalars())


def drop_passes(connection: sa.Connection, pass_ids: list[str]) -> None:
    """Delete passes."""
    connection.execute(sa.delete(PASSES).where(PASSES.c.pass_id.in_(pass_ids)))

"""A ledger copied into another database: from SQLite to Postgres, or the other way."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.engine import exists
from polar_attio_pipeline.ledger.errors import LedgerError
from polar_attio_pipeline.ledger.location import Location, locate
from polar_attio_pipeline.ledger.schema import (
    CHANGES,
    CONFIRMATIONS,
    DELETED_CUSTOMERS,
    FACTS,
    INTENTS,
    OUTCOMES,
    PASSES,
    SKIPPED,
)

_KEPT = (OUTCOMES, CHANGES, INTENTS, SKIPPED, DELETED_CUSTOMERS, PASSES, CONFIRMATIONS)
"""What makes a ledger one that has been used. What runs have read of Polar is read again, and is not copied."""

_ROWS = 1000
"""Rows that are in memory at once."""


class CopyStoppedError(Exception):
    """The copying was asked to end, and nothing is copied."""


def places(source: str, target: str) -> tuple[Location, Location]:
    """Return where a ledger is copied from, and where to.

    Args:
        source: The path or URL of the ledger to read.
        target: Of the one to fill.

    Raises:
        LedgerError: one of them is neither a path nor a URL; the source is not there; or they are the same.
    """
    there, here = locate(source), locate(target)
    if there.url == here.url:
        raise LedgerError(f"The ledger {there.name} cannot be copied into itself: name another one.")
    if there.file and not exists(there.file, name=there.name):
        raise LedgerError(f"There is no ledger {there.name}: name the file, or the URL, of the one to be copied.")
    return there, here


def copy_ledger(
    source: Location, target: Location, *, patience: float, is_stopping: Callable[[], bool]
) -> Mapping[str, int]:
    """Copy what a ledger has on record into one that has nothing yet: all of it or, after an error, nothing.

    The caller has the lease of the source, so that no pass writes there meanwhile. A pass of the target waits.

    Args:
        source: The ledger to read.
        target: The one to fill. Its tables are created where they are missing.
        patience: How many seconds to wait for others.
        is_stopping: Asked now and then whether to end.

    Returns:
        How many rows of each table were copied.

    Raises:
        CopyStoppedError: it was asked to end.
        LedgerError: one of them cannot be used, or the target is in use already.
    """
    with Database(source, patience=patience).reading() as old, Database(target, patience=patience).writing() as new:
        used = next((table.name for table in _KEPT if new.execute(sa.select(table).limit(1)).first()), None)
        if used:
            raise LedgerError(
                f"The ledger {target.name} has rows of its own (in {used}), and nothing is mixed with them: name a new "
                "database in POLAR_ATTIO_DATABASE_URL."
            )
        # A code location that was loaded has left facts, such as the day it began.
        new.execute(sa.delete(FACTS))
        copied = {table.name: _copy(old, new, table, is_stopping) for table in (*_KEPT, FACTS)}
        _number_on(new)
    return copied


def _copy(old: sa.Connection, new: sa.Connection, table: sa.Table, is_stopping: Callable[[], bool]) -> int:
    count = 0
    rows = old.execution_options(yield_per=_ROWS).execute(sa.select(table)).mappings()
    for portion in rows.partitions():
        if is_stopping():
            raise CopyStoppedError
        new.execute(sa.insert(table), [dict(row) for row in portion])
        count += len(portion)
    return count


def _number_on(connection: sa.Connection) -> None:
    """Let Postgres number the next row of the history after the last one, as SQLite does by itself."""
    if connection.dialect.name == "postgresql":
        last = sa.select(sa.func.max(CHANGES.c.id)).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(CHANGES.name, CHANGES.c.id.name)
        connection.execute(sa.select(sa.func.setval(sequence, last)))

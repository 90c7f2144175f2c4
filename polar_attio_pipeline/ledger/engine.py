"""The engine, and all that differs between SQLite and Postgres: how a transaction begins and how writers queue.

Every transaction has a connection of its own. Opening one costs about a millisecond on SQLite and ten on Postgres, and
in return a ledger's file may be moved away while a daemon runs, a process may fork, and no connection grows stale.
"""

import math
import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from polar_attio_pipeline.ledger.errors import LedgerError
from polar_attio_pipeline.ledger.location import Location
from polar_attio_pipeline.ledger.sqlite_errors import unshared

WRITES = "ledger_writes"
"""Execution option of a connection whose transactions write: they queue, one at a time."""

_WRITERS = 7_305_810_924_331
"""Key of the advisory lock in Postgres that writers queue for; any number that no other program uses."""

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700

_SILENT_SECONDS = 30
"""After so long without a sign of life from Postgres' machine, the connection is dead and a transaction fails."""


def create_engine(place: Location, *, patience: float) -> sa.Engine:
    """Return an engine; nothing is opened yet.

    Args:
        place: The ledger.
        patience: How many seconds a transaction waits for others.

    Raises:
        LedgerError: Postgres' driver is not installed.
    """
    return _sqlite(place, patience) if place.file else _postgres(place, patience)


def empty_engine() -> sa.Engine:
    """Return an engine on a database in memory that holds nothing."""
    return sa.create_engine("sqlite://", poolclass=NullPool, hide_parameters=True)


def exists(file: Path, *, name: str) -> bool:
    """Tell whether the file is there.

    Args:
        file: The SQLite file.
        name: Of the ledger, for the sentence.

    Raises:
        LedgerError: this user may not look into its folder, or the system takes no such name.
    """
    try:
        return file.exists()
    except OSError as error:
        raise LedgerError(
            f"The ledger {name} cannot be looked for ({type(error).__name__}: {error.strerror}): give this user the "
            "right to enter its folder, or name another file in POLAR_ATTIO_DATABASE_URL."
        ) from error


def prepare(file: Path, *, name: str) -> None:
    """Make the file and its folders where they are missing, private to this user whatever the umask says.

    SQLite gives the files beside it, -wal and -shm, the same permissions.

    Args:
        file: The SQLite file.
        name: Of the ledger, for the sentence.

    Raises:
        LedgerError: that is not possible.
    """
    if exists(file, name=name):
        return
    try:
        for folder in (*reversed(file.parent.parents), file.parent):
            if not folder.exists():
                folder.mkdir(_PRIVATE_FOLDER, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, _PRIVATE_FILE))
    except OSError as error:
        raise LedgerError(
            f"The ledger {name} cannot be made ({type(error).__name__}): name a file in a folder that this user may "
            "write to in POLAR_ATTIO_DATABASE_URL."
        ) from error


def vacuum(engine: sa.Engine) -> bool:
    """Rewrite a SQLite file, and empty the -wal file beside it.

    Returns:
        Whether the -wal file still holds old pages, because another connection reads from it.
    """
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        ((is_busy, _, _),) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    return bool(is_busy)


def _sqlite(place: Location, patience: float) -> sa.Engine:
    engine = sa.create_engine(place.url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": patience})
    event.listen(engine, "connect", partial(_set_up_sqlite, place))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(place: Location, connection: sqlite3.Connection, _: Any) -> None:
    # The driver would begin transactions by itself, and later than at their first statement.
    connection.isolation_level = None
    # What is deleted or replaced is overwritten: names and addresses do not stay in the file's free space.
    connection.execute("PRAGMA secure_delete = ON")
    ((mode,),) = connection.execute("PRAGMA journal_mode")
    if mode != "wal":
        # Readers and one writer at the same time. The mode is a property of the file: this happens once.
        ((mode,),) = connection.execute("PRAGMA journal_mode = wal")
    if mode != "wal":
        # SQLite says so, and goes on in the old mode, where a file system has no shared memory.
        raise LedgerError(unshared(place))


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later would fail, instead of waiting, when another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _postgres(place: Location, patience: float) -> sa.Engine:
    bounds = {
        # Else the driver encodes as the database does, and a name may fail before the server can say why.
        "client_encoding": "utf8",
        # A pooler such as PgBouncer hands one connection of the server's to many clients, and the names of statements
        # that they have prepared would collide there.
        "prepare_threshold": None,
        "connect_timeout": max(2, math.ceil(patience)),
        "keepalives_idle": _SILENT_SECONDS // 2,
        "keepalives_interval": _SILENT_SECONDS // 6,
        "keepalives_count": 3,
        "tcp_user_timeout": _SILENT_SECONDS * 1000,
    }
    try:
        engine = sa.create_engine(
            place.url,
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            connect_args={name: value for name, value in bounds.items() if name not in place.url.query},
        )
    except ImportError as error:
        raise LedgerError(
            f"The ledger {place.name} needs Postgres' driver, which is not installed: pip install "
            "'polar-attio-pipeline[postgres]'."
        ) from error
    milliseconds = math.ceil(patience * 1000)

    def begin(connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.set_config("lock_timeout", f"{milliseconds}ms", True)))
        if _writes(connection):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS)))

    event.listen(engine, "begin", begin)
    return engine


def _writes(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get(WRITES))

"""Turns what a database driver raises into one sentence for a person."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError

from polar_attio_pipeline.ledger.errors import LedgerError
from polar_attio_pipeline.ledger.location import Location

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_PRIMARY = 0xFF
"""SQLite's extended result codes hold the primary one in their lowest byte (https://sqlite.org/rescode.html)."""

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_PG_LOCKED = "55P03"
_PG_FULL = "53100"
_PG_FORBIDDEN = frozenset({"25006", "42501"})

_DUCKDB_MARK = slice(8, 12), b"DUCK"
"""Where a DuckDB file says what it is (https://duckdb.org/docs/stable/internals/storage)."""

_NEW_ONE = "move the file away and launch full_reconciliation, which fills a new one"


def is_locked(error: BaseException) -> bool:
    """Tell whether another connection's transaction was in the way, so that another try may succeed."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in _BUSY
    return _sqlstate(cause) == _PG_LOCKED


@contextmanager
def explaining(place: Location, *, patience: float) -> Iterator[None]:
    """Let what fails below fail with a sentence; a statement that is wrong in itself fails as it is.

    Args:
        place: The ledger, for the sentence.
        patience: How many seconds were waited for other writers.

    Raises:
        LedgerError: the ledger cannot be used.
    """
    try:
        yield
    except DBAPIError as error:
        sentence = _of_sqlite(place, error.orig) if place.file else _of_postgres(place, error)
        if is_locked(error):
            sentence = (
                f"The ledger {place.name} was locked by another program for {patience:g} seconds: close the "
                "transaction that it has open (in a database shell or a notebook), then run this again."
            )
        if sentence is None:
            raise
        raise LedgerError(sentence) from error


def _of_sqlite(place: Location, error: BaseException | None) -> str | None:
    if not isinstance(error, sqlite3.Error):
        return None
    code = _sqlite_code(error)
    if code in _DAMAGED:
        return _of_damage(place)
    if code in _FORBIDDEN:
        return (
            f"The ledger {place.name} cannot be opened for writing: give this user the right to write to the file and "
            "to its folder, or name another file in POLAR_ATTIO_DATABASE_URL."
        )
    if code == sqlite3.SQLITE_FULL:
        return f"The disk of the ledger {place.name} is full: free some space, then run this again."
    if code == sqlite3.SQLITE_IOERR:
        return (
            f"The ledger {place.name} could not be read or written ({error.sqlite_errorname}): free disk space if "
            "there is none, check the disk, then run this again."
        )
    return None


def _of_damage(place: Location) -> str:
    where, mark = _DUCKDB_MARK
    assert place.file is not None, "only SQLite's errors come here"
    with place.file.open("rb") as file:
        head = file.read(where.stop)
    if head[where] == mark:
        return (
            f"The ledger {place.name} is a DuckDB file of an earlier version, which this one does not read: {_NEW_ONE}."
        )
    return f"The ledger {place.name} is damaged, or no SQLite database: restore its newest backup, or {_NEW_ONE}."


def _of_postgres(place: Location, error: DBAPIError) -> str | None:
    state = _sqlstate(error.orig)
    if state in _PG_FORBIDDEN:
        return (
            f"The ledger {place.name} cannot be written: give its user the right to create tables and to write, and "
            "name a primary server in POLAR_ATTIO_DATABASE_URL, not a standby."
        )
    if state == _PG_FULL:
        return f"The disk of the ledger {place.name} is full: free some space on that server, then run this again."
    if isinstance(error, OperationalError):
        return (
            f"The ledger {place.name} cannot be reached: see that the server runs, has that database and accepts the "
            f"user of POLAR_ATTIO_DATABASE_URL; the driver says: {_words(place, error.orig)}"
        )
    return None


def _words(place: Location, error: BaseException | None) -> str:
    """Return the first line of a driver's message without the password, should it repeat that."""
    first = next(iter(str(error).strip().splitlines()), "nothing")
    for secret in (place.url.password, *place.url.normalized_query.get("password", ())):
        first = first.replace(secret, "***") if secret else first
    return first


def _sqlite_code(error: sqlite3.Error) -> int | None:
    # Errors of the driver itself, such as a value of a wrong type, have no code.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code & _PRIMARY if code is not None else None


def _sqlstate(error: BaseException | None) -> str | None:
    state: str | None = getattr(error, "sqlstate", None)
    return state

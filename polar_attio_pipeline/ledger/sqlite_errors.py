"""What SQLite raises, in one sentence for a person: what is wrong, where, what to do."""

import sqlite3

from polar_attio_pipeline.ledger.location import Location

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FORBIDDEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})

_PRIMARY = 0xFF
"""SQLite's extended result codes hold the primary one in their lowest byte (https://sqlite.org/rescode.html)."""

_UNSHARED = frozenset(
    {
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_UNLOCK,
        sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    }
)
"""Locks and shared memory, which network file systems lack (https://sqlite.org/wal.html: "WAL does not work over a
network filesystem")."""

_DUCKDB_MARK = slice(8, 12), b"DUCK"
"""Where a DuckDB file says what it is (https://duckdb.org/docs/stable/internals/storage)."""

_NEW_ONE = "move the file away and launch full_reconciliation, or run `polar-attio sync`, which fills a new one"


def code_of(error: sqlite3.Error) -> int | None:
    """Return the primary result code; None for an error of the driver itself, such as a value of a wrong type."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code & _PRIMARY if code is not None else None


def sentence(place: Location, error: sqlite3.Error) -> str | None:
    """Return what is wrong with a ledger; None if the statement is wrong in itself."""
    code = code_of(error)
    if code in DAMAGED:
        return _of_damage(place)
    if code in _FORBIDDEN:
        return (
            f"The ledger {place.name} cannot be opened for writing: give this user the right to write to the file, to "
            "the -wal and -shm files beside it and to their folder, or name another file in POLAR_ATTIO_DATABASE_URL."
        )
    if code == sqlite3.SQLITE_FULL:
        return f"The disk of the ledger {place.name} is full: free some space, then run this again."
    if getattr(error, "sqlite_errorcode", None) in _UNSHARED:
        return unshared(place)
    if code == sqlite3.SQLITE_IOERR:
        return (
            f"The ledger {place.name} could not be read or written ({error.sqlite_errorname}): free disk space if "
            "there is none, check the disk, then run this again."
        )
    return None


def unshared(place: Location) -> str:
    """Return what is wrong where several processes cannot share a file."""
    return (
        f"The ledger {place.name} lies on a file system that lacks the locks or the shared memory that SQLite needs, "
        "such as a network drive: name a file on a local disk, or a Postgres database, in POLAR_ATTIO_DATABASE_URL."
    )


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

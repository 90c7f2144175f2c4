"""Copies of a ledger in SQLite: made while passes write, checked before they count, and put back as one transaction."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from polar_attio_pipeline.ledger.contents import Contents, contents_of, newer_than, tables_of
from polar_attio_pipeline.ledger.errors import DamagedError, LedgerError, NoLedgerError
from polar_attio_pipeline.ledger.explain import explaining
from polar_attio_pipeline.ledger.location import Location
from polar_attio_pipeline.ledger.sqlite_errors import DAMAGED, code_of

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite may have beside a file, and takes for a part of it."""

PART = ".part"
"""How the name of a copy ends that is not finished, or never will be."""

_FOLDER = 0o700


def examine(file: Path, *, name: str) -> Contents:
    """Read a ledger's file through, and say what it holds. Nothing is written to it.

    Args:
        file: The file.
        name: Of it, as a sentence begins with it.

    Raises:
        DamagedError: SQLite cannot read it, or finds it damaged.
        NoLedgerError: there is no such file, or it is of another program.
        NewerError: it is of a newer version.
        LedgerError: this user may not read it.
    """
    with _reading(file, name=name) as connection:
        return contents_of(connection, name=name)


def only_in(file: Path, contents: Contents, *, name: str) -> tuple[int, int]:
    """Return how many passes, and how many written values, a ledger has that are newer than all that a backup has.

    Args:
        file: Of the ledger.
        contents: Of the backup.
        name: As for `examine`.

    Raises:
        LedgerError: as `examine`.
    """
    with _reading(file, name=name) as connection:
        return newer_than(connection, contents)


@contextmanager
def _reading(file: Path, *, name: str) -> Iterator[sqlite3.Connection]:
    if file.is_dir():
        raise NoLedgerError(f"{name} is a folder: name a file in it.")
    if not file.is_file():
        raise NoLedgerError(f"{name} is not there: no such file.")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        if code_of(error) in DAMAGED:
            raise DamagedError(f"{name} is damaged, or no SQLite database.") from error
        raise LedgerError(f"{name} cannot be read ({error}): give this user the right to read it.") from error


def copy(place: Location, target: Path, *, patience: float) -> Contents:
    """Copy a ledger as it is at this moment into a file that only its user can read, and check the copy.

    Writers go on: SQLite's backup reads one state of the file. The target appears at once and whole, in place of what
    was there, or not at all.

    Args:
        place: The ledger, a SQLite file.
        target: Where the copy will be; folders that are missing are made.
        patience: How many seconds to wait where the file is locked.

    Returns:
        What the copy holds.

    Raises:
        NoLedgerError: there is no ledger yet, or the file is of another program.
        DamagedError: the ledger is damaged, so there is no copy.
        LedgerError: the ledger cannot be used, or the copy not be written.
    """
    file = _existing(place)
    with private_file(target) as part:
        with explaining(place, patience=patience), closing(_open(file, patience)) as source:
            # The first read fixes what is copied; from here on no lock can be in the way.
            source.execute("BEGIN")
            if not tables_of(source):
                raise NoLedgerError(f"The ledger {place.name} has no tables yet: there is nothing to copy.")
            with closing(_open(part, patience)) as into:
                _transfer(source, into, to=target, patience=patience)
                # One file, without others beside it.
                into.execute("PRAGMA journal_mode = DELETE")
        found = examine(part, name=f"The ledger {place.name}, as it was copied,")
        finish(part, target)
    return found


def overwrite(fresh: Path, place: Location, *, patience: float) -> None:
    """Put the content of a file in place of a ledger's, as one transaction: readers see the old one or the new one.

    Args:
        fresh: The file; nothing else has it open.
        place: The ledger, a SQLite file that can be read.
        patience: How many seconds to wait for writers.

    Raises:
        LedgerError: the ledger cannot be used; it is as before.
    """
    file = _existing(place)
    with (
        explaining(place, patience=patience),
        closing(_open(fresh, patience)) as source,
        closing(_open(file, patience)) as into,
    ):
        _transfer(source, into, to=file, patience=patience)
        into.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def move_aside(file: Path, kept: Path) -> None:
    """Rename a file that cannot be opened, and what SQLite has beside it.

    Raises:
        LedgerError: this user may not.
    """
    try:
        for end in ("", *BESIDE):
            beside = file.with_name(file.name + end)
            if beside.exists():
                beside.replace(kept.with_name(kept.name + end))
    except OSError as error:
        raise LedgerError(f"{file} cannot be renamed to {kept} ({error.strerror}).") from error


@contextmanager
def private_file(target: Path) -> Iterator[Path]:
    """Make an empty file beside another one, for this user only; it is gone afterwards, unless it was renamed.

    Raises:
        LedgerError: this user may not write there.
    """
    try:
        target.parent.mkdir(_FOLDER, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=PART)
    except OSError as error:
        raise LedgerError(f"{target} cannot be written ({error.strerror}): name a file in another folder.") from error
    os.close(descriptor)
    part = Path(name)
    try:
        yield part
    finally:
        for end in ("", *BESIDE):
            part.with_name(part.name + end).unlink(missing_ok=True)


def finish(part: Path, target: Path) -> None:
    """Have a file on the disk, and then under its name.

    Raises:
        LedgerError: this user may not.
    """
    try:
        _flush(part)
        part.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise LedgerError(f"{target} cannot be written ({error.strerror}).") from error


def _existing(place: Location) -> Path:
    assert place.file is not None, "only SQLite's files come here"
    if not place.file.is_file():
        raise NoLedgerError(f"There is no ledger {place.name} yet: the first pass makes it.")
    return place.file


def _open(file: Path, patience: float) -> sqlite3.Connection:
    mode = "rw" if os.access(file, os.W_OK) else "ro"
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=patience, isolation_level=None)


def _transfer(source: sqlite3.Connection, into: sqlite3.Connection, *, to: Path, patience: float) -> None:
    try:
        source.backup(into, progress=_until(time.monotonic() + patience))
    except sqlite3.OperationalError as error:
        if code_of(error) == sqlite3.SQLITE_FULL:
            raise LedgerError(f"The disk of {to} is full: free some space, then run this again.") from error
        raise


def _until(give_up: float) -> Callable[[int, int, int], None]:
    """Return what ends a copy that another program's lock keeps waiting: Python's would wait without end."""

    def check(status: int, _: int, __: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() >= give_up:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = status
            raise error

    return check


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""What a ledger's file holds, found out without the code that passes use: of any version that this one knows."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from polar_attio_pipeline.ledger.errors import DamagedError, NewerError, NoLedgerError
from polar_attio_pipeline.ledger.schema import HEAD, REVISIONS, VERSION_TABLE


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ledger's file holds.

    Attributes:
        revision: The version of its schema.
        customers: How many customers have an outcome.
        passes: How many passes are on record.
        values: How many written values the history has.
        newest_pass: When the newest pass began; None where there is none.
        newest_value: When the newest value of the history was written; None where there is none.
        facts: What the installation keeps about itself, by name.
    """

    revision: str
    customers: int
    passes: int
    values: int
    newest_pass: datetime | None
    newest_value: datetime | None
    facts: Mapping[str, str] = field(repr=False, default_factory=dict)


def contents_of(connection: sqlite3.Connection, *, name: str) -> Contents:
    """Check a database as a whole, and count what it holds.

    Args:
        connection: To a SQLite file.
        name: Of it, as a sentence begins with it.

    Raises:
        DamagedError: it is damaged, or empty.
        NoLedgerError: it is of another program.
        NewerError: it is of a newer version.
        sqlite3.Error: it cannot be read.
    """
    verdict = _one(connection, "PRAGMA integrity_check(1)")
    if verdict != "ok":
        # The first line names the database only.
        raise DamagedError(f"{name} is damaged ({verdict.splitlines()[-1]}): restore the newest backup that is whole.")
    tables = tables_of(connection)
    if not tables:
        raise DamagedError(f"{name} is empty: it has no tables.")
    if not {VERSION_TABLE, "outcomes", "passes", "facts"} <= tables:
        raise NoLedgerError(f"{name} is no ledger of polar-attio-pipeline.")
    revision = str(_one(connection, f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  # a constant
    if revision not in REVISIONS:
        raise NewerError(
            f"{name} was written by a newer version of polar-attio-pipeline (its schema is {revision}, this version "
            f"knows {HEAD}): update this installation."
        )
    has_history = "changes" in tables
    return Contents(
        revision=revision,
        customers=_one(connection, "SELECT count(*) FROM outcomes"),
        passes=_one(connection, "SELECT count(*) FROM passes"),
        values=_one(connection, "SELECT count(*) FROM changes") if has_history else 0,
        newest_pass=_moment(_one(connection, "SELECT max(began_at) FROM passes")),
        newest_value=_moment(_one(connection, "SELECT max(written_at) FROM changes")) if has_history else None,
        facts=dict(connection.execute("SELECT name, value FROM facts")),
    )


def newer_than(connection: sqlite3.Connection, contents: Contents) -> tuple[int, int]:
    """Return how many passes, and how many written values, a ledger has that are newer than all that another one has.

    Args:
        connection: To the ledger, which `contents_of` can read.
        contents: Of the other one.
    """
    passes = "SELECT count(*) FROM passes WHERE began_at > ?"
    values = "SELECT count(*) FROM changes WHERE written_at > ?"
    has_history = "changes" in tables_of(connection)
    return (
        _one(connection, passes, _stored(contents.newest_pass)),
        _one(connection, values, _stored(contents.newest_value)) if has_history else 0,
    )


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables of a database."""
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _one(connection: sqlite3.Connection, query: str, *values: str) -> Any:
    ((value,),) = connection.execute(query, values).fetchall()
    return value


def _moment(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _stored(moment: datetime | None) -> str:
    """Return a moment as SQLAlchemy stores it, whose order is that of time; the first of all for none."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}" if moment else ""

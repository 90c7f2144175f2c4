"""Where the ledger is: a SQLite file or a Postgres database, and how messages name it without its password."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from polar_attio_pipeline.ledger.errors import LedgerError

_SQLITE = "sqlite"
_POSTGRES = frozenset({"postgres", "postgresql"})

_MISTYPED_URL = re.compile(r"\s*[A-Za-z][\w+]+:|.*:.*@", re.DOTALL)
"""What begins like a URL, or has a password where a URL has it: taken for a path, it would be shown."""

_UNPARSED = (
    "POLAR_ATTIO_DATABASE_URL does not parse: give it the path of a file, or a URL such as "
    "postgresql://user:password@host:5432/database, with special characters of the password percent-encoded."
)


@dataclass(frozen=True, slots=True)
class Location:
    """Where the ledger is.

    Attributes:
        url: For SQLAlchemy; it may hold a password.
        name: For messages: the file, or the server and its database; no user, no password.
        file: The SQLite file; None for Postgres.
    """

    url: sa.URL = field(repr=False)
    name: str
    file: Path | None


def locate(given: str | Path) -> Location:
    """Return where the ledger is.

    Args:
        given: A path, or the URL of a SQLite file or of a Postgres database.

    Raises:
        LedgerError: it is neither of them. The text does not repeat it, because it may hold a password.
    """
    if isinstance(given, Path):
        return _in_file(given, {})
    if "://" not in given:
        if _MISTYPED_URL.match(given):
            raise LedgerError(_UNPARSED)
        return _in_file(Path(given), {})
    try:
        url = sa.make_url(given)
    except (ArgumentError, ValueError):
        raise LedgerError(_UNPARSED) from None
    backend = url.get_backend_name()
    if backend in _POSTGRES and "@" in f"{url.host}{url.database}":
        # What stands before it is a part of the password, or all of it: there was an @ or a / in it, or in the user.
        raise LedgerError(_UNPARSED)
    if backend == _SQLITE and url.database and not url.database.startswith((":memory:", "file:")):
        return _in_file(Path(url.database), url.query)
    if backend in _POSTGRES and url.database:
        return _on_server(url)
    raise LedgerError(
        "POLAR_ATTIO_DATABASE_URL names no SQLite file and no Postgres database: give it the path of a file, or a URL "
        "such as postgresql://user:password@host:5432/database."
    )


def is_server(given: str) -> bool:
    """Tell whether a setting names a server, so that it may hold a password."""
    return "://" in given and not given.startswith(_SQLITE)


def _in_file(path: Path, query: Mapping[str, Sequence[str] | str]) -> Location:
    try:
        file = path.expanduser()
    except RuntimeError:
        raise LedgerError(
            f"POLAR_ATTIO_DATABASE_URL names {path}, and this machine knows no such home folder: give the whole path."
        ) from None
    return Location(sa.URL.create(_SQLITE, database=str(file), query=query), str(path), file)


def _on_server(url: sa.URL) -> Location:
    # Whatever driver the URL names, such as the one that Dagster's storage needs: the ledger has one of its own.
    url = url.set(drivername="postgresql+psycopg")
    server = f"{url.host or 'localhost'}:{url.port or 5432}"
    return Location(url, f"postgresql://{server}/{url.database}", None)

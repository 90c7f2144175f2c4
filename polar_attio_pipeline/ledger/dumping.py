"""What saves and restores a ledger in Postgres: Postgres' own programs, with everything but the password."""

import shlex
from pathlib import Path

from polar_attio_pipeline.ledger.location import Location
from polar_attio_pipeline.ledger.schema import METADATA, VERSION_TABLE

_SECRET = ("password", "passfile", "sslpassword")
"""Parameters of a URL that libpq takes a secret from (https://www.postgresql.org/docs/current/libpq-connect.html)."""


def dump_command(place: Location, target: Path) -> str:
    """Return the command that copies a ledger in Postgres into a file: its own tables, and none of Dagster's.

    Args:
        place: The ledger.
        target: The file.
    """
    tables = [f"--table={name}" for name in sorted({*METADATA.tables, VERSION_TABLE})]
    return shlex.join(["pg_dump", "--format=custom", *tables, f"--file={target}", _address(place)])


def restore_command(place: Location, source: Path) -> str:
    """Return the command that puts such a file back, in one transaction.

    Args:
        place: The ledger.
        source: The file.
    """
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction"]
    return shlex.join(["pg_restore", *options, f"--dbname={_address(place)}", str(source)])


def _address(place: Location) -> str:
    url = place.url.set(drivername="postgresql").difference_update_query(_SECRET)
    # SQLAlchemy's `set` takes None for "as it is".
    return url._replace(password=None).render_as_string(hide_password=False)

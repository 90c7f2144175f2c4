"""`polar-attio backup`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.wrapping import counted, say
from polar_attio_pipeline.ledger.backup import copy
from polar_attio_pipeline.ledger.contents import Contents
from polar_attio_pipeline.ledger.dumping import dump_command
from polar_attio_pipeline.ledger.ledger import PATIENCE
from polar_attio_pipeline.ledger.location import Location, locate
from polar_attio_pipeline.ledger.rotation import dated, drop_old
from polar_attio_pipeline.settings import Settings

ELSEWHERE = 2
"""The exit code where another program has to do it: the ledger is in Postgres."""

_POSTGRES_NAME = Path("polar_attio.dump")


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A file; or a folder, for a file in it with the time in its name.")
    ],
    keep: Annotated[
        int | None,
        typer.Option(
            "--keep",
            metavar="N",
            min=1,
            help="TARGET is a folder, of this ledger alone: keep the newest N backups in it.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Copy the ledger into a file, while passes go on, and check the copy.

    The file appears whole or not at all, and only you can read it: it
    holds names and addresses. For cron or a systemd timer, with one file a
    day of which the newest 14 stay:

    polar-attio backup /var/backups/polar-attio --keep 14

    What was made goes to standard output, errors to standard error. A
    ledger in Postgres is saved by pg_dump: the command is printed, without
    the password.

    Exits with 0 when the backup is there, 1 when it failed, and 2 when
    nothing was copied because the ledger is in Postgres.
    """
    with explained_errors():
        place = locate(Settings().polar_attio_database_url.get_secret_value())
        into_folder = bool(keep) or target.is_dir()
        if place.file is None:
            _leave_to_postgres(place, target, into_folder=into_folder, as_json=as_json)
        now = datetime.now(UTC)
        file = dated(target, place.file, now) if into_folder else target
        _check(file, place.file, force=force)
        found = copy(place, file, patience=PATIENCE)
        dropped = drop_old(target, place.file, keep=keep) if keep else []
    if as_json:
        document = {
            "file": str(file),
            "bytes": file.stat().st_size,
            **as_document(found),
            "deleted": [str(one) for one in dropped],
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    say(f"{file}: {in_words(found)}, checked.")
    if dropped:
        say(f"Deleted {len(dropped)} older: {', '.join(one.name for one in dropped)}.")


def in_words(found: Contents) -> str:
    """Return what a ledger's file holds, as a part of a sentence."""
    newest = f"{found.newest_pass:%Y-%m-%d %H:%M} UTC" if found.newest_pass else "none"
    customers = counted(found.customers, "customer", "customers")
    values = counted(found.values, "written value", "written values")
    passes = counted(found.passes, "pass", "passes")
    return f"{customers}, {values}, {passes} (the newest: {newest}), schema {found.revision}"


def as_document(found: Contents) -> dict[str, object]:
    """Return what a ledger's file holds, for `--json`."""
    return {
        "schema": found.revision,
        "customers": found.customers,
        "values": found.values,
        "passes": found.passes,
        "newest_pass": found.newest_pass.isoformat() if found.newest_pass else None,
    }


def _check(file: Path, ledger: Path, *, force: bool) -> None:
    if file.is_dir():
        fail(f"{file} is a folder: name a file.")
    if not file.exists():
        return
    if ledger.exists() and file.samefile(ledger):
        fail(f"{file} is the ledger itself: name another file.")
    if not force:
        fail(f"{file} exists: name another file, or add --force to write over it.")


def _leave_to_postgres(place: Location, target: Path, *, into_folder: bool, as_json: bool) -> NoReturn:
    command = dump_command(place, target / _POSTGRES_NAME if into_folder else target)
    if as_json:
        typer.echo(json.dumps({"command": command}, indent=2))
        raise typer.Exit(ELSEWHERE)
    say(
        "The ledger is in Postgres: nothing was copied. pg_dump does it, also while a pass is at work; it takes the "
        "password from ~/.pgpass or PGPASSWORD, or asks for it:"
    )
    typer.echo(command)
    raise typer.Exit(ELSEWHERE)

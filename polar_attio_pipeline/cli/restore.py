"""`polar-attio restore`."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from polar_attio_pipeline.cli.asking import insist_on_yes
from polar_attio_pipeline.cli.backup import ELSEWHERE, as_document, in_words
from polar_attio_pipeline.cli.output import explained_errors, fail, say_whom_it_waits_for
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.wrapping import counted, say
from polar_attio_pipeline.ledger.dumping import restore_command
from polar_attio_pipeline.ledger.location import Location, locate
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.restore import Comparison, check_owners, compare, owners_of
from polar_attio_pipeline.passes.restore import restore as put_back
from polar_attio_pipeline.passes.stopping import Stop, run_until_stopped
from polar_attio_pipeline.settings import Settings


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `polar-attio backup` has made.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: for scripts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document; needs --yes.")] = False,
) -> None:
    """Put a backup in place of the ledger; the ledger of now is kept beside it.

    First it is checked that the file is a whole ledger, that this version
    can read it, and that it belongs to the Polar organization and the Attio
    workspace of the tokens and of the ledger that is there. What would be
    lost is said, and you are asked. A pass that is at work is waited for;
    Dagster can go on running. Attio is not touched.

    A backup of an earlier version is brought up to date.

    Exits with 0 when it is done, 1 when it is not, 2 when nothing was done
    because the ledger is in Postgres, and 130 or 143 when Ctrl-C or SIGTERM
    ended it while it waited.
    """
    if as_json and not yes:
        fail("Add --yes: with --json nothing is asked.")
    with explained_errors():
        settings = Settings()
        place = locate(settings.polar_attio_database_url.get_secret_value())
        if place.file is None:
            _leave_to_postgres(place, file, as_json=as_json)
        compared = compare(file, place)
        owners, problems = asyncio.run(owners_of(settings, retry=IMPATIENT))
        check_owners(compared.backup, owners, whose="the tokens belong")
        if not as_json:
            for line in _before(file, place, compared, problems):
                say(line)
        if not yes:
            insist_on_yes(
                f"Put the backup in place of the ledger {place.name}?", nothing="Nothing was changed", to="restore it"
            )
        kept = _carry_out(settings, place, file)
    after = list(_after(kept, compared))
    if as_json:
        document = {
            "ledger": str(place.file),
            "backup": {"file": str(file), **as_document(compared.backup)},
            "kept": str(kept) if kept else None,
            "lost_passes": compared.newer_passes,
            "lost_values": compared.newer_values,
            "not_asked": problems,
            "next": after,
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    say(f"Restored {place.name} from {file}.")
    for line in after:
        say(line)


def _carry_out(settings: Settings, place: Location, file: Path) -> Path | None:
    assert place.file is not None, "a ledger in Postgres does not come here"
    kept = place.file.with_name(f"{place.file.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")

    async def work(_: Stop) -> Path | None:
        return await put_back(ledger_of(settings), place, file, kept, waits=say_whom_it_waits_for)

    return run_until_stopped(work)


def _before(file: Path, place: Location, compared: Comparison, problems: list[str]) -> Iterator[str]:
    yield f"The backup {file} holds {in_words(compared.backup)}."
    if compared.present:
        yield f"The ledger {place.name} holds {in_words(compared.present)}."
        yield (
            f"Newer than the backup are {counted(compared.newer_passes, 'pass', 'passes')} and "
            f"{counted(compared.newer_values, 'written value', 'written values')} of the ledger: after the restore "
            "they are in the kept file only."
        )
    elif compared.problem:
        yield (
            f"{compared.problem} It is moved aside. Whether a pass is at work cannot be seen in it: stop Dagster and "
            "cron before you go on."
        )
    else:
        yield f"There is no ledger {place.name} yet."
    for problem in problems:
        yield f"Whether the backup belongs to this token was not asked, each pass does it: {problem}"


def _after(kept: Path | None, compared: Comparison) -> Iterator[str]:
    if kept:
        yield (
            f"What was there before is kept in {kept}, with -wal and -shm beside it where there were such; it holds "
            "names and addresses: delete it in the end."
        )
    if compared.newer_passes or compared.newer_values or compared.problem:
        yield (
            "What passes did since the backup is in Attio as before. The history no longer has it: `polar-attio undo` "
            "takes back older passes only, and leaves what was written since."
        )
    yield (
        "Next: launch full_reconciliation, or run `polar-attio sync`. It compares all customers with Attio, writes "
        "only what differs, and brings the ledger up to date."
    )
    yield "Persons who were erased by `polar-attio forget` since the backup are in it again: erase them again."
    if compared.present:
        yield (
            "Who is left out (`polar-attio skip --list`), and whether the sync is uninstalled, is as before the "
            "restore; approvals have to be given again."
        )
    else:
        yield "Who was left out since the backup is not in it: see `polar-attio skip --list`."


def _leave_to_postgres(place: Location, file: Path, *, as_json: bool) -> NoReturn:
    command = restore_command(place, file)
    if as_json:
        typer.echo(json.dumps({"command": command}, indent=2))
        raise typer.Exit(ELSEWHERE)
    say(
        "The ledger is in Postgres: nothing was done. Stop Dagster and cron, then run this; pg_restore takes the "
        "password from ~/.pgpass or PGPASSWORD, or asks for it:"
    )
    typer.echo(command)
    say("Then launch full_reconciliation, or run `polar-attio sync`.")
    raise typer.Exit(ELSEWHERE)

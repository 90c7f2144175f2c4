"""`polar-attio undo`: takes back what a pass wrote to Attio, after showing what that would be."""

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import typer

from polar_attio_pipeline.cli.asking import insist_on_yes
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.patience import PATIENT
from polar_attio_pipeline.cli.reports import shown
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.cli.undo_text import (
    ItemSample,
    afterwards,
    as_document,
    passes_as_document,
    passes_text,
    text,
)
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.progress import Report, Upcoming
from polar_attio_pipeline.passes.stopping import PassStoppedError, Stop, run_until_stopped
from polar_attio_pipeline.passes.undo import Undone, undo_pass
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.undo.engine import Take
from polar_attio_pipeline.sync.undo.values import Item, Selection

PARTLY = 2
"""The exit code where something stays as it is."""

WIDEST = 100
"""Characters of a line: longer ones are hard to read."""

NEWEST = 20
"""Passes that are listed; those that have written nothing are not."""

_AGAIN = "Run the same command again: it goes on where this one ended, and writes nothing twice."
_UPCOMING = Upcoming(failed=_AGAIN, stopped=_AGAIN)


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wants to be undone.

    Attributes:
        name: Of the pass.
        selection: Which part of it.
        clear_created: Whether the values of records that it made are cleared.
    """

    name: str
    selection: Selection
    clear_created: bool


def undo(  # noqa: PLR0913, PLR0917  # the options of a command
    name: Annotated[
        str, typer.Argument(metavar="PASS", help="Its id, or the beginning of it; without one, passes are listed.")
    ] = "",
    customers: Annotated[
        list[str] | None,
        typer.Option("--customer", metavar="ID", help="Only for this customer, by Polar's id; may be repeated."),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="KEY", help="Only this attribute, such as polar_mrr; may be repeated."),
    ] = None,
    clear_created: Annotated[
        bool,
        typer.Option(
            "--clear-created",
            help="Clear what the pass wrote to people and companies that it made, except names, addresses, domains.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not show it first, and do not ask: for scripts.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON document with every value; needs --dry-run or --yes to undo a pass."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show each request, without its values.")] = False,
) -> None:
    """Take back what a pass wrote to Attio: the old value comes back wherever the pass's own is still there.

    What anybody has changed since stays, and is named; nothing is deleted. What would happen is shown first, and you
    are asked. The undo is a pass itself and can be undone in the same way. Without an id, the newest passes that wrote
    something are listed.

    Exits with 0 when everything is as before the pass, 2 when something stays as it is (it is named), 1 when it failed
    or was not confirmed, and 130 or 143 when Ctrl-C or SIGTERM ended it between two writes. With --dry-run, 0 and 2 say
    what would be.
    """
    if not name:
        _list_passes(as_json=as_json)
        return
    if as_json and not (dry_run or yes):
        fail("Say what --json is to show: --dry-run for what would happen, or --yes to undo the pass without asking.")
    request = Request(name, Selection(frozenset(customers or ()), frozenset(attributes or ())), clear_created)
    with explained_errors():
        settings = settings_with(POLAR_TOKEN, ATTIO_KEY)
        try:
            if as_json:
                done = _with_json(settings, request, dry_run=dry_run, debug=debug)
            else:
                done = _with_text(settings, request, dry_run=dry_run, ask=not yes, debug=debug)
        except PassStoppedError as error:
            raise typer.Exit(128 + error.by) from None
    if done.left:
        raise typer.Exit(PARTLY)


def _list_passes(*, as_json: bool) -> None:
    with explained_errors():
        rows = Ledger(Settings().polar_attio_database_url.get_secret_value()).newest_passes(NEWEST, writing=True)
    if as_json:
        typer.echo(json.dumps(passes_as_document(rows), ensure_ascii=False, indent=2))
        return
    for line in passes_text(rows, width=_width()):
        typer.echo(line)


def _with_json(settings: Settings, request: Request, *, dry_run: bool, debug: bool) -> Undone:
    """Undo, or show what would be undone, with the document on standard output and the progress on standard error."""
    items: list[Item] = []
    if dry_run:
        done = asyncio.run(_preview(settings, request, items.extend))
    else:
        done = _carry_out(settings, request, items.extend, lambda line: typer.echo(line, err=True), debug=debug)
    typer.echo(json.dumps(as_document(done, items, dry_run=dry_run), ensure_ascii=False, indent=2))
    return done


def _with_text(settings: Settings, request: Request, *, dry_run: bool, ask: bool, debug: bool) -> Undone:
    if dry_run or ask:
        sample = ItemSample()
        would = asyncio.run(_preview(settings, request, sample.add))
        for line in text(would, sample, width=_width()):
            typer.echo(line)
        if dry_run or not would.written:
            return would
        values = "1 value" if would.written == 1 else f"{would.written:,} values"
        insist_on_yes(f"Write {values} to Attio?", nothing="Nothing was written", to="undo the pass")
    done = _carry_out(settings, request, _keep_none, typer.echo, debug=debug)
    for line in afterwards(done, was_shown=ask, width=_width()):
        typer.echo(line)
    return done


async def _preview(settings: Settings, request: Request, take: Take) -> Undone:
    async with connected(settings, reason="polar-attio undo", retry=PATIENT) as context:
        return await undo_pass(
            context,
            request.name,
            selection=request.selection,
            clear_created=request.clear_created,
            company_slugs=settings.company_slugs(),
            dry_run=True,
            take=take,
        )


def _carry_out(settings: Settings, request: Request, take: Take, say: Callable[[str], None], *, debug: bool) -> Undone:
    async def work(report: Report, stop: Stop) -> Undone:
        async with connected(settings, reason="polar-attio undo", report=report) as connection:
            return await undo_pass(
                replace(connection, stop=stop, upcoming=_UPCOMING),
                request.name,
                selection=request.selection,
                clear_created=request.clear_created,
                company_slugs=settings.company_slugs(),
                take=take,
            )

    with shown(settings, "undo", say, debug=debug) as report:
        return run_until_stopped(partial(work, report))


def _keep_none(items: Sequence[Item]) -> None:
    """Keep none: the report of the pass names what is left."""


def _width() -> int:
    return min(shutil.get_terminal_size().columns, WIDEST)

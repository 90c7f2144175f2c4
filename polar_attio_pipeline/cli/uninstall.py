"""`polar-attio uninstall`: takes the sync's values out of Attio, after showing what that would be."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from polar_attio_pipeline.cli.asking import insist_on_yes
from polar_attio_pipeline.cli.one_customer import ledger_of
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.patience import PATIENT
from polar_attio_pipeline.cli.reports import shown
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.cli.undo import PARTLY
from polar_attio_pipeline.cli.undo_text import ItemSample
from polar_attio_pipeline.cli.uninstall_text import after, as_document, before
from polar_attio_pipeline.cli.wrapping import width
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.progress import Report, Upcoming
from polar_attio_pipeline.passes.stopping import PassStoppedError, Stop, run_until_stopped
from polar_attio_pipeline.passes.uninstall import Extent, Uninstalled
from polar_attio_pipeline.passes.uninstall import uninstall as take_out
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.undo.engine import Take
from polar_attio_pipeline.sync.undo.values import Item

_AGAIN = "Run the same command again: it goes on where this one ended, and writes nothing twice."
_UPCOMING = Upcoming(failed=_AGAIN, stopped=_AGAIN)
_REASON = "polar-attio uninstall"


def uninstall(  # noqa: PLR0913, PLR0917  # the options of a command
    archive_attributes: Annotated[
        bool,
        typer.Option(
            "--archive-attributes",
            help="Archive the attributes that setup has created, too: they vanish from Attio's pages for everybody.",
        ),
    ] = False,
    all_marked: Annotated[
        bool,
        typer.Option(
            "--all-marked",
            help="Clear what any API key has written to the attributes of marked people and companies, also where the "
            "ledger has no history of it: for a ledger that was lost. Not where two pipelines share the attributes.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not show it first, and do not ask: for scripts.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document with every value; needs --dry-run or --yes.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show each request, without its values.")] = False,
) -> None:
    """Take the sync out of Attio: clear what it has written of Polar, wherever that is its own still.

    The marks of people and companies are unchecked and the other attributes
    cleared; what a pass had written over comes back. What anybody has
    changed since stays, and is named. Nothing is deleted: people whom the
    sync created stay, with name and address. Only records in the ledger's
    history are touched. It is a pass itself and can be undone. Passes that
    start afterwards are refused.

    Exits with 0 when everything of the sync is out, 2 when something stays
    that was to go (it is named), 1 when it failed or was not confirmed, and
    130 or 143 when Ctrl-C or SIGTERM ended it between two writes. With
    --dry-run, 0 and 2 say what would be.
    """
    if as_json and not (dry_run or yes):
        fail("Say what --json is to show: --dry-run for what would happen, or --yes to do it without asking.")
    extent = Extent(all_marked=all_marked, archive=archive_attributes)
    with explained_errors():
        settings = settings_with(POLAR_TOKEN, ATTIO_KEY)
        try:
            if as_json:
                done = _with_json(settings, extent, dry_run=dry_run, debug=debug)
            else:
                done = _with_text(settings, extent, dry_run=dry_run, ask=not yes, debug=debug)
        except PassStoppedError as error:
            raise typer.Exit(128 + error.by) from None
    if done.left:
        raise typer.Exit(PARTLY)


def _with_json(settings: Settings, extent: Extent, *, dry_run: bool, debug: bool) -> Uninstalled:
    """Do it, or show it, with the document on standard output and the progress on standard error."""
    items: list[Item] = []
    if dry_run:
        done = asyncio.run(_preview(settings, extent, items.extend))
    else:
        done = _carry_out(settings, extent, items.extend, lambda line: typer.echo(line, err=True), debug=debug)
    document = as_document(done, items, dry_run=dry_run, ledger=ledger_of(settings).name)
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    return done


def _with_text(settings: Settings, extent: Extent, *, dry_run: bool, ask: bool, debug: bool) -> Uninstalled:
    if dry_run or ask:
        sample = ItemSample()
        would = asyncio.run(_preview(settings, extent, sample.add))
        for line in before(would, sample, width=width()):
            typer.echo(line)
        if dry_run:
            return would
        if not would.written and not would.attributes:
            typer.echo("There is nothing to take out of Attio.")
            return would
        values = "1 value" if would.written == 1 else f"{would.written:,} values"
        archive = " and archive the attributes" if would.attributes else ""
        insist_on_yes(
            f"Take {values} out of Attio{archive}?", nothing="Nothing was written", to="take the sync out of Attio"
        )
    done = _carry_out(settings, extent, _keep_none, typer.echo, debug=debug)
    for line in after(done, ledger=ledger_of(settings).name, width=width()):
        typer.echo(line)
    return done


async def _preview(settings: Settings, extent: Extent, take: Take) -> Uninstalled:
    async with connected(settings, reason=_REASON, retry=PATIENT) as context:
        return await take_out(context, extent, take, company_slugs=settings.company_slugs(), dry_run=True)


def _carry_out(
    settings: Settings, extent: Extent, take: Take, say: Callable[[str], None], *, debug: bool
) -> Uninstalled:
    async def work(report: Report, stop: Stop) -> Uninstalled:
        async with connected(settings, reason=_REASON, report=report) as connection:
            context = replace(connection, stop=stop, upcoming=_UPCOMING)
            return await take_out(context, extent, take, company_slugs=settings.company_slugs())

    with shown(settings, "uninstall", say, debug=debug) as report:
        return run_until_stopped(partial(work, report))


def _keep_none(items: Sequence[Item]) -> None:
    """Keep none: the report of the pass names what is left."""

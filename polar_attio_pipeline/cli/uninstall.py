"""`polar-attio uninstall`: takes the sync's values out of Attio, after showing what that would be."""

from functools import partial
from typing import Annotated

import typer

from polar_attio_pipeline.cli.taking_back import Command, How, run
from polar_attio_pipeline.cli.uninstall_text import after, as_document, before
from polar_attio_pipeline.cli.wrapping import counted, width
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.uninstall import Extent, Uninstalled
from polar_attio_pipeline.passes.uninstall import uninstall as take_out
from polar_attio_pipeline.settings import Settings


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
    extent = Extent(all_marked=all_marked, archive=archive_attributes)
    how = How(dry_run=dry_run, yes=yes, as_json=as_json, debug=debug)
    run(lambda settings: _command(settings, extent, how), how)


def _command(settings: Settings, extent: Extent, how: How) -> Command[Uninstalled]:
    ledger = ledger_of(settings).name
    return Command(
        name="uninstall",
        to="take the sync out of Attio",
        carry_out=partial(take_out, extent=extent, company_slugs=settings.company_slugs()),
        before=lambda would, sample: before(would, sample, width=width()),
        question=_question,
        after=lambda done: after(done, ledger=ledger, width=width()),
        document=lambda done, items: as_document(done, items, dry_run=how.dry_run, ledger=ledger),
    )


def _question(would: Uninstalled) -> str:
    if not would.written and not would.attributes:
        return ""
    archive = " and archive the attributes" if would.attributes else ""
    return f"Take {counted(would.written, 'value', 'values')} out of Attio{archive}?"

"""`polar-attio undo`: takes back what a pass wrote to Attio, after showing what that would be."""

import json
from functools import partial
from typing import Annotated

import typer

from polar_attio_pipeline.cli.output import explained_errors
from polar_attio_pipeline.cli.taking_back import Command, How, run
from polar_attio_pipeline.cli.undo_text import afterwards, as_document, before, passes_as_document, passes_text
from polar_attio_pipeline.cli.wrapping import counted, width
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.undo import Undone, undo_pass
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.undo.values import Selection

NEWEST = 20
"""Passes that are listed; those that have written nothing are not."""


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
    selection = Selection(frozenset(customers or ()), frozenset(attributes or ()))
    how = How(dry_run=dry_run, yes=yes, as_json=as_json, debug=debug)

    def command(settings: Settings) -> Command[Undone]:
        return Command(
            name="undo",
            to="undo the pass",
            carry_out=partial(
                undo_pass,
                name=name,
                selection=selection,
                clear_created=clear_created,
                company_slugs=settings.company_slugs(),
            ),
            before=lambda would, sample: before(would, sample, width=width()),
            question=_question,
            after=lambda done: afterwards(done, was_shown=not yes, width=width()),
            document=lambda done, items: as_document(done, items, dry_run=dry_run),
        )

    run(command, how)


def _list_passes(*, as_json: bool) -> None:
    with explained_errors():
        rows = ledger_of(Settings()).newest_passes(NEWEST, writing=True)
    if as_json:
        typer.echo(json.dumps(passes_as_document(rows), ensure_ascii=False, indent=2))
        return
    for line in passes_text(rows, width=width()):
        typer.echo(line)


def _question(would: Undone) -> str:
    return f"Write {counted(would.written, 'value', 'values')} to Attio?" if would.written else ""

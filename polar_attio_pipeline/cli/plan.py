"""`polar-attio plan`."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.patience import PATIENT
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours, rows
from polar_attio_pipeline.settings import Settings


def plan(
    first: Annotated[str, typer.Option("--from", help="First hour, such as 2026-11-23-14:00; UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last hour; the first one alone if not given.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")] = False,
) -> None:
    """Show, field by field, what the next pass would do: over some hours, or over all customers. Writes nothing."""
    try:
        starts = named(first, last)
    except ValueError as error:
        fail(str(error))
    with explained_errors():
        found = asyncio.run(_preview(settings_with(POLAR_TOKEN, ATTIO_KEY), starts))
    changes = list(rows(found))
    if as_json:
        typer.echo(json.dumps({"counts": found.counts(), "changes": changes}, ensure_ascii=False, indent=2))
        return
    table = Table("action", "customer", "field", "old", "new", "note", box=None, pad_edge=False)
    for row in changes:
        table.add_row(*(Text(row[column] or "") for column in ("action", "customer", "field", "old", "new", "note")))
    console = Console(highlight=False)
    if changes:
        console.print(table)
    console.print(", ".join(f"{count} to {action}" for action, count in found.counts().items()))


async def _preview(settings: Settings, starts: Sequence[datetime]) -> Preview:
    async with connected(settings, reason="polar-attio plan", retry=PATIENT) as context:
        return await (preview_hours(context, starts) if starts else preview_all(context))

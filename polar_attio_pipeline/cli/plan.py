"""`polar-attio plan`."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.patience import PATIENT
from polar_attio_pipeline.cli.plan_text import text
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours
from polar_attio_pipeline.passes.preview_rows import by_attribute, rows
from polar_attio_pipeline.settings import Settings

WIDEST = 100
"""Characters of a line: longer ones are hard to read."""


def plan(
    first: Annotated[str, typer.Option("--from", help="First hour, such as 2026-11-23-14:00; UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last hour; the first one alone if not given.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document with every change, instead of examples.")
    ] = False,
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
        whole = {
            "counts": found.counts(),
            "attributes": by_attribute(changes),
            "notes": list(found.notes),
            "changes": changes,
        }
        typer.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    for line in text(found.counts(), changes, found.notes, width=min(shutil.get_terminal_size().columns, WIDEST)):
        typer.echo(line)


async def _preview(settings: Settings, starts: Sequence[datetime]) -> Preview:
    async with connected(settings, reason="polar-attio plan", retry=PATIENT) as context:
        return await (preview_hours(context, starts) if starts else preview_all(context))

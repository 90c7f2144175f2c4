"""`polar-attio plan`."""

import asyncio
import json
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.patience import PATIENT
from polar_attio_pipeline.cli.plan_text import text
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.cli.wrapping import width
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.plan_file import PlanFile, check_writable, plan_file, save
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours
from polar_attio_pipeline.passes.preview_rows import by_attribute, rows
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.telemetry.recording import recorded


def plan(
    first: Annotated[str, typer.Option("--from", help="First hour, such as 2026-11-23-14:00; UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last hour; the first one alone if not given.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document with every change, instead of examples.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Keep the plan in this file too, for `polar-attio apply`. It holds personal data, old and new values; "
            "only you can read it.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --out write over a file that exists.")] = False,
) -> None:
    """Show, field by field, what the next pass would do: over some hours, or over all customers.

    Writes nothing to Attio, and nothing to the ledger. With --out, `polar-attio apply` writes exactly this later.

    Exits with 0, or with 1 when no plan could be made or kept.
    """
    try:
        starts = named(first, last)
    except ValueError as error:
        fail(str(error))
    with explained_errors():
        if out:
            check_writable(out, force=force)
        settings = settings_with(POLAR_TOKEN, ATTIO_KEY)
        with recorded(settings.polar_attio_telemetry, "polar-attio plan"):
            found, kept = asyncio.run(_preview(settings, starts))
        if out:
            save(kept, out, force=force)
    changes = list(rows(found))
    if as_json:
        whole = {
            "counts": found.counts(),
            "deleted": len(found.deletions),
            "attributes": by_attribute(changes),
            "notes": list(found.notes),
            "changes": changes,
        }
        typer.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    for line in text(found.counts(), changes, found.notes, deleted=len(found.deletions), width=width()):
        typer.echo(line)
    if out:
        typer.echo(f"\nThe plan is in {out}, which holds personal data.")
        typer.echo(f"To write exactly this: polar-attio apply {shlex.quote(str(out))}")


async def _preview(settings: Settings, starts: Sequence[datetime]) -> tuple[Preview, PlanFile]:
    async with connected(settings, reason="polar-attio plan", retry=PATIENT) as context:
        found = await (preview_hours(context, starts) if starts else preview_all(context))
        return found, plan_file(context, found, starts)

"""`polar-attio doctor`: what stands between these settings and a working sync. It reads, and writes nothing."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polar_attio_pipeline.cli.checks.attio import attio
from polar_attio_pipeline.cli.checks.channels import channels
from polar_attio_pipeline.cli.checks.env_file import env_file
from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.cli.checks.instance import instance
from polar_attio_pipeline.cli.checks.ledger import ledger
from polar_attio_pipeline.cli.checks.polar import polar
from polar_attio_pipeline.cli.checks.program import program
from polar_attio_pipeline.cli.checks.telemetry import telemetry
from polar_attio_pipeline.cli.output import explained_errors, print_rows
from polar_attio_pipeline.settings import Settings

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(context: typer.Context) -> None:
    """Check tokens, scopes, attributes, clocks, the ledger and Dagster; list the settings in force; writes nothing."""
    with explained_errors():
        settings = Settings()
        findings = [*env_file(Path.cwd() / ".env"), *asyncio.run(examine(settings, now=datetime.now(UTC)))]
        findings += instance(os.environ.get("DAGSTER_HOME", ""), context.obj or "")
    print_rows(((finding.level, finding.subject, finding.text) for finding in findings), styles=_STYLES)
    _print_settings(settings)
    if any(finding.level is Level.FAIL for finding in findings):
        raise typer.Exit(1)


async def examine(
    settings: Settings,
    *,
    now: datetime,
    polar_transport: httpx.AsyncBaseTransport | None = None,
    attio_transport: httpx.AsyncBaseTransport | None = None,
) -> list[Finding]:
    """Look at everything a run needs, and report every problem at once.

    Args:
        settings: What to look at.
        now: The time, to judge the start date by.
        polar_transport: Instead of the network.
        attio_transport: Instead of the network.
    """
    of_polar, of_attio = await asyncio.gather(polar(settings, polar_transport), attio(settings, attio_transport))
    return [
        program(),
        *of_polar,
        *of_attio,
        *ledger(settings, now.astimezone(UTC).date()),
        channels(settings.alert_urls()),
        *telemetry(settings.polar_attio_telemetry),
    ]


def _print_settings(settings: Settings) -> None:
    table = Table.grid(padding=(0, 2))
    given = {name.upper() for name in settings.model_fields_set}
    for name, value in settings.shown().items():
        table.add_row(Text(name), Text(value), Text("" if name in given else "default", style="dim"))
    console = Console(highlight=False)
    console.print("\nSettings in force:")
    console.print(table)

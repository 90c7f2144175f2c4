"""`polar-attio`: commands for a person at a terminal. Thin: what they do lives elsewhere."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polar_attio_pipeline import cli_sync
from polar_attio_pipeline import doctor as doctors
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.attio.setup import Done, Step, set_up
from polar_attio_pipeline.channels import Delivery, Kind, Notice, deliver
from polar_attio_pipeline.connections import attio_of
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.guards import CONFIRMABLE, GuardError
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours, rows
from polar_attio_pipeline.passes.stopping import PassStoppedError
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.ports import UnavailableError

app = typer.Typer(
    help="Keeps Polar's customers in Attio's People. Settings come from the environment and from .env in this "
    "folder; .env.example explains each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

alerts = typer.Typer(help="The channels of POLAR_ATTIO_ALERT_URLS.", no_args_is_help=True)
app.add_typer(alerts, name="alerts")

_TEST = Notice("test", "This is a test of the alerts of polar-attio-pipeline. Nothing is wrong.", Kind.TEST)

_CHANNEL_SECONDS = 30
"""So long a test of the alerts waits for all channels together."""

_PATIENT = RetryPolicy(attempts=4, seconds=90, longest_pause=60)
"""For a command that reads a lot while somebody waits: sits out one of Polar's minutes, but no outage."""

_STYLES = {
    doctors.Level.OK: "green",
    doctors.Level.WARN: "yellow",
    doctors.Level.FAIL: "bold red",
    Done.CREATED: "green",
    Done.RESTORED: "green",
    Done.PRESENT: "dim",
    Done.IMPOSSIBLE: "bold red",
}


@app.command()
def setup() -> None:
    """Create the attributes that the sync writes in Attio; repeating it changes nothing."""
    with _explained_errors():
        steps = asyncio.run(_set_up(Settings()))
    _print((step.done, step.slug, step.problem or "") for step in steps)
    if any(step.done is Done.IMPOSSIBLE for step in steps):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Check tokens, scopes, attributes, clocks and the ledger; writes nothing."""
    with _explained_errors():
        findings = asyncio.run(doctors.examine(Settings(), now=datetime.now(UTC)))
    _print((finding.level, finding.subject, finding.text) for finding in findings)
    if any(finding.level is doctors.Level.FAIL for finding in findings):
        raise typer.Exit(1)


@app.command()
def plan(
    first: Annotated[str, typer.Option("--from", help="First hour, such as 2026-11-23-14:00; UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last hour; the first one alone if not given.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")] = False,
) -> None:
    """Show, field by field, what the next pass would do: over some hours, or over all customers. Writes nothing."""
    try:
        starts = named(first, last)
    except ValueError as error:
        _fail(str(error))
    with _explained_errors():
        found = asyncio.run(_preview(Settings(), starts))
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


@app.command()
def sync(
    first: Annotated[str, typer.Option("--from", help="First hour, such as 2026-11-23-14:00; UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last hour; the first one alone if not given.")] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Show each request, without its values.")] = False,
) -> None:
    """Bring customers to Attio now: those of some hours, or all of them. Ctrl-C ends it between two writes.

    Exits with 0 when the pass has done everything, 1 when it failed, and 130 or 143 when Ctrl-C or SIGTERM ended it.
    """
    try:
        starts = named(first, last)
    except ValueError as error:
        _fail(str(error))
    with _explained_errors():
        try:
            cli_sync.sync(Settings(), starts, typer.echo, debug=debug)
        except PassStoppedError as error:
            raise typer.Exit(128 + error.by) from None


@alerts.command(name="test")
def test_alerts() -> None:
    """Send a test notice to each channel and say which have taken it; addresses are not shown."""
    with _explained_errors():
        urls = Settings().alert_urls()
    if not urls:
        _fail("No channel is set: write its address into POLAR_ATTIO_ALERT_URLS, as https://appriseit.com shows.")
    deliveries = deliver([(url, [_TEST]) for url in urls], seconds=_CHANNEL_SECONDS)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for number, (url, delivery) in enumerate(zip(urls, deliveries, strict=True), start=1):
        # The part before "://" is the kind of channel; an address without it may be a password as a whole.
        scheme = url.partition("://")[0] if "://" in url else "no scheme"
        console.print(f"{number} ({scheme}): {_became(delivery)}")
    if not all(delivery.taken for delivery in deliveries):
        raise typer.Exit(1)


def _became(delivery: Delivery) -> str:
    if delivery.taken:
        return "taken"
    if delivery.known:
        return "not taken: look at the channel's address, and whether this machine reaches it"
    return "apprise does not know such an address: see https://appriseit.com for how yours is written"


@app.command()
def confirm(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(sorted(CONFIRMABLE))}.")],
) -> None:
    """Allow, once, what a guard has stopped: another organization or workspace, or far fewer customers."""
    if what not in CONFIRMABLE:
        _fail(f"There is nothing to confirm by the name {what}: it is one of {', '.join(sorted(CONFIRMABLE))}.")
    with _explained_errors():
        Ledger(Settings().polar_attio_database_url.get_secret_value()).confirm(what)
    typer.echo(f"The next pass may {CONFIRMABLE[what].meaning}. Start it again.")


async def _preview(settings: Settings, starts: Sequence[datetime]) -> Preview:
    async with connected(settings, reason="polar-attio plan", retry=_PATIENT) as context:
        return await (preview_hours(context, starts) if starts else preview_all(context))


async def _set_up(settings: Settings) -> list[Step]:
    async with attio_of(settings, retry=doctors.IMPATIENT) as api:
        return await set_up(api, PEOPLE, settings.slugs())


def _print(rows: Iterable[tuple[doctors.Level | Done, str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    for mark, subject, text in rows:
        table.add_row(Text(mark, style=_STYLES[mark]), Text(subject), Text(text))
    Console(highlight=False).print(table)


@contextmanager
def _explained_errors() -> Iterator[None]:
    """End the command with what is wrong and what to do, and without a traceback."""
    try:
        yield
    except (ApiError, UnavailableError, LedgerError, GuardError) as error:
        _fail(str(error))
    except ValidationError as error:
        # Never the value: it may be a token.
        wrong = (f"{'__'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        _fail(f"A setting is not usable: {'; '.join(wrong)}.")
    except SettingsError as error:
        _fail(f"A setting is not usable: {error}.")


def _fail(sentence: str) -> NoReturn:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(sentence)
    raise typer.Exit(1)

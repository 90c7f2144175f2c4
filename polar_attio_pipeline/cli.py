"""`polar-attio`: commands for a person at a terminal. Thin: what they do lives elsewhere."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polar_attio_pipeline import doctor as doctors
from polar_attio_pipeline.attio.client import attio_api
from polar_attio_pipeline.attio.setup import Done, Step, set_up
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.ports import UnavailableError

app = typer.Typer(
    help="Keeps Polar's paying customers in Attio's People.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_STYLES = {
    doctors.Level.OK: "green",
    doctors.Level.WARN: "yellow",
    doctors.Level.FAIL: "bold red",
    Done.CREATED: "green",
    Done.RESTORED: "green",
    Done.PRESENT: "dim",
    Done.IMPOSSIBLE: "bold red",
}


@app.callback()
def _settings_are_in_the_environment() -> None:
    """Settings come from the environment and from `.env` in this folder; .env.example explains each."""


@app.command()
def setup() -> None:
    """Create the attributes that the sync writes in Attio; repeating it changes nothing."""
    with _in_one_sentence():
        steps = asyncio.run(_set_up(Settings()))
    _print((step.done, step.slug, step.problem or "") for step in steps)
    if any(step.done is Done.IMPOSSIBLE for step in steps):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Check tokens, scopes, attributes, clocks and the ledger; writes nothing."""
    with _in_one_sentence():
        findings = asyncio.run(doctors.examine(Settings(), now=datetime.now(UTC)))
    _print((finding.level, finding.subject, finding.text) for finding in findings)
    if any(finding.level is doctors.Level.FAIL for finding in findings):
        raise typer.Exit(1)


async def _set_up(settings: Settings) -> list[Step]:
    api = attio_api(
        api_key=settings.attio_api_key,
        base_url=settings.attio_api_url,
        reads_per_second=settings.attio_reads_per_second,
        writes_per_second=settings.attio_writes_per_second,
    )
    async with api:
        return await set_up(api, settings.slugs())


def _print(rows: Iterable[tuple[doctors.Level | Done, str, str]]) -> None:
    table = Table.grid(padding=(0, 2))
    for mark, subject, text in rows:
        table.add_row(Text(mark, style=_STYLES[mark]), Text(subject), Text(text))
    Console(highlight=False).print(table)


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    """End the command with what is wrong and what to do, and without a traceback."""
    try:
        yield
    except (ApiError, UnavailableError) as error:
        _fail(str(error))
    except ValidationError as error:
        # Never the value: it may be a token.
        wrong = (f"{'__'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors())
        _fail(f"A setting is not usable: {'; '.join(wrong)}.")
    except SettingsError as error:
        _fail(f"A setting is not usable: {error}.")


def _fail(sentence: str) -> None:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(sentence)
    raise typer.Exit(1)

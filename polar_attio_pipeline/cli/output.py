"""What commands print: rows, and errors as one sentence."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from polar_attio_pipeline.cli.required import MissingSettingError
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.stopping import PassStoppedError
from polar_attio_pipeline.setting_sources import reasons
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.telemetry.json_log import is_json

_log = logging.getLogger(__name__)

Mark = TypeVar("Mark", bound=str)

PARTLY = 2
"""The exit code of a command that did its work, but for some of it, which it has named."""


def print_rows(rows: Iterable[tuple[Mark, str, str]], *, styles: Mapping[Mark, str]) -> None:
    """Print a table of a mark, a subject and a text.

    Args:
        rows: What to print.
        styles: The style of each mark, in rich's notation.
    """
    table = Table.grid(padding=(0, 2))
    for mark, subject, text in rows:
        table.add_row(Text(mark, style=styles[mark]), Text(subject), Text(text))
    Console(highlight=False).print(table)


def say_whom_it_waits_for(who: str, _: float) -> None:
    """Say on standard error which other writer of the ledger a command waits for."""
    typer.echo(f"{who[:1].upper()}{who[1:]}.", err=True)


@contextmanager
def explained_errors() -> Iterator[None]:
    """End the command with what is wrong and what to do, and without a traceback.

    Raises:
        typer.Exit: with 1, or with 128 and the signal's number if the command was asked to end.
    """
    try:
        yield
    except PassStoppedError as error:
        raise typer.Exit(128 + error.by) from None
    except (ApiError, UnavailableError, LedgerError, GuardError, MissingSettingError) as error:
        fail(str(error), error)
    except ValidationError as error:
        wrong = (f"{'__'.join(place).upper()}: {why}" for place, why in reasons(error))
        fail(f"A setting is not usable: {'; '.join(wrong)}.")
    except SettingsError as error:
        fail(f"A setting is not usable: {error}.")


def fail(sentence: str, error: Exception | None = None) -> NoReturn:
    """End the command with a sentence on standard error; as JSON where that is how this process logs.

    Args:
        sentence: What is wrong, and what to do.
        error: What it is the sentence of, if there is one.
    """
    if is_json():
        _log.error("%s", sentence, exc_info=error)
        raise typer.Exit(1)
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(sentence)
    raise typer.Exit(1)

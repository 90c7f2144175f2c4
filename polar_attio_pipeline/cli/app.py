"""The program `polar-attio`: a command is one file beside this one, and one line here."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from polar_attio_pipeline.cli.alerts import alerts
from polar_attio_pipeline.cli.apply import apply
from polar_attio_pipeline.cli.approve import approve
from polar_attio_pipeline.cli.backup import backup
from polar_attio_pipeline.cli.copy_ledger import copy
from polar_attio_pipeline.cli.demo import demo
from polar_attio_pipeline.cli.dev import dev
from polar_attio_pipeline.cli.doctor import doctor
from polar_attio_pipeline.cli.explain import explain
from polar_attio_pipeline.cli.forget import forget
from polar_attio_pipeline.cli.host import use_component
from polar_attio_pipeline.cli.init import init
from polar_attio_pipeline.cli.plan import plan
from polar_attio_pipeline.cli.restore import restore
from polar_attio_pipeline.cli.setup import setup
from polar_attio_pipeline.cli.skip import skip, unskip
from polar_attio_pipeline.cli.status import status
from polar_attio_pipeline.cli.sync import sync
from polar_attio_pipeline.cli.undo import undo
from polar_attio_pipeline.cli.uninstall import uninstall
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.telemetry.json_log import json_lines
from polar_attio_pipeline.version import __version__

_log = logging.getLogger(__name__)

app = typer.Typer(
    help="Keeps Polar's customers in Attio's People. Settings come from the environment and from .env in this "
    "folder; `polar-attio init --show .env` explains each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"polar-attio-pipeline {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    *,
    component: Annotated[
        Path | None,
        typer.Option(
            help="The folder of a PolarAttioComponent in a Dagster project, such as src/warehouse/defs/acme: its "
            "settings count, instead of those of the environment.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001  # its callback has printed it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and exit.")
    ] = False,
) -> None:
    """Take the settings from a component, if one is named, and let every command log as they say.

    Commands find the component's prefix as the context's object.
    """
    if component is not None:
        context.obj = use_component(component)
    try:
        log_format = Settings().polar_attio_log_format
    except Exception:  # noqa: BLE001  # the command says what is wrong, if it needs the settings
        return
    if log_format == "json":
        context.with_resource(_log_as_json())


@contextmanager
def _log_as_json() -> Iterator[None]:
    """Log as JSON lines, errors included that nothing expects."""
    with json_lines():
        try:
            yield
        except Exception as error:
            # Typer's own ways to end a command have an exit code.
            if isinstance(error, typer.Abort) or hasattr(error, "exit_code"):
                raise
            _log.critical("The command has failed unexpectedly.", exc_info=error)
            raise typer.Exit(1) from None


app.command()(demo)
app.command()(init)
app.command()(dev)
app.command()(setup)
app.command()(doctor)
app.command()(plan)
app.command()(apply)
app.command()(sync)
app.command()(undo)
app.command()(approve)
app.command()(status)
app.command()(explain)
app.command()(skip)
app.command()(unskip)
app.command()(forget)
app.command()(backup)
app.command()(restore)
app.command()(uninstall)
app.command("copy-ledger")(copy)
app.add_typer(alerts, name="alerts")

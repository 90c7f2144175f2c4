"""The program `polar-attio`: a command is one file beside this one, and one line here."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from polar_attio_pipeline.cli.alerts import alerts
from polar_attio_pipeline.cli.apply import apply
from polar_attio_pipeline.cli.approve import approve
from polar_attio_pipeline.cli.doctor import doctor
from polar_attio_pipeline.cli.explain import explain
from polar_attio_pipeline.cli.forget import forget
from polar_attio_pipeline.cli.plan import plan
from polar_attio_pipeline.cli.setup import setup
from polar_attio_pipeline.cli.skip import skip, unskip
from polar_attio_pipeline.cli.status import status
from polar_attio_pipeline.cli.sync import sync
from polar_attio_pipeline.cli.undo import undo
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.telemetry.json_log import json_lines

_log = logging.getLogger(__name__)

app = typer.Typer(
    help="Keeps Polar's customers in Attio's People. Settings come from the environment and from .env in this "
    "folder; .env.example explains each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _begin(context: typer.Context) -> None:
    """Let every command log as the settings say."""
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
app.add_typer(alerts, name="alerts")

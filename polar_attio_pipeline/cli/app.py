"""The program `polar-attio`: a command is one file beside this one, and one line here."""

import typer

from polar_attio_pipeline.cli.alerts import alerts
from polar_attio_pipeline.cli.apply import apply
from polar_attio_pipeline.cli.approve import approve
from polar_attio_pipeline.cli.copy_ledger import copy
from polar_attio_pipeline.cli.doctor import doctor
from polar_attio_pipeline.cli.explain import explain
from polar_attio_pipeline.cli.forget import forget
from polar_attio_pipeline.cli.plan import plan
from polar_attio_pipeline.cli.setup import setup
from polar_attio_pipeline.cli.skip import skip, unskip
from polar_attio_pipeline.cli.status import status
from polar_attio_pipeline.cli.sync import sync
from polar_attio_pipeline.cli.undo import undo

app = typer.Typer(
    help="Keeps Polar's customers in Attio's People. Settings come from the environment and from .env in this "
    "folder; .env.example explains each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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
app.command("copy-ledger")(copy)
app.add_typer(alerts, name="alerts")

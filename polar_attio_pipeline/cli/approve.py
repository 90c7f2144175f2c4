"""`polar-attio confirm`."""

from typing import Annotated

import typer

from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.guards import CONFIRMABLE
from polar_attio_pipeline.settings import Settings


def confirm(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(sorted(CONFIRMABLE))}.")],
) -> None:
    """Allow, once, what a guard has stopped: another organization or workspace, or far fewer customers."""
    if what not in CONFIRMABLE:
        fail(f"There is nothing to confirm by the name {what}: it is one of {', '.join(sorted(CONFIRMABLE))}.")
    with explained_errors():
        Ledger(Settings().polar_attio_database_url.get_secret_value()).confirm(what)
    typer.echo(f"The next pass may {CONFIRMABLE[what].meaning}. Start it again.")

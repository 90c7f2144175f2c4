"""`polar-attio copy-ledger`: moves the ledger to another database, such as from SQLite to Postgres."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Annotated

import typer

from polar_attio_pipeline.cli.output import explained_errors, say_whom_it_waits_for
from polar_attio_pipeline.ledger import PATIENCE, Ledger
from polar_attio_pipeline.ledger.copying import copy_ledger, places
from polar_attio_pipeline.passes.lease import one_writer
from polar_attio_pipeline.passes.stopping import Stop, run_until_stopped
from polar_attio_pipeline.settings import Settings


def copy(
    source: Annotated[str, typer.Argument(help="The path or URL of the ledger to copy.", show_default=False)],
) -> None:
    """Copy a ledger into the one that POLAR_ATTIO_DATABASE_URL names, which has nothing on record yet.

    Outcomes, history and passes are copied, all of them or nothing, and the source stays as it is. No pass may begin
    there afterwards: stop Dagster first, and start it again with the new URL.

    Exits with 0 when all is copied, 1 when nothing is, and 130 or 143 when Ctrl-C or SIGTERM ended it.
    """
    with explained_errors():
        there, here = places(source, Settings().polar_attio_database_url.get_secret_value())

        async def work(stop: Stop) -> Mapping[str, int]:
            copying = partial(copy_ledger, there, here, patience=PATIENCE, is_stopping=stop.is_requested)
            async with one_writer(Ledger(source), what="copying the ledger", waits=say_whom_it_waits_for):
                # In a thread, so that the heartbeats of the lease go on.
                return await asyncio.to_thread(copying)

        copied = run_until_stopped(work)
    rows = ", ".join(f"{count:,} of {table}" for table, count in copied.items())
    typer.echo(f"Copied {sum(copied.values()):,} rows from {there.name} to {here.name}: {rows}.")

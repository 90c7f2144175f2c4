"""`polar-attio status`."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from polar_attio_pipeline.cli.output import explained_errors
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.status_text import document, text
from polar_attio_pipeline.cli.wrapping import width
from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.passes.reaching import FAILURES, reached
from polar_attio_pipeline.passes.status import Grid, GridUnknownError, Limits, Service, Status, standing
from polar_attio_pipeline.passes.status import status as judged
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.outcomes import FAILED
from polar_attio_pipeline.telemetry.recording import record_standing
from polar_attio_pipeline.telemetry.standing import Standing

_NOT_HEALTHY = 1
_CANNOT_TELL = 3


def status(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Polar and Attio.")] = False,
    reconciled_within: Annotated[
        float, typer.Option(help="Hours within which a reconciliation has to have finished.", min=0)
    ] = 26,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Show whether the sync is well: services, customers, hours, passes, and who is at work. Writes nothing.

    It is not well where a service cannot be used, where the newest pass of
    a kind failed or ended without a word, where no reconciliation has
    finished within --reconciled-within hours, where more than
    POLAR_ATTIO_FAILED_ERROR_SHARE of the customers are rejected or
    ambiguous, or where an hour was not synced POLAR_ATTIO_OVERDUE_HOURS
    after its end. Hours are known where DAGSTER_HOME names the instance of
    Dagster.

    Exits with 0 when all is well, with 1 when it is not, and with 3 when
    the ledger cannot be used.
    """
    with explained_errors():
        settings = Settings()
        ledger, now = ledger_of(settings), datetime.now(UTC)
    try:
        known = standing(ledger)
        services = () if offline else asyncio.run(_services(settings))
        grid = _grid(settings, ledger, now, context.obj or "")
        found = judged(known, services, grid, limits=_limits(settings, reconciled_within), now=now)
    except LedgerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_CANNOT_TELL) from None
    _show(found, as_json=as_json)
    record_standing(settings.polar_attio_telemetry, _gauges(found, now), ends_soon=True)
    if found.problems:
        raise typer.Exit(_NOT_HEALTHY)


def _gauges(found: Status, now: datetime) -> Standing:
    not_in_attio = {result: found.standing.counts.get(result, 0) for result in FAILED}
    if found.grid is None:
        return Standing(not_in_attio)
    return Standing(not_in_attio, len(found.grid.missing), (now - found.grid.watermark).total_seconds())


def _show(found: Status, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(document(found), ensure_ascii=False, indent=2))
        return
    for line in text(found, width=width()):
        typer.echo(line)


def _limits(settings: Settings, reconciled_within: float) -> Limits:
    return Limits(
        reconciled_within=timedelta(hours=reconciled_within),
        failed_share=settings.polar_attio_failed_error_share,
        overdue=timedelta(hours=settings.polar_attio_overdue_hours),
    )


async def _services(settings: Settings) -> list[Service]:
    async with reached(settings, reason="polar-attio status", retry=IMPATIENT) as reach:
        polar = reach.polar_problem
        if reach.polar:
            try:
                await reach.polar.count()
            except FAILURES as error:
                polar = str(error)
        return [Service("Polar", polar), Service("Attio", reach.attio_problem)]


def _grid(settings: Settings, ledger: Ledger, now: datetime, prefix: str) -> Grid | GridUnknownError | None:
    if not os.environ.get("DAGSTER_HOME", "").strip():
        return None
    # Imported where it is of use only: Dagster takes seconds to load.
    from polar_attio_pipeline.defs.grid import grid_of  # noqa: PLC0415
    from polar_attio_pipeline.defs.names import Names  # noqa: PLC0415

    try:
        return grid_of(settings, ledger, now=now, names=Names(prefix))
    except GridUnknownError as error:
        return error

"""`polar-attio sync`: a pass without a daemon, by hand or from cron, that says on the terminal how far it is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from polar_attio_pipeline.cli.one_customer import one_of, read
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.reports import shown
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.companies import sync_companies
from polar_attio_pipeline.passes.connect import company_rules_of, connected
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.progress import Report, Upcoming
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.stopping import PassStoppedError, Stop, run_until_stopped
from polar_attio_pipeline.passes.who import WHO
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.ports import UnavailableError

_AGAIN = (
    "The next pass begins when this command is run again; it goes on where this one ended: what is in Attio is not "
    "written again."
)
_COMPANIES_COME_NEXT = "The pass over companies comes next."
_UPCOMING = Upcoming(
    finished="The next pass begins when this command is run again; over all customers it tries those again that were "
    "left out.",
    failed=_AGAIN,
    stopped=_AGAIN,
)


def sync(
    customers: Annotated[
        list[str] | None, typer.Argument(help=f"Some customers. {WHO} Without them: all.", show_default=False)
    ] = None,
    first: Annotated[str, typer.Option("--from", help="First hour, such as 2026-11-23-14:00; UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last hour; the first one alone if not given.")] = "",
    debug: Annotated[bool, typer.Option("--debug", help="Show each request, without its values.")] = False,
) -> None:
    """Bring customers to Attio now: some, those of some hours, or all, and then their companies if these are kept.

    Ctrl-C ends it between two writes.

    Exits with 0 when the pass has done everything, 1 when it failed, and 130 or 143 when Ctrl-C or SIGTERM ended it.
    """
    try:
        starts = named(first, last)
    except ValueError as error:
        fail(str(error))
    if customers and starts:
        fail("Name either customers, or hours with --from and --to.")
    with explained_errors():
        settings = settings_with(POLAR_TOKEN, ATTIO_KEY)
        chosen = [one_of(read(text), settings) for text in customers or ()]
        try:
            run(settings, starts, typer.echo, debug=debug, customers=chosen)
        except PassStoppedError as error:
            raise typer.Exit(128 + error.by) from None


def run(
    settings: Settings,
    starts: Sequence[datetime],
    say: Callable[[str], None],
    *,
    debug: bool,
    customers: Sequence[str] = (),
) -> None:
    """Run a pass over some customers, over some hours, or over all customers.

    Args:
        settings: All of it comes from there.
        starts: The hours; none of them for all customers.
        say: Takes each line of output.
        debug: Whether to show each request.
        customers: Polar's ids of some customers, instead of hours.

    Raises:
        UnavailableError: some of these customers could not be read; the others are done.
        PassStoppedError: it was asked to end, as by Ctrl-C, before it had done everything.
        Exception: as `reconcile` and `sync_hours`.
    """
    with_companies = settings.polar_attio_companies and not starts and not customers

    async def work(report: Report, stop: Stop) -> None:
        async with connected(settings, reason="polar-attio sync", report=report) as connection:
            context = replace(connection, stop=stop, upcoming=_UPCOMING)
            if customers:
                _insist_on_all((await sync_changed(context, customers)).unread)
            elif starts:
                await sync_hours(context, Hours(starts), _reported_already)
            elif with_companies:
                await reconcile(replace(context, upcoming=replace(_UPCOMING, finished=_COMPANIES_COME_NEXT)))
            else:
                await reconcile(context)
        if with_companies:
            async with connected(settings, reason="polar-attio sync", report=report) as connection:
                context = replace(connection, stop=stop, upcoming=_UPCOMING)
                await sync_companies(context, company_rules_of(settings))

    with shown(settings, "sync", say, debug=debug) as report:
        run_until_stopped(partial(work, report))


def _reported_already(hour: HourDone) -> None:
    """Say nothing about an hour: the report counts its customers."""


def _insist_on_all(unread: Sequence[str]) -> None:
    if unread:
        raise UnavailableError(
            f"Polar could not be asked for {', '.join(unread)}: they are as they were. Run this again later."
        )

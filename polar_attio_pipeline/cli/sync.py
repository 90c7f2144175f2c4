"""`polar-attio sync`: a pass without a daemon, by hand or from cron, that says on the terminal how far it is."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from polar_attio_pipeline.cli.one_customer import one_of, read
from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.reports import shown
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.cli.sync_json import passes_document
from polar_attio_pipeline.hours import named
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.companies import sync_companies
from polar_attio_pipeline.passes.connect import company_rules_of, connected
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.progress import Began, Ended, Event, Report, Upcoming
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.stopping import Stop, run_until_stopped
from polar_attio_pipeline.passes.who import WHO
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.telemetry.recording import both

_AGAIN = (
    "The next pass begins when this command is run again; it goes on where this one ended: what is in Attio is not "
    "written again."
)
_COMPANIES_COME_NEXT = "The pass over companies comes next."
_UPCOMING = Upcoming(
    finished="The next pass begins when this command is run again. A pass over all customers tries those again that "
    "were left out.",
    failed="When what the error names is corrected, run this command again: what is in Attio is not written again.",
    stopped=_AGAIN,
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom a pass is about; all customers where it names neither hours nor customers.

    Attributes:
        hours: The beginning of each hour.
        customers: Polar's ids.
    """

    hours: Sequence[datetime]
    customers: Sequence[str]


def sync(
    customers: Annotated[
        list[str] | None, typer.Argument(help=f"Some customers. {WHO} Without them: all.", show_default=False)
    ] = None,
    first: Annotated[str, typer.Option("--from", help="First hour, such as 2026-11-23-14:00; UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last hour; the first one alone if not given.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document; the progress is on standard error.")
    ] = False,
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
        chosen = Chosen(starts, [one_of(read(text), settings) for text in customers or ()])
        with _document(as_json=as_json) as heard:
            run(settings, chosen, lambda line: typer.echo(line, err=as_json), debug=debug, heard=heard)


@contextmanager
def _document(*, as_json: bool) -> Iterator[Callable[[Event], None]]:
    """Take what passes report, and print it as one document if that is wanted, however the command ends."""
    events: list[Began | Ended] = []

    def heard(event: Event) -> None:
        if isinstance(event, Began | Ended):
            events.append(event)

    failure: Exception | None = None
    try:
        yield heard
    except Exception as error:
        failure = error
        raise
    finally:
        if as_json:
            document = passes_document(events, error=str(failure) if failure else None)
            typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def run(
    settings: Settings, chosen: Chosen, say: Callable[[str], None], *, debug: bool, heard: Callable[[Event], None]
) -> None:
    """Run a pass over some customers, over some hours, or over all customers.

    Args:
        settings: All of it comes from there.
        chosen: Whom it is about.
        say: Takes each line of output.
        debug: Whether to show each request.
        heard: Takes what is reported, as values.

    Raises:
        UnavailableError: some of these customers could not be read; the others are done.
        PassStoppedError: it was asked to end, as by Ctrl-C, before it had done everything.
        Exception: as `reconcile` and `sync_hours`.
    """
    with_companies = settings.polar_attio_companies and not chosen.hours and not chosen.customers

    async def work(report: Report, stop: Stop) -> None:
        async with connected(settings, reason="polar-attio sync", report=report) as connection:
            context = replace(connection, stop=stop, upcoming=_UPCOMING)
            if chosen.customers:
                _insist_on_all((await sync_changed(context, chosen.customers)).unread)
            elif chosen.hours:
                await sync_hours(context, Hours(chosen.hours), _reported_already)
            elif with_companies:
                await reconcile(replace(context, upcoming=replace(_UPCOMING, finished=_COMPANIES_COME_NEXT)))
            else:
                await reconcile(context)
        if with_companies:
            async with connected(settings, reason="polar-attio sync", report=report) as connection:
                context = replace(connection, stop=stop, upcoming=_UPCOMING)
                await sync_companies(context, company_rules_of(settings))

    with shown(settings, "sync", say, debug=debug) as report:
        run_until_stopped(partial(work, both(heard, report)))


def _reported_already(hour: HourDone) -> None:
    """Say nothing about an hour: the report counts its customers."""


def _insist_on_all(unread: Sequence[str]) -> None:
    if unread:
        raise UnavailableError(
            f"Polar could not be asked for {', '.join(unread)}: they are as they were. Run this again later."
        )

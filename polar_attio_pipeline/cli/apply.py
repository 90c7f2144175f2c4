"""`polar-attio apply`: writes a plan that was kept in a file, as far as nothing has changed since."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from polar_attio_pipeline.cli.output import PARTLY, explained_errors
from polar_attio_pipeline.cli.reports import shown
from polar_attio_pipeline.cli.required import ATTIO_KEY, POLAR_TOKEN, settings_with
from polar_attio_pipeline.cli.wrapping import width, wrapped
from polar_attio_pipeline.passes.apply import Applied, apply_plan
from polar_attio_pipeline.passes.connect import connected
from polar_attio_pipeline.passes.plan_file import PlanFile, load
from polar_attio_pipeline.passes.progress import Report, Upcoming
from polar_attio_pipeline.passes.stopping import Stop, run_until_stopped
from polar_attio_pipeline.passes.story import words
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.outcomes import tally

_SHOWN = 20
"""Customers that are named at the terminal; `--json` has all."""

_AGAIN = "Apply the same file again: it writes the rest, and nothing twice."
_UPCOMING = Upcoming(failed=_AGAIN, stopped=_AGAIN)


def apply(
    file: Annotated[Path, typer.Argument(help="A plan that `polar-attio plan --out FILE` has kept.")],
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Write for this customer alone, by Polar's id; may be repeated.", metavar="ID"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document; the progress is on standard error.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show each request, without its values.")] = False,
) -> None:
    """Write exactly what a plan says, and nothing else.

    Each customer is read anew and its person looked at anew. Who has changed since, in Polar or in Attio, is left out
    and named. Applying a plan again writes what is left of it; nothing is written twice. A file that was edited, or is
    of another organization or workspace, is refused. Ctrl-C ends it between two writes.

    Exits with 0 when all of the plan is in Attio, 2 when some of it was left out, 1 when it failed, and 130 or 143
    when Ctrl-C or SIGTERM ended it.
    """
    with explained_errors():
        settings = settings_with(POLAR_TOKEN, ATTIO_KEY)
        plan = load(file)
        applied = run(settings, plan, lambda line: typer.echo(line, err=as_json), only=only or (), debug=debug)
    if as_json:
        typer.echo(json.dumps(as_document(plan, applied), ensure_ascii=False, indent=2))
    else:
        for line in lines(applied, width=width()):
            typer.echo(line)
    if not applied.is_whole:
        raise typer.Exit(PARTLY)


def run(settings: Settings, plan: PlanFile, say: Callable[[str], None], *, only: Sequence[str], debug: bool) -> Applied:
    """Apply a plan, and say how far it is.

    Args:
        settings: All of it comes from there.
        plan: The plan.
        say: Takes each line of output.
        only: Ids of the customers to write; none for all of them.
        debug: Whether to show each request.

    Raises:
        PassStoppedError: it was asked to end, as by Ctrl-C, before it had done everything.
        Exception: as `apply_plan`.
    """

    async def work(report: Report, stop: Stop) -> Applied:
        async with connected(settings, reason="polar-attio apply", report=report) as connection:
            return await apply_plan(replace(connection, stop=stop, upcoming=_UPCOMING), plan, only=only)

    with shown(settings, "apply", say, debug=debug) as report:
        return run_until_stopped(partial(work, report))


def as_document(plan: PlanFile, applied: Applied) -> dict[str, Any]:
    """Return what became of a plan, for `--json`: ids, attributes and sentences, no values."""
    return {
        "plan": {"made_at": plan.made_at.isoformat(), "sha256": plan.sha256},
        "counts": {
            **{result.value: number for result, number in tally(applied.agreed).items()},
            "drifted": len(applied.drifted),
            "not_read": len(applied.unread),
            "people_of_deleted_customers": applied.deletions_written,
        },
        "drifted": [
            {
                "customer": drift.customer_id,
                "attio_record": drift.record_id,
                "attributes": {key: how.value for key, how in drift.attributes.items()},
                "why": drift.sentence,
            }
            for drift in applied.drifted
        ],
        "failed": [
            {
                "customer": outcome.customer_id,
                "reason": outcome.reason.value if outcome.reason else None,
                "detail": outcome.detail,
                "attio": list(outcome.urls),
            }
            for outcome in applied.failed
        ],
        "not_read": list(applied.unread),
    }


def lines(applied: Applied, *, width: int) -> Iterator[str]:
    """Yield what a person reads of a plan that was applied, beside the story of the pass."""
    yield ""
    if applied.is_whole:
        yield "All of the plan is in Attio."
        return
    left = [
        *((f"{drift.customer_id}: {drift.sentence}") for drift in applied.drifted),
        *((f"{one.customer_id}: {words(one.reason)}" if one.reason else one.customer_id) for one in applied.failed),
        *((f"{customer_id}: Polar could not be asked. Apply the plan again.") for customer_id in applied.unread),
    ]
    yield f"Not written as the plan says, {len(left):,}:"
    for one in left[:_SHOWN]:
        yield from wrapped(one, width, indent="  ", hanging=True)
    if len(left) > _SHOWN:
        yield f"  and {len(left) - _SHOWN:,} more (--json has all)"
    yield "To see what these need now, make a new plan: polar-attio plan --out FILE"

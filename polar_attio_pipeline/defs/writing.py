"""What each asset that writes to Attio does in its run: the pass, and how many people there are after it."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import TypeVar

import dagster as dg

from polar_attio_pipeline.defs.external import PEOPLE_IN_ATTIO
from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.observation import observation, record_counts
from polar_attio_pipeline.defs.reporting import totals
from polar_attio_pipeline.defs.resources import LedgerResource, given, pass_context
from polar_attio_pipeline.defs.run_log import run_pass
from polar_attio_pipeline.defs.stopped import WAITS_FOR, approved_by
from polar_attio_pipeline.passes.guards import ApprovableError
from polar_attio_pipeline.passes.progress import Report, Upcoming
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.stopping import Stop

_Result = TypeVar("_Result")


def run_writing(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    names: Names,
    upcoming: Upcoming,
    work: Callable[[PassContext], Awaitable[_Result]],
    *,
    approve: Collection[str] = (),
) -> _Result:
    """Connect both services and run a pass.

    Args:
        context: Of the run.
        names: Of the instance of the pipeline.
        upcoming: What happens after the pass.
        work: The pass.
        approve: What the run's config approves.

    Raises:
        dagster.Failure: the pass failed, in a sentence that says what to do.
        dagster.DagsterExecutionInterruptedError: Dagster, or the machine, has asked for the run to end.
    """
    approved = approved_by(context.run, approve, context.log)

    async def run(report: Report, stop: Stop) -> _Result:
        async with pass_context(context.run, context.resources, names, report) as connected:
            try:
                return await work(replace(connected, stop=stop, upcoming=upcoming, approve=approved))
            except ApprovableError as error:
                context.instance.add_run_tags(context.run.run_id, {WAITS_FOR: error.change.name})
                raise

    return run_pass(context.log, run, observation(context, names))


def observe_people(context: dg.AssetExecutionContext, names: Names) -> None:
    """Record how many customers are in Attio by now, for the plots of Attio's people.

    Raises:
        dagster.Failure: the ledger cannot be used.
    """
    with explained_failures():
        counts = given(context.resources, names.of("ledger"), LedgerResource).open().counts()
    record_counts(context, names, counts)
    context.log_event(dg.AssetObservation(names.asset(PEOPLE_IN_ATTIO), metadata=totals(counts)))

"""What every writing pass has: the lease, a row of its own in the ledger, and outcomes that are stored as they come.

It reports what it does from its beginning to its end, however it ends.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from polar_attio_pipeline.ledger import LedgerError, Recorder
from polar_attio_pipeline.passes.audience import check_audience
from polar_attio_pipeline.passes.garbage import fewer_collections
from polar_attio_pipeline.passes.guards import UNINSTALL, check_installed
from polar_attio_pipeline.passes.lease import one_writer
from polar_attio_pipeline.passes.left_out import LeftOutSoFar
from polar_attio_pipeline.passes.progress import Began, Ending, Stage, Stopping
from polar_attio_pipeline.passes.reporter import ProgressReporter, reporting
from polar_attio_pipeline.passes.retention import expire_quietly
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.settling_earlier import settle_earlier
from polar_attio_pipeline.passes.summary import Summary
from polar_attio_pipeline.sync.companies.ports import Companies
from polar_attio_pipeline.sync.engine import STOP_SECONDS
from polar_attio_pipeline.sync.outcomes import Outcome, Result
from polar_attio_pipeline.sync.undo.values import UNDO

RECONCILIATION = "reconciliation"
"""The kind of a pass over all customers."""

FINISHED = "finished"
"""How a pass ended that did all that it was to do; else its row has the sentence of the error."""

_TAKES_BACK = frozenset({UNDO, UNINSTALL})
"""Kinds of passes that bring nothing to Attio."""

STOPPED = "stopped before its end"
"""How a pass ended that was cancelled, such as by a person who stopped the run."""


@dataclass(frozen=True)
class Work:
    """A pass under way.

    Attributes:
        fencing_token: Of the lease.
        recorder: Stores outcomes, and what is written.
        summary: What it has done so far.
    """

    fencing_token: int
    recorder: Recorder
    summary: Summary

    @property
    def counts(self) -> Mapping[Result, int]:
        """Customers by result, so far."""
        return self.summary.counts

    @property
    def reporter(self) -> ProgressReporter:
        """Reports what the pass does."""
        return self.summary.reporter

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes and store them."""
        self.summary.add(outcomes)
        self.recorder.record(outcomes)


@asynccontextmanager
async def writing_pass(
    context: PassContext, *, kind: str, what: str, companies: Companies | None = None
) -> AsyncIterator[Work]:
    """Hold the lease, and have the pass on record from its beginning to its end.

    Before anything else it is looked up what became of writes that an earlier pass did not see answered.

    Args:
        context: Of the pass.
        kind: "hourly", "reconciliation".
        what: What it does, for those who wait for it.
        companies: The CRM's companies, for a pass that writes to them.

    Raises:
        GuardError: it cannot be judged who is to be written, or the sync was uninstalled.
        UnavailableError: another writer did not end, or took over.
        LedgerError: the ledger cannot be used.
    """
    async with reporting(context.report, (context.polar.api, context.attio.api)) as reporter:
        reporter.send(Began(what, context.reason, kind, context.pass_id))
        context.stop.heard = lambda: reporter.send(Stopping(STOP_SECONDS))
        summary = Summary(reporter, LeftOutSoFar(context.polar.link))
        try:
            lease = one_writer(context.ledger, what=what, timing=context.timing, waits=reporter.waits_for_writer)
            async with lease as fencing_token:
                reporter.enter(Stage.READING)
                async with _on_record(context, summary, kind) as recorder:
                    await settle_earlier(context, recorder, companies)
                    if kind not in _TAKES_BACK:
                        check_installed(context)
                    await check_audience(context)
                    with fewer_collections():
                        yield Work(fencing_token, recorder, summary)
        except (Exception, asyncio.CancelledError) as error:
            how = Ending.STOPPED if isinstance(error, asyncio.CancelledError) else Ending.FAILED
            reporter.send(summary.ended(how, context, error=error))
            raise
        reporter.send(summary.ended(Ending.FINISHED, context))


@asynccontextmanager
async def _on_record(context: PassContext, summary: Summary, kind: str) -> AsyncIterator[Recorder]:
    context.ledger.begin_pass(context.pass_id, kind=kind, reason=context.reason)
    try:
        with context.ledger.recording(context.pass_id) as recorder:
            yield recorder
    except (Exception, asyncio.CancelledError) as error:
        with suppress(LedgerError):
            _end(context, summary, str(error) or STOPPED)
        raise
    _end(context, summary, FINISHED)
    expire_quietly(context.ledger, context.rules)


def _end(context: PassContext, summary: Summary, ended: str) -> None:
    counts = {result.value: number for result, number in summary.counts.items()}
    context.ledger.end_pass(context.pass_id, ended=ended, counts=counts, requests=context.requests())

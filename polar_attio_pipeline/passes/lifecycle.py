"""What every writing pass has: the lease, a row of its own in the ledger, and outcomes that are stored as they come."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from polar_attio_pipeline.ledger import LedgerError, Recorder
from polar_attio_pipeline.passes.lease import one_writer
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.outcomes import Outcome, Result

FINISHED = "finished"
"""How a pass ended that did all that it was to do; else its row has the sentence of the error."""

STOPPED = "stopped before its end"
"""How a pass ended that was cancelled, such as by a person who stopped the run."""


@dataclass
class Work:
    """A pass under way.

    Attributes:
        fencing_token: Of the lease.
        recorder: Stores outcomes, and what is written.
        counts: Customers by result, so far.
    """

    fencing_token: int
    recorder: Recorder
    counts: Counter[Result] = field(default_factory=Counter)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes and store them."""
        self.counts.update(outcome.result for outcome in outcomes)
        self.recorder.record(outcomes)


@asynccontextmanager
async def writing_pass(context: PassContext, *, kind: str, what: str) -> AsyncIterator[Work]:
    """Hold the lease, and have the pass on record from its beginning to its end.

    Args:
        context: Of the pass.
        kind: "hourly", "reconciliation".
        what: What it does, for those who wait for it.

    Raises:
        UnavailableError: another writer did not end, or took over.
        LedgerError: the ledger cannot be used.
    """
    async with one_writer(context.ledger, what=what) as fencing_token:
        context.ledger.begin_pass(context.pass_id, kind=kind, reason=context.reason)
        work: Work | None = None
        try:
            with context.ledger.recording(context.pass_id) as recorder:
                work = Work(fencing_token, recorder)
                yield work
        except (Exception, asyncio.CancelledError) as error:
            with suppress(LedgerError):
                _end(context, work, str(error) or STOPPED)
            raise
        _end(context, work, FINISHED)


def _end(context: PassContext, work: Work | None, ended: str) -> None:
    counts = {result.value: number for result, number in work.counts.items()} if work else {}
    context.ledger.end_pass(context.pass_id, ended=ended, counts=counts, requests=context.requests())

"""What every writing pass has: the lease, a row of its own in the ledger, and outcomes that are stored as they come.

It tells what it does from its beginning to its end, however it ends.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.passes.lease import one_writer
from polar_attio_pipeline.passes.left_out import LeftOutSoFar
from polar_attio_pipeline.passes.progress import Began, Ended, Ending, Stage, Stopping
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.telling import Teller, telling
from polar_attio_pipeline.sync.engine import STOP_SECONDS
from polar_attio_pipeline.sync.outcomes import Outcome, Result

FINISHED = "finished"
"""How a pass ended that did all that it was to do; else its row has the sentence of the error."""

STOPPED = "stopped before its end"
"""How a pass ended that was cancelled, such as by a person who stopped the run."""


@dataclass
class Work:
    """A pass under way.

    Attributes:
        teller: Tells what it does.
        left_out: The customers who are not in Attio as they should be.
        turn: Of the lease; 0 before there is one.
        counts: Customers by result, so far.
        customers: How many there are in all; None while that is not known.
    """

    teller: Teller
    left_out: LeftOutSoFar
    turn: int = 0
    counts: Counter[Result] = field(default_factory=Counter)
    customers: int | None = None
    store: Callable[[Sequence[Outcome]], None] = lambda _: None

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes and store them."""
        self.counts.update(outcome.result for outcome in outcomes)
        self.left_out.add(outcomes)
        if self.teller.stage is Stage.WRITING:
            self.teller.advance(len(outcomes))
        self.store(outcomes)

    def ended(self, how: Ending, context: PassContext) -> Ended:
        """Return what to say at its end."""
        apis = context.polar.api, context.attio.api
        return Ended(
            how=how,
            counts=dict(self.counts),
            left_out=self.left_out.by_reason(),
            remaining=None if self.customers is None else max(0, self.customers - sum(self.counts.values())),
            seconds=self.teller.seconds(),
            requests=context.requests(),
            throttled=sum(api.stats.throttled for api in apis),
            upcoming=context.upcoming.after(how),
        )


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
    async with telling(context.report, (context.polar.api, context.attio.api)) as teller:
        teller.tell(Began(what, context.reason))
        context.stop.heard = lambda: teller.tell(Stopping(STOP_SECONDS))
        work = Work(teller, LeftOutSoFar(context.polar.link))
        try:
            async with one_writer(context.ledger, what=what, waits=teller.waits_for_writer) as work.turn:
                teller.enter(Stage.READING)
                async with _on_record(context, work, kind):
                    yield work
        except (Exception, asyncio.CancelledError) as error:
            is_stopped = isinstance(error, asyncio.CancelledError)
            teller.tell(work.ended(Ending.STOPPED if is_stopped else Ending.FAILED, context))
            raise
        teller.tell(work.ended(Ending.FINISHED, context))


@asynccontextmanager
async def _on_record(context: PassContext, work: Work, kind: str) -> AsyncIterator[None]:
    context.ledger.begin_pass(context.pass_id, kind=kind, reason=context.reason)
    try:
        with context.ledger.recording(context.pass_id) as work.store:
            yield
    except (Exception, asyncio.CancelledError) as error:
        with suppress(LedgerError):
            _end(context, work, str(error) or STOPPED)
        raise
    _end(context, work, FINISHED)


def _end(context: PassContext, work: Work, ended: str) -> None:
    counts = {result.value: number for result, number in work.counts.items()}
    context.ledger.end_pass(context.pass_id, ended=ended, counts=counts, requests=context.requests())

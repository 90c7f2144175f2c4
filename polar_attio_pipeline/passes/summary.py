"""What a pass has done so far, in numbers and by reason, for its story."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.passes.left_out import LeftOutSoFar
from polar_attio_pipeline.passes.progress import Ended, Ending, Stage
from polar_attio_pipeline.passes.reporter import ProgressReporter
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.outcomes import Outcome, Result


@dataclass
class Summary:
    """A pass under way, summed up.

    Attributes:
        reporter: Reports what the pass does.
        left_out: The customers who are not in Attio as they should be.
        counts: Customers by result; companies in a pass over these.
        customers: How many there are in all of what `counts` counts; None while that is not known.
        notes: What the pass could not read, in sentences, although its customers have an outcome.
        noun: What `counts` counts.
    """

    reporter: ProgressReporter
    left_out: LeftOutSoFar
    counts: Counter[Result] = field(default_factory=Counter)
    customers: int | None = None
    notes: list[str] = field(default_factory=list)
    noun: str = "customer"

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take in outcomes."""
        self.counts.update(outcome.result for outcome in outcomes)
        self.left_out.add(outcomes)
        if self.reporter.stage is Stage.WRITING:
            self.reporter.advance(len(outcomes))

    def ended(self, how: Ending, context: PassContext, *, error: BaseException | None = None) -> Ended:
        """Return what to say at the end of the pass.

        Args:
            how: It ended.
            context: Of the pass.
            error: What has ended it; None where it has done all that it was to do.
        """
        apis = context.polar.api, context.attio.api
        return Ended(
            how=how,
            counts=dict(self.counts),
            left_out=self.left_out.by_reason(),
            remaining=None if self.customers is None else max(0, self.customers - sum(self.counts.values())),
            seconds=self.reporter.seconds(),
            requests=context.requests(),
            throttled=sum(api.stats.throttled for api in apis),
            upcoming=context.upcoming.after(how),
            notes=tuple(self.notes),
            noun=self.noun,
            error=type(error).__name__ if how is Ending.FAILED else None,
        )

"""Who is not in Attio as they should be, counted and named by reason. Memory does not grow with them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from polar_attio_pipeline.passes.progress import LeftOut
from polar_attio_pipeline.passes.story import LINKS_SHOWN
from polar_attio_pipeline.polar.ids import canonical_id
from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Reason, Result


class LeftOutSoFar:
    """The customers of a pass who are rejected, ambiguous, or in Attio without a value that Attio refused.

    Args:
        link: Returns the page of a customer in Polar's dashboard.
    """

    def __init__(self, link: Callable[[str], str]) -> None:
        self._link = link
        self._counts: Counter[tuple[Result, Reason]] = Counter()
        self._shown: defaultdict[tuple[Result, Reason], list[str]] = defaultdict(list)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Take in outcomes, of every kind."""
        for outcome in outcomes:
            is_short = outcome.result in FAILED or outcome.reason is Reason.PARTLY_REFUSED
            if not is_short or outcome.reason is None:
                continue
            why = outcome.result, outcome.reason
            self._counts[why] += 1
            if len(self._shown[why]) < LINKS_SHOWN:
                self._shown[why].append(self._named(outcome))

    def by_reason(self) -> list[LeftOut]:
        """Return them by reason, the most frequent first."""
        return [LeftOut(*why, count, tuple(self._shown[why])) for why, count in self._counts.most_common()]

    def _named(self, outcome: Outcome) -> str:
        """Return a customer's links: the first, into Polar, ends with its id. Of a broken row nothing is shown."""
        if canonical_id(outcome.customer_id) is None:
            return "a row without a readable id"
        return " ".join((self._link(outcome.customer_id), *outcome.urls))

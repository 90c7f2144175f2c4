"""What a schedule came to."""

from collections import Counter
from dataclasses import dataclass, field

from polar_attio_pipeline_tests.faults.bounds import Length
from polar_attio_pipeline_tests.faults.oracle import Verdict


@dataclass
class Account:
    """What a schedule came to. Lists hold a sentence for each finding.

    Attributes:
        injected: Faults by kind.
        customers: In Polar at the end.
        rounds: Rounds of the normal cadence after the faults until everything was true; one more than the most that
            are tried when it never was.
        verdict: After the first of them.
        harmed: Healthy customers who were not right in Attio in the calm, while only lasting faults were left.
        unexplained: Customers of whom the ledger did not say what became of them in the calm.
        lengths: How long each pass took, and how long it may take.
        unrecorded: Writes that Attio has and the history lacks.
        made_up: What is in the history and was never written.
        foreign: What passes with the token of another organization changed.
        early_retries: Requests that came before a Retry-After had run out.
        idle_writes: Writes of one more round, when nothing differs.
        diary: What happened, line by line.
    """

    number: int
    injected: Counter[str] = field(default_factory=Counter)
    customers: int = 0
    passes: int = 0
    writes: int = 0
    rounds: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    harmed: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    lengths: list[Length] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    made_up: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    early_retries: int = 0
    idle_writes: int = 0
    diary: list[str] = field(default_factory=list)

    @property
    def over_time(self) -> list[Length]:
        """Return the passes that took longer than they may."""
        return [length for length in self.lengths if length.is_over]

    @property
    def is_good(self) -> bool:
        """Whether nothing at all is to be complained of."""
        lists = (self.harmed, self.unexplained, self.over_time, self.unrecorded, self.made_up, self.foreign)
        counted = (*lists, self.early_retries, self.idle_writes)
        return self.verdict.is_true and self.rounds == 1 and not any(counted)

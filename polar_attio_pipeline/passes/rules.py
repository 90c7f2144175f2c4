"""What a pass may do, and what it works with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.lease import Timing
from polar_attio_pipeline.passes.progress import Report, Upcoming
from polar_attio_pipeline.passes.stopping import Stop
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.ports import History, NoHistory
from polar_attio_pipeline.sync.services import Pace, Services


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pass may do; the meanings and defaults stand in `settings`."""

    overwrite_typed: bool = False
    audience: Audience = Audience.EVERYBODY
    snapshot_age: timedelta = timedelta(minutes=5)
    unmark_orphaned: bool = False
    unmark_max_share: float = 0.1
    shrink_max_share: float = 0.2
    change_max_share: float = 0.2
    change_min_people: int = 25
    history_days: int = 730
    forget_deleted_days: int = 90


@dataclass(frozen=True, slots=True)
class PassContext:
    """Everything that a pass works with.

    Attributes:
        pass_id: Names the pass in the ledger: Dagster's run id where a run is the pass.
        reason: Why it was started, in words.
        polar: The billing side, connected.
        attio: The CRM, connected.
        ledger: What is on record.
        rules: What it may do.
        pace: The configured rates.
        report: Takes what the pass reports while it works; None where it is not reported.
        upcoming: What happens after the pass, in sentences of the program that starts it.
        stop: Whether the pass was asked to end.
        approve: Names of what the person who started the pass approves (`approvals.CONFIRMABLE`).
        timing: Of the lease; the same for all that write with one ledger.
    """

    pass_id: str
    reason: str
    polar: PolarClient
    attio: AttioClient
    ledger: Ledger
    rules: Rules = field(default_factory=Rules)
    pace: Pace = field(default_factory=Pace)
    report: Report | None = None
    upcoming: Upcoming = field(default_factory=Upcoming)
    stop: Stop = field(default_factory=Stop)
    approve: frozenset[str] = frozenset()
    timing: Timing = field(default_factory=Timing)

    def services(self, history: History | None = None) -> Services:
        """Return both sides as the engine wants them.

        Args:
            history: Keeps on record what is written; None for a pass that writes nothing.

        Raises:
            LedgerError: the ledger cannot say which customers are left out.
        """
        return Services(
            people=self.attio,
            source=self.polar,
            targets=self.attio.targets,
            overwrite_typed=self.rules.overwrite_typed,
            audience=self.rules.audience,
            skipped=self.ledger.skipped(),
            memory=self.ledger,
            history=history or NoHistory(),
            pace=self.pace,
            refused_in=f"{datetime.now(UTC):%Y-%m-%d} {self.attio.workspace.fingerprint}",
            is_stopping=self.stop.is_requested,
        )

    def requests(self) -> int:
        """Return how many requests were sent so far, to both services."""
        return self.polar.api.stats.requests.total() + self.attio.api.stats.requests.total()

"""What a pass reports while it works, as values: `story` makes sentences of them, the same ones everywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from polar_attio_pipeline.passes.company_progress import Grouped
from polar_attio_pipeline.sync.outcomes import Reason, Result


class Stage(StrEnum):
    """What a pass is doing; the value is the beginning of a sentence."""

    CONNECTING = "Looking at the workspace in Attio"
    LEASE = "Waiting for the right to write"
    READING = "Reading Polar"
    COMPARING = "Comparing Polar with Attio"
    LOOKING_AHEAD = "Counting whom the pass would change"
    WRITING = "Bringing customers to Attio"
    DELETIONS = "Writing to people whose customer was deleted"
    COMPANIES = "Bringing companies to Attio"
    LINKS = "Linking people to their companies"
    UNDO = "Taking back what a pass wrote"
    UNINSTALL = "Taking the sync's values out of Attio"


class Ending(Enum):
    """How a pass ended."""

    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What happens after the pass, in sentences of the program that has started it.

    Attributes:
        finished: When it has done everything.
        failed: When an error has ended it.
        stopped: When a person or the machine has ended it.
    """

    finished: str = ""
    failed: str = ""
    stopped: str = ""

    def after(self, how: Ending) -> str:
        """Return what happens after such an ending."""
        return {Ending.FINISHED: self.finished, Ending.FAILED: self.failed, Ending.STOPPED: self.stopped}[how]


@dataclass(frozen=True, slots=True)
class Began:
    """A pass has begun.

    Attributes:
        what: What it does, as the subject of a sentence.
        reason: Why it was started.
        kind: As the ledger has it: "hourly", "reconciliation".
        pass_id: Names it in the ledger.
    """

    what: str
    reason: str
    kind: str
    pass_id: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pass is.

    Attributes:
        stage: What it is doing.
        done: Customers with an outcome, or read, in this stage.
        total: Of how many; None while that is not known.
        people: People of Attio read so far, where the stage reads them.
        pace: Customers a second of late; None where nothing can be said.
        left: Seconds that the rest takes at this pace; None where nothing can be said.
        idle: Seconds since anything advanced.
        waiting_for: What is waited for, as a sentence without its full stop; None where nothing is.
        until: When the waiting ends at the latest, aware; None where that is not known.
    """

    stage: Stage
    done: int = 0
    total: int | None = None
    people: int = 0
    pace: float | None = None
    left: float | None = None
    idle: float = 0
    waiting_for: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SnapshotRead:
    """The customers of some hours have been read, for the step that brings them to Attio.

    Attributes:
        hours: How many hours.
        customers: How many customers they hold.
        unreadable: How many more rows they hold that cannot be read.
        requests: Made for it.
    """

    hours: int
    customers: int
    unreadable: int
    requests: int


@dataclass(frozen=True, slots=True)
class HoursRead:
    """The customers of some hours are known, read just now or by an earlier step of this run.

    Attributes:
        hours: How many hours.
        customers: How many customers they hold.
        absent: Customers of these hours who are on record and whom Polar no longer has.
        retried: Customers of other hours who are tried again.
    """

    hours: int
    customers: int
    absent: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class ChangedRead:
    """Customers that have changed were read anew.

    Attributes:
        customers: How many Polar has.
        absent: How many were deleted.
        unread: How many could not be read.
    """

    customers: int
    absent: int
    unread: int


@dataclass(frozen=True, slots=True)
class BillingRead:
    """All subscriptions, or all orders, have been read.

    Attributes:
        what: "subscriptions" or "orders".
        count: How many.
        customers: Of how many customers.
    """

    what: str
    count: int
    customers: int


@dataclass(frozen=True, slots=True)
class Compared:
    """All customers have been compared with the people of Attio.

    Attributes:
        customers: Live customers of Polar.
        people: People of Attio who are marked or hold a Polar id.
        unchanged: Customers who need nothing.
        pending: Customers to look up, and probably to write.
        writes_per_second: How fast writes may leave.
    """

    customers: int
    people: int
    unchanged: int
    pending: int
    writes_per_second: float


@dataclass(frozen=True, slots=True)
class Marks:
    """People of Attio whose mark or Polar id belongs to no customer, or to somebody else too; links into Attio."""

    orphaned: Sequence[str]
    unmarked: Sequence[str]
    copied: Sequence[str]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Customers who are not in Attio as they should be, for one reason.

    Attributes:
        result: What became of them; other than rejected and ambiguous where Attio refused some values only.
        reason: Why.
        count: How many.
        shown: The first of them, each by its links into Polar, which ends with its id, and into Attio.
    """

    result: Result
    reason: Reason
    count: int
    shown: Sequence[str]


@dataclass(frozen=True, slots=True)
class Stopping:
    """The pass was asked to end, and does so as soon as the writes under way have ended.

    Attributes:
        seconds: How long that takes at most.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """A pass has ended.

    Attributes:
        how: By itself, by an error, or because somebody stopped it.
        counts: Customers, or companies, by result.
        left_out: Those of them who are not in Attio as they should be, by reason.
        remaining: Customers without an outcome; None where the pass does not know them yet.
        seconds: How long it took.
        requests: Sent to both services.
        throttled: How many of them were answered 429.
        upcoming: What happens next.
        notes: What the pass could not read, in sentences, although its customers have an outcome.
        noun: What `counts` counts.
        error: The class of the error that has ended it; None where none has.
    """

    how: Ending
    counts: Mapping[Result, int]
    left_out: Sequence[LeftOut]
    remaining: int | None
    seconds: float
    requests: int
    throttled: int
    upcoming: str
    notes: Sequence[str] = ()
    noun: str = "customer"
    error: str | None = None


Read = SnapshotRead | HoursRead | ChangedRead | BillingRead
"""What was read of Polar."""

Event = Began | Progress | Read | Compared | Grouped | Marks | Stopping | Ended

Report = Callable[[Event], None]
"""Takes what a pass reports, at once: the pass waits for it."""

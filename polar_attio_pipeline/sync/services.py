"""What a pass works with: both services, what may be written, and how fast."""

from collections.abc import Callable
from dataclasses import dataclass, field

from polar_attio_pipeline.sync.audience import Audience
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.ports import CustomerSource, History, Memory, NoHistory, NoMemory, People


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast requests may leave, per second: what a pass can do in a given time follows from it."""

    writes: float = 20
    questions: float = 5


@dataclass(frozen=True, slots=True)
class Services:
    """Both sides of a pass, and what it may write.

    Attributes:
        people: The CRM's people.
        source: The billing side, for questions about one customer.
        targets: The attributes of this workspace.
        overwrite_typed: Whether Polar wins over values that a workspace member typed.
        audience: Which customers are written although no person in the CRM holds their id.
        skipped: Ids of the customers that a person has chosen to leave out: they are not written at all.
        memory: What earlier passes have put on record.
        history: Keeps on record what this pass writes.
        pace: The configured rates.
        refused_in: What decides, beside the values, whether a refused write would be refused again: the workspace's
            attributes and the day.
        is_stopping: Tells whether somebody has asked for the pass to end: then writes under way may come to an end.
    """

    people: People
    source: CustomerSource
    targets: tuple[Target, ...]
    overwrite_typed: bool = False
    audience: Audience = Audience.EVERYBODY
    skipped: frozenset[str] = frozenset()
    memory: Memory = field(default_factory=NoMemory)
    history: History = field(default_factory=NoHistory)
    pace: Pace = field(default_factory=Pace)
    refused_in: str = ""
    is_stopping: Callable[[], bool] = lambda: False

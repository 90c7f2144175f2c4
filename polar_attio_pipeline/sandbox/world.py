"""Everything that a sandbox is: both services' state, what goes wrong, what was seen."""

from dataclasses import InitVar, dataclass, field

from polar_attio_pipeline.sandbox.attio.limits import AttioLimits
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.faults import Faults
from polar_attio_pipeline.sandbox.limits import REAL
from polar_attio_pipeline.sandbox.pipeline_view import PipelineView
from polar_attio_pipeline.sandbox.polar.churn import ChurnRunner
from polar_attio_pipeline.sandbox.polar.limits import Environment, PolarLimits
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.seed import known_people, seed_customers
from polar_attio_pipeline.sandbox.traffic import Traffic


@dataclass
class Sandbox:
    """Two services and everything around them. A new one holds nobody.

    Args:
        seed: Of ids and of the draws of faults and churn.
        scale: Of the rate limits: `REAL`, `OFF` or a factor.
        clock: The sandbox's time.
        dagster_url: Where the page links to for Dagster's UI; None: it does not.
        pipeline: What keeps Attio in step with Polar, for the page; None: the page says that there is none.
        environment: Which Polar it stands in for.

    Attributes:
        churn: What happens to the customers while they are paged through.
        known: How many people `fill` has put into Attio, as typed by hand.
    """

    seed: int = 1
    scale: InitVar[float] = REAL
    clock: Clock = field(default_factory=Clock)
    dagster_url: str | None = None
    pipeline: PipelineView | None = None
    environment: InitVar[Environment] = "production"
    polar: PolarWorld = field(init=False)
    attio: AttioWorld = field(init=False)
    polar_limits: PolarLimits = field(init=False)
    attio_limits: AttioLimits = field(init=False)
    churn: ChurnRunner = field(init=False)
    faults: Faults = field(init=False)
    traffic: Traffic = field(init=False)
    known: int = field(init=False, default=0)

    def __post_init__(self, scale: float, environment: Environment) -> None:
        """Build both worlds on the one clock."""
        self.polar = PolarWorld(self.clock, seed=self.seed)
        self.attio = AttioWorld(clock=self.clock, seed=self.seed)
        self.polar_limits = PolarLimits(self.clock, scale, environment)
        self.attio_limits = AttioLimits(self.clock, scale)
        self.churn = ChurnRunner(self.polar, seed=self.seed)
        self.faults = Faults(self.clock, seed=self.seed)
        self.traffic = Traffic(self.clock)

    def set_limits(self, scale: float) -> None:
        """Scale every rate limit of both services."""
        self.polar_limits.scale = self.attio_limits.scale = scale

    def fill(self, *, customers: int, seed: int) -> None:
        """Put generated customers into Polar, and a few of them, typed by hand, into Attio where they are missing."""
        seed_customers(self.polar, customers=customers, seed=seed, now=self.clock())
        held = {email.lower() for person in self.attio.people() for email in person.emails}
        for person in known_people(self.polar, seed=seed):
            if not held.intersection(person.emails):
                self.attio.add_person(emails=person.emails, name=person.name)
                self.known += 1

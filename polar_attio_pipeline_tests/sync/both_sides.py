"""The sandbox of both services, and the real clients on it: in process, without limits."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.attio.values import encode
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.polar.customers import Listing
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.attio.people import NewPerson, PersonView
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.comparison import Comparison
from polar_attio_pipeline.sync.engine import preview, sync
from polar_attio_pipeline.sync.mapping import wanted
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.planning import Plan
from polar_attio_pipeline.sync.reconciliation import Book, bring, compare
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline_tests.attributes import KNOWN, add_attributes
from polar_attio_pipeline_tests.polar.reading import read_all

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
UNLIMITED = 1e9
IMPATIENT = RetryPolicy(attempts=3, first_wait=0.0001, longest_wait=0.0001)
SLUGS = {key: key for key in BY_KEY}


@dataclass
class BothSides:
    """Polar and Attio, connected.

    Attributes:
        recorded: Every outcome, in the order in which it became known.
    """

    sandbox: Sandbox
    source: PolarClient
    people: AttioClient
    recorded: list[Outcome] = field(default_factory=list)

    @property
    def polar(self) -> PolarWorld:
        return self.sandbox.polar

    @property
    def attio(self) -> AttioWorld:
        return self.sandbox.attio

    @property
    def services(self) -> Services:
        return Services(self.people, self.source, self.people.targets)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        self.recorded.extend(outcomes)

    def outcomes(self) -> dict[str, Outcome]:
        """The outcomes since the last call by customer; one each."""
        found = {outcome.customer_id: outcome for outcome in self.recorded}
        assert len(found) == len(self.recorded), "a customer has two outcomes"
        self.recorded.clear()
        return found

    async def customers(self) -> dict[str, Customer]:
        """All customers."""
        return (await read_all(self.source)).customers

    async def pages(self, *, but: str = "") -> AsyncIterator[list[Customer]]:
        """All customers as it is read; somebody can be left out."""
        async for page in Listing(self.source, export_first=False).pages():
            yield [customer for customer in page if customer.id != but]

    def book(self, *, but: str = "") -> Book:
        """What a comparison reads: nobody comes meanwhile."""
        return Book(self.pages(but=but), no_newcomers())

    async def one_pass(self) -> dict[str, Outcome]:
        """Read the book, sync it, and return the outcomes by customer."""
        await sync((await self.customers()).values(), self.services, self.record)
        return self.outcomes()

    async def planned(self, customers: Iterable[Customer]) -> dict[str, Plan]:
        """What the preview says, by customer."""
        looks = [look async for look in preview(customers, self.services)]
        assert not any(look.outcomes for look in looks), "a customer has an outcome instead of a plan"
        return {plan.customer.id: plan for look in looks for plan in look.plans}

    async def reconcile(self) -> Comparison:
        """Reconcile all customers, and return the comparison."""
        comparison = await compare(self.book(), self.services, self.record)
        await bring(comparison.pending(), comparison, self.services, self.record)
        return comparison

    def requests(self) -> tuple[int, int]:
        """Reads and writes that reached Attio since the last call."""
        traffic = self.sandbox.traffic
        found = traffic.count(service="attio", kind="read"), traffic.count(service="attio", kind="write")
        traffic.reset()
        return found

    def add_customers(self, count: int) -> None:
        """Fill Polar's customers: a customer a minute, the first the oldest."""
        for number in range(count):
            self.polar.add_customer(
                email=f"customer-{number}@example.com",
                name=f"Customer {number}",
                created_at=NOW - timedelta(minutes=count - number),
            )

    def put_in_attio(self, customers: Iterable[Customer]) -> None:
        """Have Attio hold these customers as a pass leaves them."""
        types = {target.attribute.key: target.type for target in self.people.targets}
        new = []
        for customer in customers:
            values = wanted(customer, self.people.targets).values
            encoded = {key: encode(types[key], value) for key, value in values.items()}
            new.append(NewPerson([customer.address or ""], values=encoded))
        self.attio.add_people(new, actor="api-token", companies=False)

    def person_of(self, customer_id: str) -> PersonView:
        """The one person that holds a Polar id."""
        (found,) = (view for view in self.attio.people() if view.values.get("polar_customer_id") == customer_id)
        return found


def new_sandbox(**settings: Any) -> Sandbox:
    """Nobody in Polar, nobody in Attio, and every attribute that the sync can write."""
    sandbox = Sandbox(scale=OFF, clock=Clock(source=lambda: NOW), **settings)
    add_attributes(sandbox.attio, KNOWN)
    return sandbox


@asynccontextmanager
async def connect(sandbox: Sandbox, slugs: Mapping[str, str] = SLUGS) -> AsyncIterator[BothSides]:
    """Connect the real clients to a sandbox, without a network."""
    transport = httpx.ASGITransport(create_app(sandbox))
    async with (
        polar_api(
            token=SecretStr(POLAR_TOKEN),
            base_url="http://sandbox",
            requests_per_minute=UNLIMITED,
            retry=IMPATIENT,
            transport=transport,
        ) as polar,
        attio_api(
            api_key=SecretStr(ATTIO_TOKEN),
            base_url="http://sandbox",
            reads_per_second=UNLIMITED,
            writes_per_second=UNLIMITED,
            retry=IMPATIENT,
            transport=transport,
        ) as attio,
    ):
        yield BothSides(sandbox, PolarClient(polar), await AttioClient.connect(attio, slugs))


async def no_newcomers() -> AsyncIterator[list[Customer]]:
    """Yield nothing."""
    nothing: list[list[Customer]] = []
    for portion in nothing:
        yield portion

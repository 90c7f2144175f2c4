"""Passes on the sandbox of both services: in process, without limits, on a ledger of their own."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.attio.people import people_with
from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.mapped_setting import parse
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours
from polar_attio_pipeline.passes.reconciliation import Reconciliation, reconcile
from polar_attio_pipeline.passes.rules import PassContext, Rules
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.attio.people import PersonView
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.mapped import Mapped, sources
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.attributes import add_attributes

UNLIMITED = 1e9
IMPATIENT = RetryPolicy(attempts=3, first_wait=0.0001, longest_wait=0.0001, longest_pause=0.01, attempt_seconds=0.5)
PEOPLE = "/v2/objects/people/records"

_Result = TypeVar("_Result")


@dataclass
class Ran:
    """What an hourly pass did.

    Attributes:
        hours: Those that are done, in order.
        retried: The outcomes of customers of other hours.
    """

    hours: list[HourDone] = field(default_factory=list)
    retried: Sequence[Outcome] = ()

    def outcomes(self) -> dict[str, Outcome]:
        """The outcomes of the hours done, by customer."""
        return {outcome.customer_id: outcome for hour in self.hours for outcome in hour.outcomes}


class Stage:
    """Both services and a ledger; each pass connects anew, as a process of its own would.

    Attributes:
        here: An hour that has ended, a while ago.
        polar_token: The token that passes use for Polar.
        mapped: The attributes that a setting maps.
        slug_prefix: What the slug of each of the sync's attributes begins with.
    """

    def __init__(self, folder: Path) -> None:
        self.sandbox = Sandbox(scale=OFF)
        add_attributes(self.sandbox.attio)
        self.ledger = Ledger(folder / "ledger.db")
        self.here = floor(datetime.now(UTC)) - 12 * HOUR
        self.polar_token = POLAR_TOKEN
        self.rules = Rules()
        self.mapped: tuple[Mapped, ...] = ()
        self.slug_prefix = ""
        self._numbers = itertools.count(1)
        self._names = itertools.count(1)

    def add(self, who: str, *, hour: int = 0, minute: int = 30, **fields: Any) -> Customer:
        """Add a customer so many hours after `here`, by the address who@example.com."""
        created_at = self.here + HOUR * hour + timedelta(minutes=minute)
        given = {"email": f"{who}@example.com", "name": f"{who.title()} Example", "created_at": created_at, **fields}
        return self.sandbox.polar.add_customer(**given)

    def map(self, **entries: dict[str, Any]) -> None:
        """Map attributes by setting, by their slugs, and give them to the workspace."""
        self.mapped = parse(json.dumps(entries), taken={})
        add_attributes(self.sandbox.attio, [one.attribute() for one in self.mapped])

    def name(self, prefix: str) -> str:
        """A name that nobody has."""
        return f"{prefix}-{next(self._names)}"

    def add_many(self, count: int, *, hour: int = 0, who: str = "customer") -> list[Customer]:
        return [self.add(f"{who}-{hour}-{number}", hour=hour, minute=number % 60) for number in range(count)]

    def add_team(self, name: str, *, hour: int = 0) -> Customer:
        """Add a team with an owner."""
        team = self.add(name, hour=hour, email=None, type="team")
        self.sandbox.polar.add_member(team.id, email=f"owner-of-{name}@example.com", name="Owen Owner")
        return team

    def person_of(self, customer_id: str) -> PersonView | None:
        """The person that holds a Polar id, if there is one."""
        found = [one for one in self.sandbox.attio.people() if one.values.get("polar_customer_id") == customer_id]
        assert len(found) <= 1, "a customer is two people"
        return found[0] if found else None

    def in_attio(self, customers: Collection[Customer]) -> int:
        """How many of these customers somebody in Attio is."""
        held = {one.values.get("polar_customer_id") for one in self.sandbox.attio.people()}
        return sum(one.id in held for one in customers)

    @property
    def writes(self) -> int:
        """How many writes Attio has accepted."""
        return self.sandbox.attio.writes

    @asynccontextmanager
    async def context(self, **changes: Any) -> AsyncIterator[PassContext]:
        """Connect, as a pass of its own."""
        transport = httpx.ASGITransport(create_app(self.sandbox))
        attributes = (*ATTRIBUTES, *(one.attribute() for one in self.mapped))
        async with (
            polar_api(
                token=SecretStr(self.polar_token),
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
            context = PassContext(
                pass_id=f"pass-{next(self._numbers)}",
                reason="test",
                polar=PolarClient(polar, sources=sources(self.mapped)),
                attio=await AttioClient.connect(
                    attio,
                    {one.key: one.key if one.standard else self.slug_prefix + one.key for one in attributes},
                    people_with(attributes),
                ),
                ledger=self.ledger,
                rules=self.rules,
                pace=Pace(writes=UNLIMITED, questions=UNLIMITED),
            )
            yield replace(context, **changes)

    def hourly(self, first: int = 0, last: int | None = None, **hours: Any) -> Ran:
        """Run the hourly pass over the hours from `first` to `last` after `here`; raises what it raises."""
        ran = Ran()
        self.hourly_into(ran, first, last, **hours)
        return ran

    def hourly_into(self, ran: Ran, first: int = 0, last: int | None = None, **hours: Any) -> None:
        """As `hourly`; what was done until an error is in `ran`."""
        end = first if last is None else last
        starts = [self.here + HOUR * hour for hour in range(first, end + 1)]

        async def run() -> None:
            async with self.context() as context:
                ran.retried = await sync_hours(context, Hours(starts, **hours), ran.hours.append)

        asyncio.run(run())

    def reconcile(self) -> Reconciliation:
        """Run a reconciliation; raises what it raises."""

        async def run() -> Reconciliation:
            async with self.context() as context:
                return await reconcile(context)

        return asyncio.run(run())

    def preview(self, hour: int | None = None) -> Preview:
        """Preview an hour, or all customers."""

        async def run() -> Preview:
            async with self.context() as context:
                if hour is None:
                    return await preview_all(context)
                return await preview_hours(context, [self.here + HOUR * hour])

        return asyncio.run(run())

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run(coroutine)

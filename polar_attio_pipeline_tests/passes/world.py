"""Both services and a ledger that passes work on, and what a pass can see of them: the world of random histories."""

import itertools
import shutil
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.intents import Settled
from polar_attio_pipeline.passes.rules import PassContext, Rules
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import BY_KEY, ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline.sync.outcomes import Outcome
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.passes.billing_oracle import Access, Eyes, belongs, foreign, said
from polar_attio_pipeline_tests.sync.oracle import Task

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
UNLIMITED = 1e9
IMPATIENT = RetryPolicy(attempts=2, first_wait=0.0001, longest_wait=0.0001, longest_pause=0.01)
AMOUNTS = ("polar_mrr", "polar_lifetime_value")
PATHS = {SUBSCRIPTIONS: "/v1/subscriptions/", ORDERS: "/v1/orders/"}


class Remembering(Ledger):
    """A ledger that shows a test the outcomes it was given."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.seen: list[Outcome] = []

    def record(
        self,
        customers: Sequence[Outcome],
        *,
        pass_id: str,
        settled: Sequence[Settled] = (),
    ) -> None:
        self.seen += customers
        super().record(customers, pass_id=pass_id, settled=settled)

    def take(self) -> dict[str, Outcome]:
        """The outcomes since the last call by customer; one each."""
        found = {outcome.customer_id: outcome for outcome in self.seen}
        assert len(found) == len(self.seen), "a customer has two outcomes"
        self.seen.clear()
        return found


class World:
    """Both services, in process and in a time of their own, and a ledger.

    Args:
        file: Of the ledger.
        template: An empty ledger, to be copied there.

    Attributes:
        rules: Of the passes.
        failing: Scopes whose lists fail.
    """

    def __init__(self, file: Path, template: Path) -> None:
        shutil.copy(template, file)
        self.ledger_file = file
        self.sandbox = Sandbox(scale=OFF, clock=Clock(source=lambda: NOW))
        self.polar, self.attio = self.sandbox.polar, self.sandbox.attio
        add_attributes(self.attio)
        self.ledger = Remembering(file)
        self.rules = Rules(unmark_max_share=1, shrink_max_share=1)
        self.failing: set[str] = set()
        self._numbers = itertools.count(1)
        self._connections = AsyncExitStack()

    async def connect(self) -> None:
        transport = httpx.ASGITransport(create_app(self.sandbox))
        at: dict[str, Any] = {"base_url": "http://sandbox", "retry": IMPATIENT, "transport": transport}
        polar = polar_api(token=SecretStr(POLAR_TOKEN), requests_per_minute=UNLIMITED, **at)
        attio = attio_api(api_key=SecretStr(ATTIO_TOKEN), reads_per_second=UNLIMITED, writes_per_second=UNLIMITED, **at)
        self.polar_api = await self._connections.enter_async_context(polar)
        self._attio_api = await self._connections.enter_async_context(attio)

    async def close(self) -> None:
        await self._connections.aclose()
        self.ledger.close()

    # What a pass can see.

    @property
    def scopes(self) -> frozenset[str]:
        return self.polar.tokens[POLAR_TOKEN].scopes

    def allow(self, scope: str, *, allowed: bool) -> None:
        """Give the token a scope, or take it away."""
        both = {scope, scope.replace(":read", ":write")}
        self.polar.tokens[POLAR_TOKEN].scopes = self.scopes | both if allowed else self.scopes - both

    def fail(self, scope: str, status: int | None) -> None:
        """Have one of Polar's lists answer with a status; None: well again."""
        self.failing = self.failing - {scope} if status is None else self.failing | {scope}
        self.sandbox.faults.clear()
        for one in self.failing:
            self.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", path=PATHS[one], status=status or 503))

    def hold_in(self, currency: str) -> None:
        """Let the workspace hold amounts in another currency."""
        for slug in AMOUNTS:
            self.attio.people_type.attribute(slug).currency_code = currency.upper()
        self.attio.store.revision += 1

    @property
    def currency(self) -> str:
        return (self.attio.people_type.attribute(AMOUNTS[0]).currency_code or "").lower()

    def access(self, scope: str) -> Access:
        if scope in self.failing:
            return Access.FAILING
        return Access.OPEN if scope in self.scopes else Access.FORBIDDEN

    @property
    def eyes(self) -> Eyes:
        return Eyes(self.sandbox.clock(), self.currency, self.access(SUBSCRIPTIONS), self.access(ORDERS))

    @property
    def is_stopped(self) -> bool:
        """Whether a guard stops every pass: it cannot be judged who is to be written."""
        return self.rules.audience != "everybody" and self.access(SUBSCRIPTIONS) is Access.FORBIDDEN

    def task(self, due: Collection[str] | None, **of_this_pass: Any) -> Task:
        """What a pass over these customers must do now."""
        eyes, ids = self.eyes, list(self.polar.customers)
        wanted = {one: belongs(self.polar, one, self.rules.audience, eyes) for one in ids}
        return Task(
            due=due,
            excluded={one for one in ids if wanted[one] is False},
            undecided={one for one in ids if wanted[one] is None},
            said={one: said(self.polar, one, eyes) for one in ids},
            foreign={one: foreign(self.polar, one, eyes) for one in ids},
            remembered=self.ledger.record_ids(ids),
            overwrites=self.rules.overwrite_typed,
            unmarks=self.rules.unmark_orphaned,
            **of_this_pass,
        )

    async def context(self) -> PassContext:
        return PassContext(
            pass_id=f"pass-{next(self._numbers)}",
            reason="test",
            polar=PolarClient(self.polar_api),
            attio=await AttioClient.connect(self._attio_api, {key: key for key in BY_KEY}),
            ledger=self.ledger,
            rules=self.rules,
            pace=Pace(writes=UNLIMITED, questions=UNLIMITED),
        )

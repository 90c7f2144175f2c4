"""The passes over one sandbox, each followed by what it must have done: the world that histories happen in."""

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.defs.sensors.changes_cursor import EVERYTHING, begun
from polar_attio_pipeline.defs.sensors.changes_requests import ChangesFacts, decide
from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.rules import PassContext, Rules
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.polar.events import Events, read_events
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
from polar_attio_pipeline_tests.sync.oracle import State, Task, check, look
from polar_attio_pipeline_tests.sync.predictions import check_predictions

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
UNLIMITED = 1e9
IMPATIENT = RetryPolicy(attempts=2, first_wait=0.0001, longest_wait=0.0001, longest_pause=0.01)
AMOUNTS = ("polar_mrr", "polar_lifetime_value")
PATHS = {SUBSCRIPTIONS: "/v1/subscriptions/", ORDERS: "/v1/orders/"}
OVERLAP = timedelta(minutes=10)
TICK = timedelta(seconds=40)
TICKS = 12
"""Of the sensor in one go: longer than an event is late, and shorter than ten minutes."""
MOST = 4
"""More changed customers than this are the business of a reconciliation."""


class Remembering(Ledger):
    """A ledger that shows a test the outcomes it was given."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.seen: list[Outcome] = []

    def record(self, customers: Sequence[Outcome], *, pass_id: str, written: Sequence[Mapping[str, Any]] = ()) -> None:
        self.seen += customers
        super().record(customers, pass_id=pass_id, written=written)

    def take(self) -> dict[str, Outcome]:
        """The outcomes since the last call by customer; one each."""
        found = {outcome.customer_id: outcome for outcome in self.seen}
        assert len(found) == len(self.seen), "a customer has two outcomes"
        self.seen.clear()
        return found


class Running:
    """Both services, a ledger, and passes that are checked.

    Attributes:
        rules: Of the passes.
        failing: Scopes whose lists fail.
        shown: What has happened, counted.
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
        self.shown: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._connections = AsyncExitStack()
        self._cursor = begun(self.sandbox.clock(), OVERLAP)
        self._read_at: dict[str, datetime] = {}

    async def connect(self) -> None:
        transport = httpx.ASGITransport(create_app(self.sandbox))
        at: dict[str, Any] = {"base_url": "http://sandbox", "retry": IMPATIENT, "transport": transport}
        polar = polar_api(token=SecretStr(POLAR_TOKEN), requests_per_minute=UNLIMITED, **at)
        attio = attio_api(api_key=SecretStr(ATTIO_TOKEN), reads_per_second=UNLIMITED, writes_per_second=UNLIMITED, **at)
        self._polar_api = await self._connections.enter_async_context(polar)
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
        if scope not in self.scopes:
            return Access.FORBIDDEN
        return Access.FAILING if scope in self.failing else Access.OPEN

    @property
    def eyes(self) -> Eyes:
        return Eyes(self.sandbox.clock(), self.currency, self.access(SUBSCRIPTIONS), self.access(ORDERS))

    @property
    def is_stopped(self) -> bool:
        """Whether a guard stops every pass: it cannot be judged who is to be written."""
        return self.rules.audience != "everybody" and self.access(SUBSCRIPTIONS) is Access.FORBIDDEN

    def task(self, due: Collection[str] | None, **about_deletions: Any) -> Task:
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
            **about_deletions,
        )

    # Passes.

    async def reconcile(self) -> int:
        """Preview, reconcile, and reconcile again; return how many writes the first one made."""
        preview = await self._previewed(preview_all)
        writes = await self._checked(reconcile, lambda: self.task(None, deleted=None, says_deleted=True), preview)
        if not self.is_stopped:
            again = await self._checked(reconcile, lambda: self.task(None, deleted=None, says_deleted=True))
            assert again == 0, "a second reconciliation wrote something"
            self._read_at[EVERYTHING] = self.sandbox.clock()
        return writes

    async def hours(self, starts: Sequence[datetime], *, retry: bool) -> int:
        """Preview and run the hourly pass over some hours."""
        unresolved = self.ledger.to_retry(limit=100) if retry else []
        here = {one.id for one in self.polar.customers.values() if floor(one.created_at) in starts}
        due = here | {one for one in unresolved if one in self.polar.customers}
        preview = await self._previewed(lambda context: preview_hours(context, starts))

        async def run(context: PassContext) -> None:
            done: list[HourDone] = []
            await sync_hours(context, Hours(starts, retry_unresolved=retry), done.append)
            assert [hour.start for hour in done] == list(starts)

        return await self._checked(run, lambda: self.task(due), None if retry else preview)

    async def changed(self, ids: Collection[str]) -> int:
        """Run the pass over changed customers."""
        due = [one for one in ids if one in self.polar.customers]
        gone = set(ids) - set(due)

        async def run(context: PassContext) -> None:
            changed = await sync_changed(context, list(ids))
            assert (set(changed.deleted), changed.unread) == (gone, [])
            self._read_at.update(dict.fromkeys(ids, changed.polar_read_at))

        return await self._checked(run, lambda: self.task(due, deleted=gone, says_deleted=True))

    async def all_again(self) -> int:
        """Run each kind of pass over all customers, and return how many writes that made."""
        rows = self.polar.customers.values()
        starts = sorted({floor(row.created_at) for row in rows})
        writes = await self.hours(starts, retry=True)
        writes += await self.changed(list(self.polar.customers))
        return writes + await self.reconcile()

    async def follow_events(self) -> None:
        """Let the sensor of changes tick until it has nothing left to ask for."""
        began = self.sandbox.clock()
        for _ in range(TICKS):
            self.sandbox.clock.shift(TICK)
            found = await read_events(self._polar_api, since=self._cursor.since(OVERLAP))
            assert isinstance(found, Events)
            recorded = self.ledger.recorded(list(self._cursor.pending))
            facts = ChangesFacts(self.sandbox.clock(), found, self._read_at, (), recorded, OVERLAP, MOST)
            decision = decide(self._cursor, facts)
            self._cursor = decision.cursor
            if decision.customers == (EVERYTHING,):
                await self.reconcile()
            elif decision.customers:
                await self.changed(decision.customers)
        self.sandbox.clock.shift(began + OVERLAP - self.sandbox.clock())
        assert self.is_stopped or not self._cursor.pending, "a change was never followed"

    async def _previewed(self, run: Callable[[PassContext], Any]) -> Preview | None:
        before = look(self.polar, self.attio)
        context = await self._context()
        try:
            return await run(context)  # type: ignore[no-any-return]
        except GuardError:
            assert self.is_stopped
            return None
        finally:
            assert look(self.polar, self.attio) == before, "the preview wrote something"
            assert not self.ledger.take()

    async def _checked(
        self, run: Callable[[PassContext], Any], task: Callable[[], Task], preview: Preview | None = None
    ) -> int:
        """Run a pass, check what it did, and return how many writes it made."""
        before, writes, due, context = look(self.polar, self.attio), self.attio.writes, task(), await self._context()
        try:
            await run(context)
        except GuardError:
            assert self.is_stopped
            assert look(self.polar, self.attio) == before
            return 0
        assert not self.is_stopped, "a guard was passed"
        after, outcomes = look(self.polar, self.attio), self.ledger.take()
        check(before, after, outcomes, due)
        differing = {one for one, person in after.people.items() if before.people.get(one) != person}
        assert self.attio.writes - writes == len(differing), "more writes than people that differ"
        self._check_history(context.pass_id, before, after)
        if preview:
            check_predictions(preview.plans, preview.failed, outcomes, before, after)
        self.shown["passes"] += 1
        self.shown["writes"] += self.attio.writes - writes
        self.shown.update(outcome.result.value for outcome in outcomes.values())
        return self.attio.writes - writes

    def _check_history(self, pass_id: str, before: State, after: State) -> None:
        """Every value that differs is on record, and nothing else."""
        differing = {
            (record_id, slug)
            for record_id, person in after.people.items()
            for slug in person.values.keys() | (before.people[record_id].values if record_id in before.people else {})
            if record_id not in before.people or before.people[record_id].values.get(slug) != person.values.get(slug)
        }
        recorded = {(row.record_id, row.attribute) for row in self.ledger.changes_of_pass(pass_id)}
        ours = {(record_id, slug) for record_id, slug in differing if slug in BY_KEY or slug == "email_addresses"}
        assert recorded == ours

    async def _context(self) -> PassContext:
        return PassContext(
            pass_id=f"pass-{next(self._numbers)}",
            reason="test",
            polar=PolarClient(self._polar_api),
            attio=await AttioClient.connect(self._attio_api, {key: key for key in BY_KEY}),
            ledger=self.ledger,
            rules=self.rules,
            pace=Pace(writes=UNLIMITED, questions=UNLIMITED),
        )

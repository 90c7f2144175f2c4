"""The passes over a world, each followed by what it must have done."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from polar_attio_pipeline.defs.sensors.changes_cursor import EVERYTHING, begun
from polar_attio_pipeline.defs.sensors.changes_requests import ChangesFacts, decide
from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.passes.guards import GuardError
from polar_attio_pipeline.passes.hourly import HourDone, Hours, sync_hours
from polar_attio_pipeline.passes.preview import Preview, preview_all, preview_hours
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.polar.events import Events, read_events
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline_tests.passes.world import World
from polar_attio_pipeline_tests.sync.oracle import Task, check
from polar_attio_pipeline_tests.sync.predictions import check_predictions
from polar_attio_pipeline_tests.sync.state import State, look

OVERLAP = timedelta(minutes=10)
TICK = timedelta(seconds=40)
TICKS = 12
"""Of the sensor in one go: longer than an event is late, and shorter than ten minutes."""
MOST = 4
"""More changed customers than this are the business of a reconciliation."""


class CheckedPasses:
    """Runs passes, and holds each against the oracle and the preview before it.

    Attributes:
        shown: What has happened, counted.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.shown: Counter[str] = Counter()
        self._cursor = begun(world.sandbox.clock(), OVERLAP)
        self._read_at: dict[str, datetime] = {}

    async def reconcile(self) -> int:
        """Preview, reconcile, and reconcile again; return how many writes the first one made."""
        preview = await self._previewed(preview_all)
        writes = await self._checked(reconcile, lambda: self.world.task(None, deleted=None, says_deleted=True), preview)
        if not self.world.is_stopped:
            again = await self._checked(reconcile, lambda: self.world.task(None, deleted=None, says_deleted=True))
            assert again == 0, "a second reconciliation wrote something"
            self._read_at[EVERYTHING] = self.world.sandbox.clock()
        return writes

    async def hours(self, starts: Sequence[datetime], *, retry: bool) -> int:
        """Preview and run the hourly pass over some hours."""
        unresolved = self.world.ledger.to_retry(limit=100) if retry else []
        here = {one.id for one in self.world.polar.customers.values() if floor(one.created_at) in starts}
        later = {one for one in unresolved if one in self.world.polar.customers} - here
        preview = await self._previewed(lambda context: preview_hours(context, starts))

        async def run(context: PassContext) -> None:
            done: list[HourDone] = []
            await sync_hours(context, Hours(starts, retry_unresolved=retry), done.append)
            assert [hour.start for hour in done] == list(starts)

        return await self._checked(run, lambda: self.world.task(here | later, later=later), None if retry else preview)

    async def changed(self, ids: Collection[str]) -> int:
        """Run the pass over changed customers."""
        due = [one for one in ids if one in self.world.polar.customers]
        gone = set(ids) - set(due)

        async def run(context: PassContext) -> None:
            changed = await sync_changed(context, list(ids))
            assert (set(changed.deleted), changed.unread) == (gone, [])
            self._read_at.update(dict.fromkeys(ids, changed.polar_read_at))

        return await self._checked(run, lambda: self.world.task(due, deleted=gone, says_deleted=True))

    async def all_again(self) -> int:
        """Run each kind of pass over all customers, and return how many writes that made."""
        rows = self.world.polar.customers.values()
        starts = sorted({floor(row.created_at) for row in rows})
        writes = await self.hours(starts, retry=True)
        writes += await self.changed(list(self.world.polar.customers))
        return writes + await self.reconcile()

    async def follow_events(self) -> None:
        """Let the sensor of changes tick until it has nothing left to ask for."""
        began = self.world.sandbox.clock()
        for _ in range(TICKS):
            self.world.sandbox.clock.shift(TICK)
            found = await read_events(self.world.polar_api, since=self._cursor.since(OVERLAP))
            assert isinstance(found, Events)
            recorded = self.world.ledger.recorded(list(self._cursor.pending))
            facts = ChangesFacts(self.world.sandbox.clock(), found, self._read_at, (), recorded, OVERLAP, MOST)
            decision = decide(self._cursor, facts)
            self._cursor = decision.cursor
            if decision.customers == (EVERYTHING,):
                await self.reconcile()
            elif decision.customers:
                await self.changed(decision.customers)
        self.world.sandbox.clock.shift(began + OVERLAP - self.world.sandbox.clock())
        assert self.world.is_stopped or not self._cursor.pending, "a change was never followed"

    async def _previewed(self, run: Callable[[PassContext], Any]) -> Preview | None:
        before = look(self.world.polar, self.world.attio)
        context = await self.world.context()
        try:
            return await run(context)  # type: ignore[no-any-return]
        except GuardError:
            assert self.world.is_stopped
            return None
        finally:
            assert look(self.world.polar, self.world.attio) == before, "the preview wrote something"
            assert not self.world.ledger.take()

    async def _checked(
        self, run: Callable[[PassContext], Any], task: Callable[[], Task], preview: Preview | None = None
    ) -> int:
        """Run a pass, check what it did, and return how many writes it made."""
        before, writes, due = look(self.world.polar, self.world.attio), self.world.attio.writes, task()
        context = await self.world.context()
        try:
            await run(context)
        except GuardError:
            assert self.world.is_stopped
            assert look(self.world.polar, self.world.attio) == before
            return 0
        assert not self.world.is_stopped, "a guard was passed"
        after, outcomes = look(self.world.polar, self.world.attio), self.world.ledger.take()
        check(before, after, outcomes, due)
        differing = {one for one, person in after.people.items() if before.people.get(one) != person}
        assert self.world.attio.writes - writes == len(differing), "more writes than people that differ"
        self._check_history(context.pass_id, before, after)
        if preview:
            check_predictions(preview.plans, preview.failed, outcomes, before, after)
        self.shown["passes"] += 1
        self.shown["writes"] += self.world.attio.writes - writes
        self.shown.update(outcome.result.value for outcome in outcomes.values())
        return self.world.attio.writes - writes

    def _check_history(self, pass_id: str, before: State, after: State) -> None:
        """Every value that differs is on record, and nothing else."""
        differing = {
            (record_id, slug)
            for record_id, person in after.people.items()
            for slug in person.values.keys() | (before.people[record_id].values if record_id in before.people else {})
            if record_id not in before.people or before.people[record_id].values.get(slug) != person.values.get(slug)
        }
        recorded = {(row.record_id, row.attribute) for row in self.world.ledger.changes_of_pass(pass_id)}
        ours = {(record_id, slug) for record_id, slug in differing if slug in BY_KEY or slug == "email_addresses"}
        assert recorded == ours

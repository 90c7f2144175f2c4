"""Random worlds: what is written is the plan but for what has drifted, which is named; and a plan is what a run does.

People edit and customers change between the plan and its application, and in the middle of that; the process is killed
at each of its writes. `APPLIED_WORLDS=500` runs as many, new ones each time; `APPLIED_WORLD=4711` runs that one.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.apply import Applied
from polar_attio_pipeline.passes.plan_file import PlanFile
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.sync.approval import Approved
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline_tests.passes.agreeing import KilledError, Seen, Watched, agreed, apply
from polar_attio_pipeline_tests.passes.life import Life
from polar_attio_pipeline_tests.passes.world import World
from polar_attio_pipeline_tests.sync.predictions import is_same
from polar_attio_pipeline_tests.sync.state import look, same_spelling

DEFAULT = 30
WORLDS = int(os.environ.get("APPLIED_WORLDS", "0"))
WORLD = os.environ.get("APPLIED_WORLD")

HAPPENINGS = (
    Life.customer_changes,
    Life.customer_changes,
    Life.value_is_entered,
    Life.customer_is_deleted,
    Life.customer_subscribes,
    Life.customer_buys_once,
    Life.customer_comes,
    Life.subscription_is_cancelled,
    Life.value_is_entered,
    Life.value_is_entered,
    Life.value_is_cleared,
    Life.person_is_added,
    Life.person_is_deleted,
    Life.addresses_are_edited,
    Life.id_is_copied,
    Life.two_are_merged,
)
"""What may happen between a plan and its application."""


class Agreed:
    """A world in which something was planned, and a person agreed to it."""

    def __init__(self, number: int, folder: Path) -> None:
        self.random = Random(number)
        self.world = World(folder / f"{number}.db", folder / "template.db")
        self.life = Life(self.world, self.random)
        self.file = folder / f"{number}.json"
        self.seen: list[Seen] = []
        self.shown: Counter[str] = Counter()

    async def run(self) -> Counter[str]:
        await self.world.connect()
        try:
            self.life.begin()
            for _ in range(4):
                self.life.customer_comes()
            if self.random.randrange(3):
                await self.reconcile()
                self.much_happens(self.random.randint(1, 8))
            if self.random.randrange(4) == 0:
                await self.a_plan_is_what_a_reconciliation_does()
            else:
                await self.what_was_agreed_is_written()
        finally:
            await self.world.close()
        return self.shown

    def much_happens(self, times: int) -> None:
        for _ in range(times):
            self.random.choice(HAPPENINGS)(self.life)

    async def reconcile(self) -> str:
        context = await self.world.context()
        await reconcile(context)
        return context.pass_id

    async def plan(self) -> PlanFile:
        return await agreed(await self.world.context(), self.file)

    async def a_plan_is_what_a_reconciliation_does(self) -> None:
        plan = await self.plan()
        pass_id = await self.reconcile()

        written = {
            (row.record_id if row.action == "update" else None, row.polar_customer_id, row.attribute, row.new_value)
            for row in self.world.ledger.changes_of_pass(pass_id)
        }
        planned = {
            (one.record_id, one.customer_id, change.key, change.new)
            for one in (*plan.customers, *plan.deleted)
            for change in one.changes
        }
        assert {(*rest, new) for *rest, new in written if rest[2] != "company"} == planned
        self.shown["plans that were what a reconciliation did"] += 1
        self.shown["people of deleted customers in such plans"] += len(plan.deleted)

    async def what_was_agreed_is_written(self) -> None:
        plan = await self.plan()
        self.much_happens(self.random.randint(0, 8))
        events = self.random.choice((0, 0, 1, 2))
        for _ in range(self.random.choice((0, 0, 1, 2))):
            await self.killed(plan, events)
        now = None if events else await self.plan()
        applied = await self.apply(plan, events)
        self.check(plan, applied)
        if now:
            self.check_who_has_drifted(plan, now, applied)
            self.check_that_attio_holds_it(plan, applied)
            await self.a_second_time_writes_nothing(plan, applied)

    async def killed(self, plan: PlanFile, events: int) -> None:
        """Apply it, and kill the process at one of its writes."""
        at, after = self.random.randint(1, 4), self.random.random() < 1 / 2
        try:
            await self.apply(plan, events, killed_at=at, after=after)
        except KilledError:
            self.shown["killed"] += 1

    async def apply(self, plan: PlanFile, events: int, **death: Any) -> Applied:
        when = {self.random.randint(1, 4) for _ in range(events)}
        context = await self.world.context()

        def happens(number: int) -> None:
            if number in when:
                self.much_happens(1)

        watched = Watched(context.attio, happens, **death)
        try:
            return await apply(context, plan, watched)
        finally:
            self.seen += watched.seen

    def check(self, plan: PlanFile, applied: Applied) -> None:
        """Each write is part of the plan; each customer of it is written whole, or named and not written."""
        entries = {(one.record_id, one.customer_id): one for one in (*plan.customers, *plan.deleted)}
        named = {one.customer_id for one in applied.drifted} | {one.customer_id for one in applied.failed}
        for write in self.seen:
            assert any(self._is_part(write, one) for one in entries.values()), write
        became = {one.customer_id for one in applied.agreed}
        for entry in plan.customers:
            assert (entry.customer_id in became) != (entry.customer_id in {one.customer_id for one in applied.drifted})
        assert applied.is_whole == (not named)
        for drift in applied.drifted:
            assert drift.sentence
            approved = next(one for one in entries.values() if one.customer_id == drift.customer_id)
            self.shown["drifted"] += 1
            self.shown["drifted by attributes"] += bool(drift.attributes)
            self.shown["drifted in part of the attributes"] += len(drift.attributes) < len(approved.changes)
        self.shown["customers written"] += len(became - named)

    def check_who_has_drifted(self, plan: PlanFile, now: PlanFile, applied: Applied) -> None:
        """Who needs just what was agreed is written, who needs anything else is not: by a plan made right before."""
        needs = {one.customer_id: one for one in now.customers}
        drifted = {one.customer_id: one for one in applied.drifted}
        for entry in plan.customers:
            need = needs.get(entry.customer_id)
            if need and need.record_id == entry.record_id and set(need.changes) == set(entry.changes):
                assert entry.customer_id not in drifted, drifted[entry.customer_id].sentence
                self.shown["customers who need just what was agreed"] += 1
            elif need and not set(need.changes) <= set(entry.changes):
                assert entry.customer_id in drifted
                self.shown["customers who need something else"] += 1

    def check_that_attio_holds_it(self, plan: PlanFile, applied: Applied) -> None:
        """Of a customer who is not named, Attio holds every value that was agreed."""
        people = look(self.world.polar, self.world.attio).people
        named = {one.customer_id for one in applied.drifted} | {one.customer_id for one in applied.failed}
        records = {one.customer_id: one.record_id for one in applied.agreed}
        for entry in plan.customers:
            if entry.customer_id in named:
                continue
            person = people[records[entry.customer_id] or ""]
            for change in entry.changes:
                if change.key == EMAILS_KEY:
                    assert same_spelling(str(change.new)) in person.emails
                else:
                    assert is_same(person.value(change.key), change.new), change

    @staticmethod
    def _is_part(write: Seen, approved: Approved) -> bool:
        """Tell whether a write says nothing but what was approved, for the record that it was approved for.

        What is left of a new person is written to the record that an earlier attempt has made.
        """
        said = {change.key: change.new for change in approved.changes}
        own = write.record_id == approved.record_id or approved.record_id is None
        return own and all(key in said and _same(said[key], value) for key, value in write.values.items())

    async def a_second_time_writes_nothing(self, plan: PlanFile, applied: Applied) -> None:
        """Nothing has happened since: who was written needs nothing, and who has drifted still has."""
        before = len(self.seen)
        again = await self.apply(plan, 0)
        assert len(self.seen) == before
        assert {one.customer_id for one in again.drifted} == {one.customer_id for one in applied.drifted}


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where the machine has such a place: a third of the time would be spent waiting for a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        template = Ledger(Path(name) / "template.db")
        template.forget(["none"])
        template.close()
        yield Path(name)


def numbers() -> list[int]:
    if WORLD:
        return [int(WORLD)]
    first = Random().randrange(10**6) if WORLDS else 0
    return list(range(first, first + (WORLDS or DEFAULT)))


def test_what_was_agreed_is_what_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        for number in numbers():
            try:
                shown += runner.run(Agreed(number, folder).run())
            except BaseException as error:
                error.add_note(f"In world {number}")
                raise
    with capsys.disabled():
        print("", *(f"{count:>6} {what}" for what, count in sorted(shown.items())), sep="\n")  # noqa: T201
    if not WORLD:
        assert all(shown[what] for what in ("customers written", "drifted by attributes", "killed"))
        assert shown["plans that were what a reconciliation did"]

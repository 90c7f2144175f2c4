"""One seeded world: a plan is made, applied and taken back, while members work and passes are killed.

What happens is drawn by the seed: customers who come, buy, change and leave, what members type, whether a pass is never
killed, once, or before and after each of its writes. Afterwards everything is held against what really happened
(`witness`), as `judging_apply`, `judging_undo` and
`judging_history` say.

Two things cannot be promised, and `unknown` counts them. A value that a member changes in the second between a pass's
look and its write is written over: Attio gives no way to write only if nothing has changed. And of a pass that is
killed before the answer to a write, only what Attio still holds of the write tells that it was carried out.
"""

import asyncio
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.apply import Applied, apply_plan
from polar_attio_pipeline.passes.plan_file import PlanFile, load, plan_file, save
from polar_attio_pipeline.passes.preview import preview_all
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.undo import Undone, undo_pass
from polar_attio_pipeline_tests.faults.life import Death
from polar_attio_pipeline_tests.passes.life import Life
from polar_attio_pipeline_tests.worlds.judging_apply import Moments, judge_apply
from polar_attio_pipeline_tests.worlds.judging_history import judge_history
from polar_attio_pipeline_tests.worlds.judging_undo import judge_undo
from polar_attio_pipeline_tests.worlds.neighbourhood import neighbourhoods
from polar_attio_pipeline_tests.worlds.site import Site

IN_POLAR: dict[Callable[[Life], None], int] = {
    Life.customer_comes: 3,
    Life.customer_subscribes: 6,
    Life.subscription_is_cancelled: 3,
    Life.subscription_changes: 3,
    Life.customer_changes: 3,
    Life.customer_is_deleted: 2,
    Life.customer_buys_once: 3,
    Life.days_pass: 1,
}
IN_ATTIO: dict[Callable[[Life], None], int] = {
    Life.value_is_entered: 8,
    Life.value_is_cleared: 4,
    Life.person_is_added: 3,
    Life.addresses_are_edited: 2,
    Life.person_is_deleted: 1,
    Life.id_is_copied: 1,
    Life.two_are_merged: 1,
}
"""What may happen, and how often it does beside the others."""

Kills = Literal["none", "one", "all", "ledger"]


@dataclass(frozen=True)
class Account:
    """What came of a world, every promise kept.

    Attributes:
        killed: Passes that were killed.
        planned: Customers of the plan.
        written: Those for whom all of it was written.
        drifted: Those for whom nothing was, and who were named.
        back: Values that are what they were before the plan was applied.
        kept: Values that others have changed since, and that stayed as they are; or of people whom the plan has made.
        unknown: Values that somebody changed in the second between a look and a write, or after a pass was killed and
            before the next one could look.
        rows: Of the history.
    """

    killed: int = 0
    planned: int = 0
    written: int = 0
    drifted: int = 0
    back: int = 0
    kept: int = 0
    unknown: int = 0
    rows: int = 0

    def __add__(self, other: "Account") -> "Account":
        return Account(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


@dataclass
class Story:
    """One world.

    Args:
        seed: The same seed gives the same world.
        folder: For its ledger and its plan; `template.db` in it is an empty ledger.

    Attributes:
        steps: What has happened, for the one who looks why a promise is broken.
    """

    seed: int
    folder: Path
    steps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.site = Site(self.folder / f"{self.seed}.db", self.folder / "template.db", self.random)
        self.life = Life(self.site, self.random)
        self.kills: Kills = self.random.choice(("none", "one", "all", "ledger"))

    async def run(self) -> Account:
        """Live through it, and hold it against the promise.

        Raises:
            AssertionError: the promise is broken; its notes tell how it came to that.
        """
        try:
            return await self._run()
        except BaseException as error:
            error.add_note(f"In the world of seed {self.seed}, kills: {self.kills}; {', '.join(self.steps)}")
            raise
        finally:
            self.site.ledger.close()

    async def _run(self) -> Account:
        site = self.site
        self._begin()
        if self.random.random() < 2 / 3:
            await self._reconciled()
            self._some({**IN_POLAR, **IN_ATTIO}, 12)
        plan = await self._planned()
        entries = [*plan.customers, *plan.deleted]
        planned = neighbourhoods(site, entries)
        self._some({**IN_POLAR, **IN_ATTIO}, self.random.choice((0, 0, 1, 2, 4)))
        at_apply = neighbourhoods(site, entries)
        applied = await self._applied(plan)
        moments = Moments(planned, at_apply, site.witness.now())
        is_right = judge_apply(site.witness, plan, site.passes("apply"), applied, moments)
        await site.run("apply again", lambda context: apply_plan(context, plan))
        assert not site.witness.by(site.passes("apply again")), "what is applied already was written again"
        self._some(IN_ATTIO, self.random.choice((0, 1, 2, 4)))
        if self.random.random() < 1 / 6:
            await self._reconciled()
        await self._undone()
        now = site.witness.now()
        is_complete = judge_history(site.witness, site.ledger, list(site.kinds), site.killed, now)
        is_back = judge_undo(site.witness, site.passes("apply"), site.passes("undo"), is_complete.untraced, now)
        return Account(
            killed=len(site.killed),
            planned=len(entries),
            written=is_right.written,
            drifted=is_right.drifted,
            back=is_back.back,
            kept=is_back.kept,
            unknown=is_back.unknown,
            rows=is_complete.rows,
        )

    def _begin(self) -> None:
        self.life.begin()
        self._some({**IN_POLAR, **IN_ATTIO}, 10)

    async def _planned(self) -> PlanFile:
        self.steps.append("plan")
        file = self.folder / f"{self.seed}.json"

        async def plan(context: PassContext) -> PlanFile:
            return plan_file(context, await preview_all(context))

        made = await self.site.run("plan", plan)
        assert made is not None
        assert not self.site.witness.by(self.site.passes("plan")), "a plan wrote something"
        save(made, file)
        kept = load(file)
        file.unlink()
        assert kept == made, "a plan changes on its way through a file"
        return kept

    async def _applied(self, plan: PlanFile) -> Applied:
        self.steps.append("apply")
        self.site.members_work = self._member_works
        try:
            return await self.site.run_through("apply", lambda context: apply_plan(context, plan), self._death)
        finally:
            self.site.members_work = None

    async def _undone(self) -> None:
        wrote = {event.by for event in self.site.witness.by(self.site.passes("apply"))}
        for pass_id in filter(wrote.__contains__, reversed(self.site.passes("apply"))):
            self.steps.append(f"undo {pass_id}")

            async def undo(context: PassContext, which: str = pass_id) -> Undone:
                return await undo_pass(context, which)

            self.site.members_work = self._member_works
            await self.site.run_through("undo", undo, self._death)
            self.site.members_work = None
            writes = self.site.attio.writes
            await self.site.run("undo", undo)
            assert self.site.attio.writes == writes, "an undo that is done writes again"

    async def _reconciled(self) -> None:
        self.steps.append("reconciliation")
        await self.site.run("reconciliation", reconcile)

    def _death(self, number: int) -> Death | None:
        if self.kills == "all":
            # Before its first write, then after it, and so on: each run gets one write further.
            return Death("write", 1, after=number % 2 == 1)
        if number or self.kills == "none":
            return None
        step: Literal["write", "ledger"] = "ledger" if self.kills == "ledger" else "write"
        return Death(step, self.random.randint(1, 8), after=self.random.random() < 1 / 2)

    def _member_works(self) -> None:
        happens = self._drawn(IN_ATTIO)
        self.steps.append(f"({happens.__name__})")
        happens(self.life)

    def _some(self, what: dict[Callable[[Life], None], int], count: int) -> None:
        for _ in range(count):
            happens = self._drawn(what)
            self.steps.append(happens.__name__)
            self.site.happens(lambda now=happens: now(self.life))  # type: ignore[misc]

    def _drawn(self, what: dict[Callable[[Life], None], int]) -> Callable[[Life], None]:
        (happens,) = self.random.choices(list(what), list(what.values()))
        return happens


def tried(seed: int) -> Account | str:
    """Live through one world; return the promise that is broken, where one is."""
    try:
        return live(seed)
    except AssertionError as error:
        return f"SEEDED_WORLD={seed}: {error}"


def live(seed: int) -> Account:
    """Live through one world, in a folder of its own: in memory where the machine has such a place."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        template = Ledger(Path(name) / "template.db")
        template.forget(["nobody"])
        template.close()
        return asyncio.run(Story(seed, Path(name)).run())

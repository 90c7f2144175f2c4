"""A pass that is killed at any write, before or after it: with the next pass the history is complete and true."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from polar_attio_pipeline.attio import people
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.companies import CompanyRules, sync_companies
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline_tests.faults.life import Death
from polar_attio_pipeline_tests.passes.company_stage import SLUGS, Companies
from polar_attio_pipeline_tests.passes.killing import MOMENTS, Moment, run_and_die
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.replay import check_history, check_replay

MOST = 30
"""More writes, and more transactions, than a pass makes here."""


async def companies(context: PassContext) -> None:
    await sync_companies(context, CompanyRules(SLUGS))


PASSES: dict[str, Callable[[PassContext], Awaitable[object]]] = {"reconciliation": reconcile, "companies": companies}


class Scene:
    """A book in which everything that a pass can do is due again and again, and passes that die."""

    def __init__(self, folder: Path) -> None:
        self.stage = stage = Stage(folder)
        stage.rules = replace(stage.rules, unmark_orphaned=True, unmark_max_share=1)
        stage.sandbox.attio.records.company_delay = timedelta(0)
        self.companies = Companies(stage)
        self.file = folder / "ledger.db"
        self.known = [self.companies.customer(f"{who}@known-{who}.com", mrr=500) for who in ("ada", "bob", "eve")]
        self.leaving = stage.add("leaving")
        self.companies.whole()
        self.chosen = self.companies.add("chosen.com")
        self.companies.choose(self.known[1], self.chosen)

    def change(self, number: int) -> None:
        """People are to be updated, moved away from the company that somebody chose, made, unmarked and linked."""
        polar, (ada, bob, eve) = self.stage.sandbox.polar, self.known
        polar.update_customer(ada.id, name=f"Ada {number}", external_id=f"x-{number}")
        polar.update_customer(bob.id, email=f"bob@moved-{number}.com")
        polar.update_customer(eve.id, external_id=f"e-{number}")
        self.companies.unlink([ada])
        polar.delete_customer(self.leaving.id)
        self.leaving = self.companies.customer(f"leaving@left-{number}.com", mrr=500)
        self.companies.customer(f"new@new-{number}.com", mrr=700)

    async def run(self, name: str, death: Death | None = None, answered: int | None = None) -> bool:
        work, stage = PASSES[name], self.stage
        return await run_and_die(stage.sandbox, self.file, work, rules=stage.rules, death=death, answered=answered)

    def check(self) -> int:
        """Insist on a complete and true history; return how many values Attio holds by it."""
        ledger = Ledger(self.file)
        changes, unsettled = ledger.all_changes(), ledger.unsettled()
        ledger.close()
        assert unsettled == [], "a write is still not settled"
        check_history(self.stage.sandbox.attio, changes)
        made = Counter(row.record_id for row in changes if row.action == "create" and row.attribute == "polar_customer")
        assert set(made.values()) == {1}, "a record was made twice"
        return check_replay(self.stage.sandbox.attio, changes)


async def kill_at_each(scene: Scene, name: str, moment: Moment | None, death: Callable[[int], Death | None]) -> int:
    """Kill a pass at its first write, after new changes one at its second, and so on; return how many were killed."""
    for number in range(1, MOST):
        scene.change(number)
        if name == "companies":
            await scene.run("reconciliation")
        answered = number if moment == "before its answer is stored" else None
        killed = await scene.run(name, death(number), answered)
        await scene.run(name)
        assert scene.check() > 20
        if not killed:
            return number - 1
    raise AssertionError("a pass makes more writes than was thought")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(people, "_LOOKS", (0.0,))
    return Scene(tmp_path)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", PASSES)
def test_killed_at_each_write(scene: Scene, name: str, moment: Moment) -> None:
    def death(number: int) -> Death | None:
        return (
            None if moment == "before its answer is stored" else Death("write", number, moment != "before it is sent")
        )

    assert asyncio.run(kill_at_each(scene, name, moment, death)) >= 6


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_transaction_of_the_ledger(scene: Scene, after: bool) -> None:
    kills = asyncio.run(kill_at_each(scene, "reconciliation", None, lambda number: Death("ledger", number, after)))

    assert kills >= 6

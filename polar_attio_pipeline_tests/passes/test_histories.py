"""Random histories of what customers buy, of what members type and of what a token may read: each pass ends right.

The passes are the real ones, on a ledger of their own; `checked_passes` holds each against an oracle. The default is
few histories, the same ones each time; `PASS_HISTORIES=2000` runs as many, new ones each time. A history that fails
says its number and its steps; `PASS_HISTORY=4711` runs that one.
"""

import asyncio
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.attributes import ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline_tests.passes.checked_passes import CheckedPasses
from polar_attio_pipeline_tests.passes.life import Life
from polar_attio_pipeline_tests.passes.world import World
from polar_attio_pipeline_tests.replay import check_history, check_replay

DEFAULT = 12
HISTORIES = int(os.environ.get("PASS_HISTORIES", "0"))
HISTORY = os.environ.get("PASS_HISTORY")
STEPS = 24

HAPPENINGS: dict[Callable[[Life], None], int] = {
    Life.customer_subscribes: 6,
    Life.subscription_is_cancelled: 6,
    Life.subscription_changes: 6,
    Life.days_pass: 6,
    Life.customer_comes: 3,
    Life.customer_changes: 3,
    Life.customer_is_deleted: 3,
    Life.customer_buys_once: 3,
    Life.payment_is_tried_again: 3,
    Life.money_is_given_back: 3,
    Life.value_is_entered: 9,
    Life.value_is_cleared: 3,
    Life.person_is_added: 2,
    Life.person_is_deleted: 1,
    Life.addresses_are_edited: 1,
    Life.id_is_copied: 1,
    Life.two_are_merged: 1,
    Life.audience_is_set: 1,
    Life.token_changes: 2,
    Life.list_fails: 2,
    Life.currency_changes: 1,
}
"""What may happen, and how often it does beside the others."""

TOLD_BY_EVENTS = (
    Life.customer_subscribes,
    Life.subscription_is_cancelled,
    Life.subscription_changes,
    Life.customer_comes,
    Life.customer_changes,
    Life.customer_is_deleted,
    Life.customer_buys_once,
    Life.payment_is_tried_again,
    Life.money_is_given_back,
)
"""What Polar says of itself."""


class Logged(logging.Handler):
    """Keeps what is logged at INFO or above and may be personal."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.personal: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if re.search(r"@example\.com|Lovelace|Beethoven", said):
            self.personal.append(said)


class History:
    """Customers buy and leave, members type, a token gains and loses scopes; passes of each kind come at any time."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.random = Random(number)
        self.world = World(folder / f"{number}.db", folder / "template.db")
        self.life = Life(self.world, self.random)
        self.passes = CheckedPasses(self.world)
        self.steps: list[str] = []

    async def run(self) -> Counter[str]:
        """Live through it, and return what has happened, counted."""
        await self.world.connect()
        try:
            await self._run()
        except BaseException as error:
            error.add_note(f"In history {self.number}: {', '.join(self.steps)}")
            raise
        finally:
            await self.world.close()
        return self.passes.shown

    async def _run(self) -> None:
        self.life.begin()
        await self.everything_is_reconciled()
        for _ in range(STEPS):
            (happens,) = self.random.choices(list(HAPPENINGS), list(HAPPENINGS.values()))
            self.steps.append(happens.__name__)
            happens(self.life)
            if self.random.randrange(3) == 0:
                await self.some_pass()
        for scope in (SUBSCRIPTIONS, ORDERS):
            self.world.fail(scope, None)
        await self.everything_is_reconciled()
        for happens in self.random.sample(TOLD_BY_EVENTS, 4):
            self.steps.append(happens.__name__)
            happens(self.life)
        await self.events_are_followed()
        await self.all_kinds_of_pass_agree()

    async def some_pass(self) -> None:
        run = self.random.choice(
            (
                self.everything_is_reconciled,
                self.hour_is_synced,
                self.some_are_read_anew,
                self.events_are_followed,
                self.events_are_followed,
            )
        )
        self.steps.append(run.__name__)
        await run()
        self.life.time_passes()

    async def everything_is_reconciled(self) -> None:
        await self.passes.reconcile()
        world = self.world
        is_whole = not world.failing and not world.is_stopped and not world.polar.events.rules.lost
        self.life.is_told = is_whole and not world.ledger.unresolved(limit=1)

    async def hour_is_synced(self) -> None:
        await self.passes.hours([floor(self.life.customer().created_at)], retry=self.random.random() < 1 / 2)

    async def some_are_read_anew(self) -> None:
        ids = [*self.world.polar.customers, *self.world.polar.deleted]
        await self.passes.changed(self.random.sample(ids, self.random.randint(1, min(3, len(ids)))))

    async def events_are_followed(self) -> None:
        """Where nothing but Polar has changed, and no event was lost, a reconciliation then finds nothing."""
        await self.passes.follow_events()
        if self.life.is_told:
            self.passes.shown["events bring what a reconciliation would"] += 1
            assert await self.passes.reconcile() == 0, "events and the reconciliation do not agree"

    async def all_kinds_of_pass_agree(self) -> None:
        """Everything is reconciled, and then no pass of any kind finds anything to write."""
        await self.passes.reconcile()
        assert await self.passes.all_again() == 0, "passes do not agree"
        self.history_is_complete()

    def history_is_complete(self) -> None:
        """What Attio has of ours, it has by the history, which replayed from empty gives what Attio holds of it."""
        changes = self.world.ledger.all_changes()
        check_history(self.world.attio, changes, merged=self.life.merged)
        assert not self.world.ledger.unsettled()
        self.passes.shown["values replayed"] += check_replay(self.world.attio, changes, merged=self.life.merged)


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where the machine has such a place: a third of the time would be spent waiting for a disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        template = Ledger(Path(name) / "template.db")
        template.forget(["nobody"])
        template.close()
        yield Path(name)


@pytest.fixture
def logged() -> Iterator[Logged]:
    handler, logger = Logged(), logging.getLogger("polar_attio_pipeline")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def numbers() -> list[int]:
    if HISTORY:
        return [int(HISTORY)]
    first = Random().randrange(10**6) if HISTORIES else 0
    return list(range(first, first + (HISTORIES or DEFAULT)))


def test_histories(folder: Path, logged: Logged, capsys: pytest.CaptureFixture[str]) -> None:
    shown: Counter[str] = Counter()
    with asyncio.Runner() as runner:
        for number in numbers():
            work: Any = History(number, folder).run()
            shown += runner.run(work)
            (folder / f"{number}.db").unlink()
    with capsys.disabled():
        print("\n" + ", ".join(f"{count} {what}" for what, count in shown.most_common()))  # noqa: T201  # shows a run
    assert not logged.personal
    assert shown["passes"] > len(numbers())

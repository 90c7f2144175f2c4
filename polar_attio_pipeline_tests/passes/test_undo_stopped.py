"""Undos at Attio's real limits: one that is asked to end ends between two writes, and one write that hangs ends too."""

import asyncio
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from polar_attio_pipeline.passes.progress import Ended, Ending, Upcoming
from polar_attio_pipeline.passes.reconciliation import reconcile
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.stopping import Stop
from polar_attio_pipeline.passes.undo import undo_pass
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.undo.values import Item, Verdict
from polar_attio_pipeline.sync.writing import FRESH_SECONDS
from polar_attio_pipeline_tests.passes.listening import Theatre, theatre
from polar_attio_pipeline_tests.passes.stage import PEOPLE

CUSTOMERS = 150
UPCOMING = Upcoming(stopped="Run the same command again.")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Theatre]:
    with theatre(tmp_path) as stage:
        yield stage


async def stopped_after(seconds: float, context: PassContext, name: str) -> None:
    """Take back what a pass wrote to the people that it made, and ask for the end after so long, as a signal does."""
    work = asyncio.create_task(undo_pass(context, name, clear_created=True))
    await asyncio.sleep(seconds)
    work.cancel()
    context.stop.request(signal.SIGTERM)
    await work


def test_every_write_of_an_undo_that_was_stopped_is_on_record_and_the_next_one_does_the_rest(stage: Theatre) -> None:
    stage.sandbox.fill(customers=CUSTOMERS, seed=1)
    stage.play(reconcile)
    name, before = stage.ledger.newest_passes(1)[0].pass_id, stage.sandbox.attio.writes

    with pytest.raises(asyncio.CancelledError):
        stage.play(lambda context: stopped_after(4, context, name), stop=Stop(), upcoming=UPCOMING)

    writes, stopped = stage.sandbox.attio.writes - before, stage.ledger.newest_passes(1)[0]
    assert 0 < writes < before
    assert len({row.record_id for row in stage.ledger.changes_of_pass(stopped.pass_id)}) == writes
    said = stage.heard.events[-1][1]
    assert isinstance(said, Ended)
    assert said.how is Ending.STOPPED
    stage.heard.that("Every other value is as it was")
    assert stage.heard.lines[-1] == "Run the same command again."

    stage.play(lambda context: undo_pass(replace(context, pass_id="again"), name, clear_created=True))

    assert stage.sandbox.attio.writes == 2 * before, "each person once"
    assert not any(person.values.get("polar_customer") for person in stage.sandbox.attio.people())


def test_a_write_that_hangs_costs_its_record_and_no_other_and_comes_to_an_end(stage: Theatre) -> None:
    stage.sandbox.fill(customers=20, seed=1)
    stage.play(reconcile)
    name, people = stage.ledger.newest_passes(1)[0].pass_id, stage.sandbox.attio.people()
    slow = next(person.id for person in people if person.values.get("polar_customer"))
    fault = Fault(kind=Kind.LATENCY, service="attio", method="PATCH", path=f"{PEOPLE}/{slow}", seconds=1000)
    stage.sandbox.faults.add(fault)
    items: list[Item] = []
    began = time.monotonic()

    stage.play(lambda context: undo_pass(context, name, clear_created=True, take=items.extend))

    assert time.monotonic() - began < 3 * FRESH_SECONDS
    left = {item.record_id for item in items if item.verdict is Verdict.NOT_DONE}
    assert left == {slow}
    marked = [person.id for person in stage.sandbox.attio.people() if person.values.get("polar_customer")]
    assert marked == [slow]

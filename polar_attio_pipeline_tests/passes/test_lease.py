"""One writer at a time: who waits, who takes over, and what two passes at once leave behind."""

import asyncio
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from polar_attio_pipeline import processes
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.hourly import Hours, sync_hours
from polar_attio_pipeline.passes.lease import LeaseLostError, Timing, one_writer
from polar_attio_pipeline.passes.reading import read_snapshot
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline_tests.passes.stage import Stage

QUICK = Timing(beat=0.01, dead=0.2, safe=0.1, longest_wait=0.5, poll=0.01)
ELSEWHERE = json.dumps({"host": "another machine", "pid": 1, "started": 0})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


async def test_the_second_writer_waits_for_the_first(ledger: Ledger) -> None:
    order: list[str] = []

    async def write(name: str) -> None:
        async with one_writer(ledger, what=name, timing=QUICK):
            order.append(f"{name} begins")
            await asyncio.sleep(0.05)
            order.append(f"{name} ends")

    await asyncio.gather(write("first"), write("second"))
    assert order == ["first begins", "first ends", "second begins", "second ends"]


async def test_every_writer_has_a_turn_of_its_own(ledger: Ledger) -> None:
    tokens = []
    for _ in range(3):
        async with one_writer(ledger, what="a pass", timing=QUICK) as token:
            tokens.append(token)
    assert tokens == sorted(set(tokens))


async def test_a_writer_that_lives_is_waited_for_only_so_long(ledger: Ledger) -> None:
    async with one_writer(ledger, what="a long reconciliation", timing=QUICK):
        with pytest.raises(UnavailableError, match="a long reconciliation"):
            async with one_writer(ledger, what="another", timing=QUICK):
                pass


def of_a_program() -> str:
    program = "from polar_attio_pipeline import processes; print(processes.process_identity())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def of_a_child_of_a_program_that_lives() -> str:
    with multiprocessing.get_context("forkserver").Pool(1) as children:
        return children.apply(processes.process_identity)


@pytest.mark.parametrize("identity", [of_a_program, of_a_child_of_a_program_that_lives])
async def test_a_writer_whose_process_has_ended_is_succeeded_at_once(
    ledger: Ledger, identity: Callable[[], str]
) -> None:
    ended = await asyncio.to_thread(identity)
    assert ledger.acquire_lease(ended, "a pass that was killed") is not None
    began = asyncio.get_running_loop().time()
    async with one_writer(ledger, what="the next", timing=Timing(poll=0.01)):
        assert asyncio.get_running_loop().time() - began < 5


async def test_a_writer_on_another_machine_is_succeeded_when_its_heartbeat_stands_still(ledger: Ledger) -> None:
    assert ledger.acquire_lease(ELSEWHERE, "a pass elsewhere") is not None
    began = asyncio.get_running_loop().time()
    async with one_writer(ledger, what="the next", timing=QUICK):
        assert asyncio.get_running_loop().time() - began >= QUICK.dead


async def test_a_writer_on_another_machine_whose_heart_beats_is_left_alone(ledger: Ledger) -> None:
    token = ledger.acquire_lease(ELSEWHERE, "a pass elsewhere")
    assert token is not None

    async def beat() -> None:
        while True:
            ledger.renew_lease(token)
            await asyncio.sleep(QUICK.dead / 10)

    beating = asyncio.create_task(beat())
    with pytest.raises(UnavailableError, match="a pass elsewhere"):
        async with one_writer(ledger, what="the next", timing=QUICK):
            pass
    beating.cancel()


async def test_a_writer_that_lost_the_lease_stops(ledger: Ledger) -> None:
    async def stand_still() -> None:
        async with one_writer(ledger, what="a pass that stood still", timing=QUICK):
            assert ledger.acquire_lease(ELSEWHERE, "its successor", instead_of=ledger.lease_holder()) is not None
            await asyncio.sleep(5)

    with pytest.raises(LeaseLostError):
        await stand_still()
    assert ledger.lease_holder().activity == "its successor"


async def test_an_error_inside_is_what_comes_out_and_the_lease_is_free(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="inside"):
        async with one_writer(ledger, what="a pass", timing=QUICK):
            raise ValueError("inside")
    assert ledger.lease_holder().owner is None


async def test_a_cancelled_writer_leaves_the_lease_free(ledger: Ledger) -> None:
    async def write() -> None:
        async with one_writer(ledger, what="a pass", timing=QUICK):
            await asyncio.sleep(5)

    task = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert ledger.lease_holder().owner is None
    assert not processes.is_gone(processes.process_identity())


class TestTwoPasses:
    def test_at_once_while_addresses_change_between_their_readings_keep_each_customer_one_person(
        self, stage: Stage
    ) -> None:
        customers = stage.add_many(60)

        async def run() -> None:
            async with stage.context() as one, stage.context() as other:
                first, second = Hours([stage.here]), Hours([stage.here])
                passes = [asyncio.create_task(sync_hours(one, first, lambda _: None))]
                await asyncio.sleep(0)
                for number, customer in enumerate(customers):
                    stage.sandbox.polar.update_customer(customer.id, email=f"moved-{number}@example.com")
                passes.append(asyncio.create_task(sync_hours(other, second, lambda _: None)))
                await asyncio.gather(*passes)

        asyncio.run(run())
        assert stage.sandbox.attio.people_count() == 60
        assert stage.in_attio(customers) == 60

    def test_an_older_reading_is_not_written_over_a_newer_one(self, stage: Stage) -> None:
        customer = stage.add("ada")

        async def run() -> None:
            async with stage.context() as slow, stage.context() as quick:
                snapshot, _ = await read_snapshot(slow.polar, stage.ledger, [stage.here])
                stage.sandbox.polar.update_customer(customer.id, name="Newer Name")
                await sync_hours(quick, Hours([stage.here]), lambda _: None)
                await sync_hours(slow, Hours([stage.here], snapshot=snapshot), lambda _: None)

        asyncio.run(run())
        person = stage.person_of(customer.id)
        assert person is not None
        assert person.name == "Newer Name"

    def test_a_snapshot_that_nothing_has_disturbed_is_not_read_again(self, stage: Stage) -> None:
        stage.add("ada")

        async def run() -> None:
            async with stage.context() as context:
                snapshot, _ = await read_snapshot(context.polar, stage.ledger, [stage.here])
                stage.sandbox.traffic.reset()
                await sync_hours(context, Hours([stage.here], snapshot=snapshot), lambda _: None)

        asyncio.run(run())
        assert stage.sandbox.traffic.count(service="polar", route="/v1/customers/") == 0

    def test_a_snapshot_taken_beside_another_pass_is_read_again_if_that_one_was_killed(self, stage: Stage) -> None:
        stage.add("ada")

        async def run() -> None:
            async with stage.context() as context:
                assert stage.ledger.acquire_lease(of_a_program(), "a pass")
                snapshot, _ = await read_snapshot(context.polar, stage.ledger, [stage.here])
                stage.sandbox.traffic.reset()
                await sync_hours(context, Hours([stage.here], snapshot=snapshot), lambda _: None)

        asyncio.run(run())
        assert stage.sandbox.traffic.count(service="polar", route="/v1/customers/") == 1

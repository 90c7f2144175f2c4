"""Writes of one portion at once: the first error ends all of them, and a pass that is to end waits for them."""

import asyncio
from datetime import UTC, datetime

import pytest

from polar_attio_pipeline.sync.concurrency import run_all
from polar_attio_pipeline.sync.engine import STOP_SECONDS
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


class Writes:
    """Writes that take their time, what became of them, and when."""

    def __init__(self) -> None:
        self.done: list[float] = []
        self.given_up: list[float] = []

    async def one(self, seconds: float, *, to_give_up: float = 0) -> float:
        """Take this long; once it is given up, it takes some more to come to an end."""
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            await asyncio.sleep(to_give_up)
            self.given_up.append(seconds)
            raise
        self.done.append(seconds)
        return seconds


async def failing() -> float:
    await asyncio.sleep(1)
    raise ValueError("No.")


def test_results_are_in_the_order_of_the_work_and_nothing_is_no_work() -> None:
    async def test() -> None:
        writes = Writes()

        assert await run_all([lambda: writes.one(3), lambda: writes.one(1)]) == [3, 1]
        assert await run_all([]) == []
        assert writes.done == [1, 3]

    with virtual_time(NOW):
        asyncio.run(test())


def test_the_first_error_ends_what_is_under_way_at_once_and_is_raised_when_all_of_it_has_ended() -> None:
    async def test() -> None:
        writes = Writes()

        with pytest.raises(ValueError, match=r"^No\.$"):
            await run_all([lambda: writes.one(100, to_give_up=2), failing])

        assert (writes.done, writes.given_up) == ([], [100])
        assert asyncio.get_running_loop().time() == 3

    with virtual_time(NOW):
        asyncio.run(test())


async def given_up(writes: Writes, *seconds: float, is_stopping: bool) -> float:
    """Cancel such writes after a second, and return how long it took until all of them had ended."""
    clock = asyncio.get_running_loop().time
    began = clock()
    work = [lambda one=one: writes.one(one, to_give_up=1) for one in seconds]
    stopping: list[bool] = []
    task = asyncio.create_task(run_all(work, is_stopping=lambda: bool(stopping)))
    await asyncio.sleep(1)
    if is_stopping:
        stopping.append(True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return clock() - began


def test_a_pass_that_is_asked_to_end_lets_its_writes_come_to_an_end_for_some_seconds() -> None:
    with virtual_time(NOW):
        writes = Writes()

        took = asyncio.run(given_up(writes, 3, 100, is_stopping=True))

    assert (writes.done, writes.given_up) == ([3], [100])
    assert took == 1 + STOP_SECONDS + 1


def test_a_pass_that_is_given_up_gives_its_writes_up_at_once() -> None:
    with virtual_time(NOW):
        writes = Writes()

        took = asyncio.run(given_up(writes, 3, 100, is_stopping=False))

    assert (writes.done, writes.given_up) == ([], [3, 100])
    assert took == 1 + 1


def test_writes_that_have_not_begun_when_the_pass_is_asked_to_end_never_begin() -> None:
    begun: list[int] = []

    async def write() -> None:
        begun.append(1)

    async def test() -> None:
        with pytest.raises(asyncio.CancelledError):
            await run_all([write], is_stopping=lambda: True)

    asyncio.run(test())
    assert begun == []

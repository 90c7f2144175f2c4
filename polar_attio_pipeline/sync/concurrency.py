"""Writes of one portion, many at once, ended together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from polar_attio_pipeline.sync.engine import STOP_SECONDS
from polar_attio_pipeline.sync.writing import CONCURRENT_WRITES

_Result = TypeVar("_Result")


async def run_all(
    work: Iterable[Callable[[], Awaitable[_Result]]], *, is_stopping: Callable[[], bool] = lambda: False
) -> list[_Result]:
    """Run all work and return its results, in its order; the first error ends what is still under way.

    Args:
        work: At most as much as a portion has.
        is_stopping: Tells whether somebody has asked for the pass to end: then what is under way may come to an end,
            and nothing else begins.

    Raises:
        Exception: the first that was raised.
    """
    slots = asyncio.Semaphore(CONCURRENT_WRITES)

    async def in_turn(one: Callable[[], Awaitable[_Result]]) -> _Result:
        async with slots:
            if is_stopping():
                raise asyncio.CancelledError
            return await one()

    tasks = [asyncio.create_task(in_turn(one)) for one in work]
    if not tasks:
        return []
    try:
        finished, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in finished:
            if error := task.exception():
                raise error
        return [task.result() for task in tasks]
    except asyncio.CancelledError:
        if is_stopping():
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

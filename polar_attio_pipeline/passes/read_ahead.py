"""Customers read while something else is read too."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

from polar_attio_pipeline.sync.disk_queue import DiskQueue
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline.sync.tasks import task_group

_IN_MEMORY = 100_000
"""Customers that are kept as they are: some 60 MB. Whoever compares them takes them over one by one."""

_PORTION = 500

_Result = TypeVar("_Result")


class ReadAhead:
    """A reading of customers that does not wait for another reading, although it is needed after it.

    Args:
        portions: Customers as they are read, each once.
    """

    def __init__(self, portions: AsyncIterator[Sequence[Customer]]) -> None:
        self._portions = portions
        self._read: DiskQueue[Customer] = DiskQueue(in_memory=_IN_MEMORY)

    async def during(self, other: Coroutine[Any, Any, _Result]) -> _Result:
        """Return what another reading returns, and read customers until it is there.

        Raises:
            Exception: the first that one of them raises; the other one is ended.
        """
        async with task_group() as readings:
            result = readings.create_task(other)
            readings.create_task(self._fill(until=result))
        return result.result()

    async def portions(self) -> AsyncIterator[Sequence[Customer]]:
        """Yield the customers read so far, and then all others as they are read.

        Raises:
            Exception: what the reading raises.
        """
        while ids := list(itertools.islice(self._read, _PORTION)):
            yield [self._read.pop(one) for one in ids]
        async for portion in self._portions:
            yield portion

    async def _fill(self, *, until: asyncio.Task[Any]) -> None:
        async for portion in self._portions:
            self._read.update((customer.id, customer) for customer in portion)
            if until.done():
                return

"""Customers that wait to be looked up, in the order in which they may claim a person."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime

from polar_attio_pipeline.sync.disk_queue import DiskQueue
from polar_attio_pipeline.sync.records import Customer

_AT_ONCE = 500
"""Customers put in the queue at a stretch, in which no lease can be renewed: some ten milliseconds."""


class CustomerQueue:
    """Customers, oldest first; memory has their ids, what belongs to them is on disk."""

    def __init__(self) -> None:
        self._customers: DiskQueue[Customer] = DiskQueue()
        self._ages: list[tuple[datetime, str]] = []

    def add(self, customer: Customer) -> None:
        """Put a customer in its place."""
        self._customers[customer.id] = customer
        self._ages.append((customer.created_at, customer.id))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ages)

    def portions(self, size: int) -> Iterator[list[Customer]]:
        """Yield all of them, so many at a time."""
        self._ages.sort()
        for start in range(0, len(self._ages), size):
            yield [self._customers[customer_id] for _, customer_id in self._ages[start : start + size]]


async def queued(customers: Iterable[Customer]) -> CustomerQueue:
    """Return a queue of customers."""
    queue = CustomerQueue()
    for number, customer in enumerate(customers):
        queue.add(customer)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # the lease is renewed meanwhile
    return queue

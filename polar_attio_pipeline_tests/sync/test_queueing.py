import tracemalloc
from datetime import timedelta

from polar_attio_pipeline.sync.queueing import queued
from polar_attio_pipeline_tests.sync.builders import SPRING, customer

MEGABYTE = 1024 * 1024


async def test_the_oldest_come_first_and_of_one_moment_the_lower_id() -> None:
    newest, oldest = customer("a", created_at=SPRING), customer("c", created_at=SPRING - timedelta(hours=1))
    same = customer("b", created_at=SPRING)
    queue = await queued([same, newest, oldest])
    assert len(queue) == 3
    assert list(queue.portions(2)) == [[oldest, newest], [same]]


async def test_a_queue_of_nobody_has_no_portions() -> None:
    assert list((await queued([])).portions(10)) == []


async def test_memory_has_only_the_customers_of_one_portion() -> None:
    tracemalloc.start()
    try:
        queue = await queued(customer(str(number), name="n" * 20_000) for number in range(1500))
        portions = sum(len(portion) for portion in queue.portions(10))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert portions == 1500
    assert peak < 10 * MEGABYTE

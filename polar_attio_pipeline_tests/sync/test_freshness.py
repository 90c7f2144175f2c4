"""A look that took long is taken once more."""

import asyncio
from datetime import UTC, datetime

import pytest

from polar_attio_pipeline.sync.freshness import OLD_SECONDS, fresh
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time


@pytest.mark.parametrize(
    ("seconds", "looks", "began"),
    [
        ([0.0], 1, 0),
        ([OLD_SECONDS], 1, 0),
        ([OLD_SECONDS + 1, 2], 2, OLD_SECONDS + 1),
        ([OLD_SECONDS + 1, OLD_SECONDS + 1], 2, OLD_SECONDS + 1),
    ],
)
def test_a_look_that_took_long_is_taken_once_more_and_says_when_it_began(
    seconds: list[float], looks: int, began: float
) -> None:
    made: list[int] = []

    async def look() -> int:
        made.append(len(made) + 1)
        await asyncio.sleep(seconds[len(made) - 1])
        return made[-1]

    with virtual_time(datetime(2026, 11, 3, 12, tzinfo=UTC)):
        seen, at = asyncio.run(fresh(look))

    assert (seen, at) == (looks, began)

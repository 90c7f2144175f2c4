"""Both services in process, one fresh pair a test."""

from collections.abc import AsyncIterator

import pytest

from polar_attio_pipeline_tests.sync.both_sides import BothSides, connect, new_sandbox


@pytest.fixture
async def both() -> AsyncIterator[BothSides]:
    async with connect(new_sandbox()) as sides:
        yield sides

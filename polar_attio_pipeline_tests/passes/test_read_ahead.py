"""Customers are read while something else is read, and none of them is lost or waited for in vain."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

from polar_attio_pipeline.passes import read_ahead
from polar_attio_pipeline.passes.read_ahead import ReadAhead
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.sync.builders import customer


def portions_of(count: int, size: int = 2) -> list[list[Customer]]:
    everybody = [customer(str(UUID(int=number))) for number in range(count)]
    return [everybody[start : start + size] for start in range(0, count, size)]


class Polar:
    """Gives portions one by one, and counts them."""

    def __init__(self, portions: Sequence[Sequence[Customer]]) -> None:
        self.given = 0
        self.error: Exception | None = None
        self._portions = portions

    async def read(self) -> AsyncIterator[Sequence[Customer]]:
        for portion in self._portions:
            await asyncio.sleep(0)
            self.given += 1
            yield portion
        if self.error:
            raise self.error


async def rest(ahead: ReadAhead) -> list[str]:
    return [one.id async for portion in ahead.portions() for one in portion]


async def test_customers_are_read_while_the_other_reading_is_under_way() -> None:
    polar = Polar(portions_of(10))
    ahead = ReadAhead(polar.read())

    async def scan() -> int:
        await asyncio.sleep(0.01)
        return polar.given

    assert await ahead.during(scan()) > 1


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 100])
async def test_each_customer_is_yielded_once_in_order_whichever_reading_ends_first(steps: int) -> None:
    portions = portions_of(9)
    ahead = ReadAhead(Polar(portions).read())

    async def scan() -> None:
        for _ in range(steps):
            await asyncio.sleep(0)

    await ahead.during(scan())
    assert await rest(ahead) == [one.id for portion in portions for one in portion]


async def test_more_customers_than_fit_into_memory_are_kept_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "_IN_MEMORY", 3)
    portions = portions_of(50)
    ahead = ReadAhead(Polar(portions).read())
    await ahead.during(asyncio.sleep(0.01))
    assert await rest(ahead) == [one.id for portion in portions for one in portion]


async def test_an_error_of_the_other_reading_ends_this_one() -> None:
    polar = Polar(portions_of(1000))

    async def scan() -> None:
        await asyncio.sleep(0)
        raise OSError("no scan")

    with pytest.raises(OSError, match="no scan"):
        await ReadAhead(polar.read()).during(scan())
    given = polar.given
    await asyncio.sleep(0.01)
    assert polar.given == given < 500


async def test_an_error_of_this_reading_ends_the_other_one() -> None:
    polar = Polar([])
    polar.error = OSError("no list")
    is_ended = asyncio.Event()

    async def scan() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            is_ended.set()

    with pytest.raises(OSError, match="no list"):
        await ReadAhead(polar.read()).during(scan())
    assert is_ended.is_set()


async def test_an_error_after_the_other_reading_comes_out_where_the_customers_are_taken() -> None:
    portions = portions_of(2)
    polar = Polar(portions)
    polar.error = OSError("cut")
    ahead = ReadAhead(polar.read())
    await ahead.during(asyncio.sleep(0))
    with pytest.raises(OSError, match="cut"):
        await rest(ahead)

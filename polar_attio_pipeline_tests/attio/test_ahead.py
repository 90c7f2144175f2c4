"""A sorted list of which several pages are asked for at once, while others write and answers overtake each other."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import aclosing
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.attio.isolation import Record
from polar_attio_pipeline.attio.sorted_pages import PAGE, SortedPages
from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline_tests.attio.test_sorted_pages import FOR_ONE, Listing


class Overtaking(Listing):
    """A list whose answers take various times.

    Attributes:
        at_once: The most requests that were under way together.
    """

    def __init__(self, count: int, *, seed: int = 1) -> None:
        super().__init__(count)
        self.at_once = 0
        self._random = Random(seed)
        self._under_way = 0

    async def fetch(self, offset: int, limit: int, attempts: int | None) -> list[Record]:
        self._under_way += 1
        self.at_once = max(self.at_once, self._under_way)
        try:
            await self._time_passes()
            page = await super().fetch(offset, limit, attempts)
            await self._time_passes()
        finally:
            self._under_way -= 1
        return page

    async def _time_passes(self) -> None:
        for _ in range(self._random.randrange(8)):
            await asyncio.sleep(0)


async def test_four_pages_are_under_way_at_once_and_each_is_asked_for_once() -> None:
    listing = Overtaking(10_000)

    assert await listing.read(expected=10_000) == list(range(10_000))

    assert listing.at_once == 4
    assert len(listing.asked) == len(set(listing.asked)) == -(-10_000 // (PAGE - 1))


@pytest.mark.parametrize("expected", [0, 1, 499, 500, 1200])
async def test_no_page_is_asked_for_in_vain_where_no_more_records_are_expected_than_there_are(expected: int) -> None:
    listing = Overtaking(1200)

    assert await listing.read(expected=expected) == list(range(1200))

    assert len(listing.asked) == 3


async def test_a_list_that_is_longer_than_expected_is_read_to_its_end() -> None:
    listing = Overtaking(5000)

    assert await listing.read(expected=1500) == list(range(5000))


async def test_a_list_that_is_shorter_than_expected_costs_three_requests_more_at_most() -> None:
    listing = Overtaking(1200)

    assert await listing.read(expected=100_000) == list(range(1200))

    assert len(listing.asked) <= 6


@settings(max_examples=150)
@given(
    st.integers(0, 3500),
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(1, 14), st.sampled_from(["leave", "join"]), st.integers(0, 3499)), max_size=8),
    st.integers(1, 60),
)
async def test_no_record_is_skipped_or_repeated_whoever_comes_and_leaves_while_pages_overtake_each_other(
    count: int, seed: int, changes: list[tuple[int, str, int]], size: int
) -> None:
    listing = Overtaking(count, seed=seed)
    left: set[int] = set()
    new = itertools.count(10_000)

    def change(number: int) -> None:
        for _, action, place in [one for one in changes if one[0] == number]:
            if action == "leave":
                left.update(listing.numbers[place : place + size])
                del listing.numbers[place : place + size]
            else:
                listing.numbers[place:place] = itertools.islice(new, size)

    listing.before = change

    found = await listing.read(expected=count)

    assert set(found) >= set(range(count)) - left
    assert len(found) == len(set(found))


@settings(max_examples=60)
@given(st.data())
async def test_each_sound_record_is_read_once_and_in_order_whichever_are_broken(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 3000))
    listing = Overtaking(count, seed=data.draw(st.integers(0, 100)))
    listing.broken = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))

    assert await listing.read(expected=count) == [one for one in range(count) if one not in listing.broken]
    assert len(listing.asked) <= count // (PAGE - 1) + 1 + (FOR_ONE + 3) * len(listing.broken)


async def test_an_attio_that_is_down_is_given_up_and_what_was_asked_for_ahead_is_dropped() -> None:
    listing = Overtaking(5000)

    def go_down(number: int) -> None:
        listing.is_down = number > 2

    listing.before = go_down

    with pytest.raises(TransientError, match="Attio is failing"):
        await listing.read(expected=5000)

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_reading_that_is_left_drops_what_was_asked_for_ahead() -> None:
    listing = Overtaking(5000)
    reading = SortedPages(listing.fetch, what="people", unsteady=listing.unsteady, expected=5000)

    pages = reading.pages()
    assert isinstance(pages, AsyncGenerator)

    async with aclosing(pages):
        await anext(pages)

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}

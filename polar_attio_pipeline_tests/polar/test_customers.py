import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.polar.customers import Listing, read_window
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import Page
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.polar.fakes import NOW, Change, FakeList, customer
from polar_attio_pipeline_tests.polar.reading import read_all

HOUR = timedelta(hours=1)

deletions = st.floats(0, 0.999).map(lambda place: partial(_delete, place=place))
newest = st.just(timedelta(minutes=-1))
ages = newest | st.integers(0, 60 * 12).map(lambda minutes: timedelta(minutes=minutes, microseconds=7))
insertions = ages.map(lambda age: partial(_insert, age=age))
some_changes = st.lists(deletions | insertions, max_size=6)
changing = st.lists(st.tuples(some_changes, some_changes), max_size=8)


def _delete(source: FakeList, place: float) -> None:
    source.delete(place)


def _insert(source: FakeList, age: timedelta) -> None:
    source.insert(age)


def changing_list(count: int, changes: Sequence[tuple[list[Change], list[Change]]]) -> FakeList:
    source = FakeList.of(count)
    source.changes = list(changes)
    return source


def inside(source: FakeList, start: datetime, end: datetime) -> set[str]:
    return {row.id for row in source.customers.values() if start <= row.created_at < end}


@settings(max_examples=100)
@given(count=st.integers(0, 700), hours_ago=st.integers(0, 12), hours=st.integers(1, 4), changes=changing)
async def test_a_window_misses_nobody_who_was_there_all_the_time(
    count: int, hours_ago: int, hours: int, changes: list[tuple[list[Change], list[Change]]]
) -> None:
    source = changing_list(count, changes)
    end = NOW - hours_ago * HOUR
    start = end - hours * HOUR

    try:
        read = await read_window(source, start, end)
    except TransientError:
        assert len(source.asked) >= 4, "only a list that changes with every answer may be given up"
        return

    found = [row.id for row in read.customers]
    assert set(found) >= source.alive_throughout() & inside(source, start, end)
    assert set(found) <= inside(source, start, end) | source.dead
    assert len(found) == len(set(found))
    assert [row.created_at for row in read.customers] == sorted(
        (row.created_at for row in read.customers), reverse=True
    )


@settings(max_examples=100)
@given(count=st.integers(0, 700), changes=changing)
async def test_a_book_misses_nobody_who_was_there_all_the_time(
    count: int, changes: list[tuple[list[Change], list[Change]]]
) -> None:
    source = changing_list(count, changes)
    try:
        read = await read_all(source)
    except TransientError:
        assert len(source.asked) >= 4, "only a list that changes with every answer may be given up"
        return

    assert set(read.customers) >= source.alive_throughout()
    assert set(read.customers) <= set(source.customers) | source.dead


@pytest.mark.parametrize(
    ("hours_ago", "requests"),
    [(0, 1), (1, 2)],
)
async def test_a_recent_hour_is_one_or_two_requests(hours_ago: int, requests: int) -> None:
    source = FakeList.of(30_000)
    end = NOW - hours_ago * HOUR

    read = await read_window(source, end - HOUR, end)

    assert len(read.customers) == 60
    assert read.requests == len(source.asked) == requests


@pytest.mark.parametrize("hours_ago", [3, 17, 50, 111, 333, 480, 498])
async def test_an_old_hours_cost_is_logarithmic_in_the_book(hours_ago: int) -> None:
    source = FakeList.of(30_000)
    end = NOW - hours_ago * HOUR

    read = await read_window(source, end - HOUR, end)

    assert len(read.customers) == 60
    assert read.requests <= 2 * math.log2(30_000 / 100) + 4


async def test_an_hour_before_the_first_customer_is_empty_and_cheap() -> None:
    source = FakeList.of(5000)

    read = await read_window(source, NOW - 2000 * HOUR, NOW - 1999 * HOUR)

    assert read.customers == ()
    assert read.total_count == 5000
    assert read.requests <= 2 * math.log2(50) + 4


async def test_an_hour_that_has_not_begun_is_empty() -> None:
    read = await read_window(FakeList.of(300), NOW + HOUR, NOW + 2 * HOUR)

    assert read.customers == ()
    assert read.requests == 1


async def test_the_beginning_of_a_window_is_in_it_and_its_end_is_not() -> None:
    source = FakeList([customer(1, created_at=NOW), customer(2, created_at=NOW - HOUR)])

    read = await read_window(source, NOW - HOUR, NOW)

    assert [row.created_at for row in read.customers] == [NOW - HOUR]


async def test_customers_of_a_windows_first_instant_are_read_over_the_edge_of_a_page() -> None:
    source = FakeList(customer(number, created_at=NOW - HOUR) for number in range(150))

    read = await read_window(source, NOW - HOUR, NOW)

    assert len(read.customers) == 150


async def test_whoever_moves_up_over_a_pages_edge_is_not_lost() -> None:
    source = FakeList.of(250)
    many_leave: list[Change] = [partial(_delete, place=0.0)] * 120
    source.changes = [([], []), (many_leave, [])]

    read = await read_window(source, NOW - 300 * HOUR, NOW + HOUR)

    assert {row.id for row in read.customers} >= source.alive_throughout()
    assert len(source.alive_throughout()) == 130


async def test_a_deletion_that_an_arrival_hides_in_the_count_loses_nobody() -> None:
    source = FakeList.of(250)
    newcomer = partial(_insert, age=timedelta(minutes=-1))
    # The count of the second answer is older than its page; the arrival makes the third count what it was.
    source.changes = [([], []), ([], [partial(_delete, place=0.0)]), ([newcomer], [])]

    read = await read_window(source, NOW - 300 * HOUR, NOW)

    assert {row.id for row in read.customers} >= source.alive_throughout() - {str(customer(0, created_at=NOW).id)}


async def test_a_list_that_shrinks_between_every_count_and_its_page_is_read_all_the_same() -> None:
    source = FakeList.of(250)
    source.changes = [([], [partial(_delete, place=0.0)])] * 50

    window = await read_window(source, NOW - 300 * HOUR, NOW + HOUR)
    listing = await read_all(source)

    assert {row.id for row in window.customers} >= source.alive_throughout()
    assert set(listing.customers) >= source.alive_throughout()


async def test_teams_without_an_address_that_tie_over_a_pages_edge_are_all_found() -> None:
    rows = [customer(number, created_at=NOW - number * timedelta(seconds=1)) for number in range(1, 300)]
    tied = [customer(1000 + number, created_at=NOW - timedelta(seconds=95.5), email=None) for number in range(12)]
    source = FakeList([*rows, *tied])

    window = await read_window(source, NOW - HOUR, NOW)
    listing = await read_all(source)

    assert {row.id for row in window.customers} == set(listing.customers) == source.born


async def test_a_book_of_nobody_is_read_twice_and_stands() -> None:
    source = FakeList([])

    read = await read_all(source)

    assert (read.customers, read.total_count, len(source.asked)) == ({}, 0, 2)


async def test_an_unchanged_book_costs_its_pages_and_one_more() -> None:
    source = FakeList.of(10_000)

    read = await read_all(source)

    assert len(read.customers) == 10_000
    assert len(source.asked) <= 10_000 / 100 * 1.15 + 1


async def test_who_comes_while_the_book_is_read_is_in_it() -> None:
    source = FakeList.of(500)
    source.changes = [([], []), ([partial(_insert, age=timedelta(minutes=-1))], [])]

    read = await read_all(source)

    assert set(read.customers) == set(source.customers)
    assert len(read.customers) == 501


async def test_a_listing_yields_each_customer_once() -> None:
    assert await _count(Listing(FakeList.of(500), export_first=False)) == 500


class CutList(FakeList):
    """A list that shows fewer rows than it counts, for so many requests."""

    def __init__(self, count: int, shown: int, times: int) -> None:
        super().__init__(FakeList.of(count).customers.values())
        self._shown = shown
        self._times = times

    async def page(self, page: int, limit: int = 100) -> Page:
        whole = await super().page(page, limit)
        self._times -= 1
        if self._times < 0:
            return whole
        rows = whole.rows[: max(self._shown - whole.start, 0)]
        return Page(start=whole.start, limit=limit, rows=rows, total_count=whole.total_count, max_page=whole.max_page)


@pytest.mark.parametrize("shown", [0, 40, 100, 130])
async def test_a_list_that_breaks_off_too_early_is_no_book_and_no_window(shown: int) -> None:
    with pytest.raises(TransientError, match=r"breaks off after \d+ of 250 rows"):
        await read_all(CutList(250, shown, times=1000))
    with pytest.raises(TransientError, match=r"breaks off after \d+ of 250 rows"):
        await read_window(CutList(250, shown, times=1000), NOW - 300 * HOUR, NOW)


@pytest.mark.parametrize("shown", [0, 40, 100, 130])
async def test_a_single_answer_that_breaks_off_is_asked_for_again(shown: int) -> None:
    for times in (1, 3):
        read = await read_all(CutList(250, shown, times=times))
        assert len(read.customers) == 250


async def _count(listing: Listing) -> int:
    return sum([len(fresh) async for fresh in listing.pages()])


class HidingList(FakeList):
    """A list that never shows one of its rows, but another one twice."""

    async def page(self, page: int, limit: int = 100) -> Page:
        whole = await super().page(page, limit)
        twice, hidden = self.ordered()[60:62]
        rows = tuple(twice if row.id == hidden.id else row for row in whole.rows)
        return Page(start=whole.start, limit=limit, rows=rows, total_count=whole.total_count, max_page=whole.max_page)


async def test_a_book_that_never_adds_up_is_not_concluded_from() -> None:
    listing = Listing(HidingList(FakeList.of(150).customers.values()), export_first=False)

    with pytest.raises(TransientError, match="counts 150 customers, but its list shows 149 however often it is read"):
        await _count(listing)


class SlippingList(FakeList):
    """A list of which everything but the first page slips away, again and again."""

    async def page(self, page: int, limit: int = 100) -> Page:
        whole = await super().page(page, limit)
        older = len(self.asked) * HOUR * 24
        rows = [row if whole.start == 0 else _slipped(row, older) for row in whole.items]
        return Page(
            start=whole.start, limit=limit, rows=tuple(rows), total_count=whole.total_count, max_page=whole.max_page
        )


def _slipped(row: Customer, older: timedelta) -> Customer:
    return replace(row, id=f"{row.id}-{older}", created_at=row.created_at - older)


async def test_a_list_that_one_cannot_walk_down_is_given_up() -> None:
    with pytest.raises(TransientError, match="comes in another order each time"):
        await read_all(SlippingList(FakeList.of(500).customers.values()))


async def test_a_bad_row_is_counted_reported_and_keeps_nobody_else_out() -> None:
    source = FakeList.of(150)
    bad = BadRow(key="k", id=None, field="email", message="No.", created_at=NOW - timedelta(minutes=20))

    class WithBadRow(FakeList):
        async def page(self, page: int, limit: int = 100) -> Page:
            whole = await super().page(page, limit)
            rows = tuple(bad if row.created_at == bad.created_at else row for row in whole.rows)
            return Page(
                start=whole.start, limit=limit, rows=rows, total_count=whole.total_count, max_page=whole.max_page
            )

    listing = await read_all(WithBadRow(source.customers.values()))
    first = await read_window(WithBadRow(source.customers.values()), NOW - HOUR, NOW)
    second = await read_window(WithBadRow(source.customers.values()), NOW - 2 * HOUR, NOW - HOUR)

    assert (len(listing.customers), listing.bad_rows) == (149, (bad,))
    assert (len(first.customers), first.bad_rows) == (59, (bad,))
    assert (len(second.customers), second.bad_rows) == (60, ())

from datetime import timedelta

import httpx
import pytest

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import read_book, read_window
from polar_attio_pipeline_tests.polar.fakes import NOW, FakePolar, api, row


def rows(count: int, *, broken: frozenset[int] | set[int] = frozenset()) -> list[dict[str, object] | None]:
    return [None if number in broken else row(number) for number in range(count)]


@pytest.mark.parametrize("broken", [{0}, {42}, {99}, {3, 4, 77}])
async def test_rows_that_break_their_page_are_alone_in_the_end_and_the_others_are_kept(broken: set[int]) -> None:
    polar = FakePolar(rows(250, broken=broken))
    async with api(polar) as connection:
        page = await PolarClient(connection).page(1)

    assert len(page.items) == 100 - len(broken)
    assert (page.start, page.limit, page.total_count, page.max_page) == (0, 100, 250, 3)
    assert [bad.message for bad in page.bad_rows] == [
        f"Polar answers 500 for it; it is number {number + 1} of its list of customers, newest first."
        for number in sorted(broken)
    ]
    assert all(bad.id is None and bad.created_at for bad in page.bad_rows)


async def test_finding_one_bad_row_costs_few_requests() -> None:
    polar = FakePolar(rows(250, broken={42}))
    async with api(polar) as connection:
        await PolarClient(connection, organization_slug="acme").page(1)

    tries = 3
    assert len(polar.requests) <= tries * 5 + 1 + 1 + 4 + 4


async def test_a_bad_row_in_the_last_short_page_is_found() -> None:
    polar = FakePolar(rows(130, broken={129}))
    async with api(polar) as connection:
        page = await PolarClient(connection).page(2)

    assert len(page.items) == 29
    assert [bad.key for bad in page.bad_rows] == ["1 from the end"]


async def test_the_whole_book_stands_although_it_holds_bad_rows() -> None:
    polar = FakePolar(rows(350, broken={42, 180, 349}))
    async with api(polar) as connection:
        book = await read_book(PolarClient(connection))

    assert len(book.customers) == 347
    assert len(book.bad_rows) == 3


async def test_a_bad_row_is_reported_in_its_hour_and_in_no_other() -> None:
    polar = FakePolar(rows(350, broken={90}))
    async with api(polar) as connection:
        client = PolarClient(connection)
        hour = timedelta(hours=1)
        first, second = [await read_window(client, NOW - (ago + 1) * hour, NOW - ago * hour) for ago in (0, 1)]

    assert (len(first.customers), len(first.bad_rows)) == (60, 0)
    assert (len(second.customers), len(second.bad_rows)) == (59, 1)


async def test_a_list_that_changes_while_it_is_split_is_split_again() -> None:
    polar = FakePolar(rows(250, broken={60}))
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 5:
            polar.rows.insert(0, row(1000))
        return polar(request)

    async with api(answer) as connection:
        page = await PolarClient(connection, organization_slug="acme").page(1)

    assert page.total_count == 251
    assert len(page.items) == 99
    assert [bad.key for bad in page.bad_rows] == ["190 from the end"]


async def test_a_service_that_is_down_is_not_taken_for_a_hundred_bad_rows() -> None:
    polar = FakePolar([None] * 250)
    async with api(polar) as connection:
        with pytest.raises(LostAnswerError):
            await PolarClient(connection, organization_slug="acme").page(1)

    assert len(polar.requests) < 50


async def test_a_service_that_comes_back_meanwhile_is_read() -> None:
    polar = FakePolar(rows(120))
    failing = 30

    def answer(request: httpx.Request) -> httpx.Response:
        sound = polar(request)
        return httpx.Response(500) if len(polar.requests) <= failing else sound

    async with api(answer) as connection:
        page = await PolarClient(connection, organization_slug="acme").page(1)

    assert (len(page.items), page.bad_rows) == (100, [])
    assert len(polar.requests) > failing

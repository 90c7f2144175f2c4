import asyncio
from collections.abc import Iterable
from datetime import timedelta

import httpx
import pytest

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import read_window
from polar_attio_pipeline.polar.pages import Page
from polar_attio_pipeline.polar.splitting import STRETCH_SECONDS
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time
from polar_attio_pipeline_tests.polar.fakes import NOW, FakePolar, api, row
from polar_attio_pipeline_tests.polar.reading import read_all


def fake(count: int, *, broken: Iterable[int] = ()) -> FakePolar:
    """So many rows, of which some cannot be serialised; the export is refused."""
    polar = FakePolar([row(number) for number in range(count)], broken=broken)
    polar.export = lambda: httpx.Response(403, json={"error": "insufficient_scope"})
    return polar


@pytest.mark.parametrize("broken", [{0}, {42}, {99}, {3, 4, 77}, {0, 1, 2, 3, 4, 5, 6}, set(range(60))])
async def test_rows_that_break_their_page_are_alone_in_the_end_and_the_others_are_kept(broken: set[int]) -> None:
    polar = fake(250, broken=broken)
    async with api(polar) as connection:
        page = await PolarClient(connection).page_around_bad_rows(1)

    assert len(page.items) == 100 - len(broken)
    assert (page.start, page.limit, page.total_count, page.max_page) == (0, 100, 250, 3)
    assert [bad.message for bad in page.bad_rows] == [
        f"Polar answers 500 for number {number + 1} of its list of customers, newest first: open it in Polar's "
        "dashboard and give it an address, or delete it."
        for number in sorted(broken)
    ]
    assert all(bad.id is None and bad.created_at for bad in page.bad_rows)


async def test_finding_one_bad_row_costs_few_requests() -> None:
    polar = fake(250, broken={42})
    async with api(polar) as connection:
        await PolarClient(connection, organization_slug="acme").page_around_bad_rows(1)

    tries = 3
    assert len(polar.requests) <= tries * 5 + 1 + 1 + 4 + 4


async def test_a_bad_row_in_the_last_short_page_is_found() -> None:
    polar = fake(130, broken={129})
    async with api(polar) as connection:
        page = await PolarClient(connection).page_around_bad_rows(2)

    assert len(page.items) == 29
    assert [bad.key for bad in page.bad_rows] == ["1 from the end"]


async def test_the_whole_book_stands_although_it_holds_bad_rows() -> None:
    polar = fake(350, broken={42, 180, 349})
    async with api(polar) as connection:
        listing = await read_all(PolarClient(connection))

    assert len(listing.customers) == 347
    assert len(listing.bad_rows) == 3


async def test_a_bad_row_is_reported_in_its_hour_and_in_no_other() -> None:
    polar = fake(350, broken={90})
    async with api(polar) as connection:
        client = PolarClient(connection)
        hour = timedelta(hours=1)
        first, second = [await read_window(client, NOW - (ago + 1) * hour, NOW - ago * hour) for ago in (0, 1)]

    assert (len(first.customers), len(first.bad_rows)) == (60, 0)
    assert (len(second.customers), len(second.bad_rows)) == (59, 1)


async def test_a_list_that_changes_while_it_is_split_is_split_again() -> None:
    polar = fake(250, broken={60})

    def answer(request: httpx.Request) -> httpx.Response:
        if len(polar.requests) == 4:
            polar.rows.insert(0, row(1000))
        return polar(request)

    async with api(answer) as connection:
        page = await PolarClient(connection, organization_slug="acme").page_around_bad_rows(1)

    assert page.total_count == 251
    assert len(page.items) == 99
    assert [bad.key for bad in page.bad_rows] == ["190 from the end"]


async def test_a_service_that_is_down_is_not_taken_for_a_hundred_bad_rows() -> None:
    polar = fake(250)
    polar.down = True
    async with api(polar) as connection:
        with pytest.raises(LostAnswerError):
            await PolarClient(connection, organization_slug="acme").page_around_bad_rows(1)

    assert len(polar.requests) < 50


async def test_a_service_that_comes_back_meanwhile_is_read() -> None:
    polar = fake(120)
    failing = 30

    def answer(request: httpx.Request) -> httpx.Response:
        polar.down = len(polar.requests) < failing
        return polar(request)

    async with api(answer) as connection:
        page = await PolarClient(connection, organization_slug="acme").page_around_bad_rows(1)

    assert (len(page.items), page.bad_rows) == (100, [])
    assert len(polar.requests) > failing


class FailingByChance(httpx.AsyncBaseTransport):
    """Takes half a minute for each answer, and fails for a while: for every page, and for every second row alone."""

    def __init__(self, polar: FakePolar) -> None:
        self._polar = polar

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        page, limit = int(request.url.params["page"]), int(request.url.params["limit"])
        is_bad = asyncio.get_running_loop().time() <= STRETCH_SECONDS
        self._polar.down = is_bad and (limit > 1 or page % 2 == 1)
        return self._polar(request)


def test_a_service_that_fails_by_chance_is_read_around_for_a_bounded_time_and_then_asked_as_usual() -> None:
    async def read() -> Page:
        async with api(FailingByChance(fake(100))) as connection:
            return await PolarClient(connection, organization_slug="acme").page_around_bad_rows(1)

    with virtual_time(NOW) as timeline:
        page = asyncio.run(read())
        assert timeline.monotonic() < STRETCH_SECONDS + 5 * 60

    assert (len(page.items), page.bad_rows) == (100, [])

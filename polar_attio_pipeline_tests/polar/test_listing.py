"""All customers in one request: the export is believed only where Polar's count and newest page agree with it."""

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.http.errors import FatalError, LostAnswerError, TransientError
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import Listing
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import Row
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.polar.fakes import (
    NOW,
    Change,
    FakeList,
    FakePolar,
    api,
    csv_text,
    customer,
    exported,
    polar_id,
    row,
)
from polar_attio_pipeline_tests.polar.reading import AllRead, read_all

EXPORT = "/v1/customers/export"


class ExportingList(FakeList):
    """A list with an export, which is one of its requests: it is cut from one statement and may lose its last rows."""

    cuts: Sequence[int] = ()
    exports = 0

    async def export(self) -> AsyncIterator[Sequence[Row]]:
        before, after = self.changes.pop(0) if self.changes else ([], [])
        for change in before:
            change(self)
        rows = [replace(one, type=None, organization_id="") for one in self.customers.values()]
        for change in after:
            change(self)
        cut = self.cuts[self.exports] if self.exports < len(self.cuts) else 0
        self.exports += 1
        whole = rows[: max(len(rows) - cut, 0)]
        for start in range(0, len(whole), 70):
            yield whole[start : start + 70]


def _delete(source: FakeList, place: float) -> None:
    source.delete(place)


def _insert(source: FakeList, age: timedelta) -> None:
    source.insert(age)


arrival: Change = partial(_insert, age=timedelta(minutes=-1))
late_commit: Change = partial(_insert, age=timedelta(hours=3))
deletion: Change = partial(_delete, place=0.5)
some_changes = st.lists(st.sampled_from([arrival, late_commit, deletion]), max_size=3)


def exporting(count: int, changes: Sequence[tuple[list[Change], list[Change]]] = ()) -> ExportingList:
    source = ExportingList.of(count)
    assert isinstance(source, ExportingList)
    source.changes = list(changes)
    return source


async def test_all_customers_are_one_request_and_two_pages_to_compare_it_with() -> None:
    source = exporting(5000)

    read = await read_all(source, export_first=True)

    assert set(read.customers) == source.born
    assert (source.exports, len(source.asked), read.total_count) == (1, 2, 5000)


async def test_the_newest_customers_have_their_type_and_the_organization() -> None:
    read = await read_all(exporting(250), export_first=True)

    types = [one.type for one in sorted(read.customers.values(), key=lambda one: one.created_at, reverse=True)]
    assert types == ["individual"] * 100 + [None] * 150
    assert {one.organization_id for one in read.customers.values()} == {"org", ""}


async def test_no_customers_at_all_are_an_empty_export() -> None:
    assert (await read_all(exporting(0), export_first=True)).customers == {}


@settings(max_examples=200)
@given(
    count=st.integers(0, 300),
    changes=st.lists(st.tuples(some_changes, some_changes), max_size=7),
    cuts=st.lists(st.sampled_from([0, 0, 1, 2, 5, 100]), max_size=2),
)
async def test_no_customer_who_was_there_all_the_time_is_missing_whatever_comes_goes_and_is_cut_off(
    count: int, changes: list[tuple[list[Change], list[Change]]], cuts: list[int]
) -> None:
    source = exporting(count, changes)
    source.cuts = cuts
    try:
        read = await read_all(source, export_first=True)
    except TransientError:
        assert len(source.asked) >= 4, "only a list that changes with every answer may be given up"
        return

    assert set(read.customers) >= source.alive_throughout()
    assert set(read.customers) <= set(source.customers) | source.dead


async def test_customers_who_come_meanwhile_explain_the_count_and_are_read_from_the_newest_page() -> None:
    source = exporting(250, [([], []), ([arrival], [arrival])])

    read = await read_all(source, export_first=True)

    assert (source.exports, len(read.customers)) == (1, 252)
    assert set(read.customers) == set(source.customers)


async def test_a_customer_who_comes_meanwhile_and_is_not_among_the_newest_has_the_export_read_again() -> None:
    source = exporting(250, [([], []), ([], [late_commit])])

    read = await read_all(source, export_first=True)

    assert source.exports == 2
    assert set(read.customers) == set(source.customers)


async def test_a_row_that_is_cut_off_is_not_made_up_for_by_one_that_came() -> None:
    source = exporting(250, [([], []), ([arrival], [deletion])])
    source.cuts = [2]

    read = await read_all(source, export_first=True)

    assert source.exports == 2
    assert set(read.customers) >= source.alive_throughout()


async def test_a_customer_who_is_deleted_meanwhile_has_the_export_read_again() -> None:
    source = exporting(250, [([], []), ([deletion], [])])

    read = await read_all(source, export_first=True)

    assert (source.exports, len(source.asked)) == (2, 4)
    assert set(read.customers) >= source.alive_throughout()


async def test_an_export_that_is_apart_from_the_count_twice_is_given_up_for_the_pages(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = exporting(450)
    source.cuts = [100, 100]
    with caplog.at_level(logging.INFO, "polar_attio_pipeline.polar"):
        read = await read_all(source, export_first=True)

    assert set(read.customers) == source.born
    assert source.exports == 2
    assert "Polar's export holds 350 customers, but Polar counts 450 before it and 450 after it" in caplog.text
    assert caplog.text.count("The list of customers is read page by page instead.") == 1


def fake(count: int, *, broken: Sequence[int] = ()) -> FakePolar:
    rows = [row(number, **({"email": None} if number in broken else {})) for number in range(count)]
    return FakePolar(rows, broken=set(broken))


async def read(polar: FakePolar) -> AllRead:
    async with api(polar) as connection:
        return await read_all(PolarClient(connection), export_first=True)


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(403, json={"error": "insufficient_scope"}),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(422, json={"error": "RequestValidationError", "detail": []}),
        httpx.Response(500, text="Internal Server Error"),
        httpx.Response(504, html="<html>Gateway Timeout</html>"),
        httpx.Response(200, text=csv_text(fake(250, broken=(42, 180)).rows)[:-30]),
        httpx.Response(200, text=csv_text(fake(200, broken=(42, 180)).rows)),
        httpx.Response(200, text="ID,Email\r\n"),
        httpx.Response(200, text=""),
        httpx.Response(200, json={"items": []}),
    ],
    ids=["403", "404", "422", "500", "504", "cut", "short", "other columns", "nothing", "json"],
)
@pytest.mark.parametrize("broken", [(), (42, 180)], ids=["sound", "with bad rows"])
async def test_without_the_export_the_pages_are_read_and_the_log_says_why(
    refusal: httpx.Response, broken: Sequence[int], caplog: pytest.LogCaptureFixture
) -> None:
    polar = fake(250, broken=broken)
    polar.export = lambda: httpx.Response(refusal.status_code, content=refusal.content, headers=refusal.headers)

    with caplog.at_level(logging.INFO, "polar_attio_pipeline.polar"):
        found = await read(polar)

    assert (len(found.customers), len(found.bad_rows)) == (250 - len(broken), len(broken))
    assert caplog.text.count("The list of customers is read page by page instead.") == 1
    assert "@" not in caplog.text


@pytest.mark.parametrize("broken", [[0], [249], [42, 180, 249], range(20)])
async def test_bad_rows_are_named_by_their_ids_wherever_they_are(broken: Sequence[int]) -> None:
    polar = fake(250, broken=broken)

    found = await read(polar)

    assert polar.asked(EXPORT) == 1
    assert {bad.id for bad in found.bad_rows} == {polar_id(number) for number in broken}
    assert set(found.customers) == {polar_id(number) for number in range(250) if number not in broken}


async def test_two_thousand_teams_cost_fifty_looks_and_are_all_read() -> None:
    polar = FakePolar([row(number, email=None, type="team") for number in range(2000)], broken=set())

    found = await read(polar)

    assert len(found.customers) == 2000
    looks = {request.url.path for request in polar.requests} - {EXPORT, "/v1/customers/", "/v1/organizations/"}
    assert len(looks) == 50


async def test_a_row_that_does_not_parse_in_an_export_that_is_given_up_is_read_from_its_page() -> None:
    polar = fake(250)
    spoilt = csv_text(polar.rows).replace("+00:00", "", 1)
    polar.export = lambda: httpx.Response(200, text=spoilt[:-30])

    found = await read(polar)

    assert (len(found.customers), found.bad_rows) == (250, ())


async def test_a_token_that_is_revoked_meanwhile_is_not_read_around() -> None:
    polar = fake(250)
    polar.export = lambda: httpx.Response(401)

    with pytest.raises(FatalError, match="POLAR_ACCESS_TOKEN"):
        await read(polar)


async def test_a_polar_that_is_down_is_given_up() -> None:
    polar = fake(250)
    polar.down = True

    async with api(polar) as connection:
        with pytest.raises(LostAnswerError, match="Polar is failing"):
            await read_all(PolarClient(connection, organization_slug="acme"), export_first=True)

    assert len(polar.requests) < 120


async def test_a_bad_row_in_the_export_is_reported_once() -> None:
    polar = fake(3)
    polar.export = lambda: exported([*polar.rows, row(7, created_at="yesterday")])

    found = await read(polar)

    assert [(bad.id, bad.field) for bad in found.bad_rows] == [(polar_id(7), "created_at")]
    assert all(isinstance(one, Customer) for one in found.customers.values())
    assert all(isinstance(one, BadRow) for one in found.bad_rows)


async def test_first_of_all_comes_the_newest_page_so_that_those_who_are_new_come_whole() -> None:
    source = ExportingList([customer(number, created_at=NOW - timedelta(minutes=number)) for number in range(3)])

    read_first = await read_all(source, export_first=True)

    assert [one.type for one in read_first.customers.values()] == ["individual"] * 3


async def newcomers(listing: Listing) -> list[str]:
    return [one.id async for portion in listing.newcomers() for one in portion]


@pytest.mark.parametrize(("came", "requests"), [(0, 1), (1, 1), (99, 1), (250, 3)])
async def test_who_came_since_the_reading_is_read_from_the_newest_pages(came: int, requests: int) -> None:
    source = exporting(300)
    listing = Listing(source, export_first=True)
    [_ async for _ in listing.pages()]
    before, asked = set(source.customers), len(source.asked)
    for _ in range(came):
        arrival(source)

    found = await newcomers(listing)

    assert sorted(found) == sorted(set(source.customers) - before)
    assert len(source.asked) - asked == requests
    assert set(listing.ids) == set(source.customers)


async def test_a_bad_row_among_the_newest_leaves_newcomers_for_the_next_reading() -> None:
    polar = fake(150, broken=[3])
    async with api(polar) as connection:
        listing = Listing(PolarClient(connection), export_first=True)
        [_ async for _ in listing.pages()]
        polar.rows.insert(0, row(1000, created_at=NOW.isoformat()))

        assert await newcomers(listing) == []

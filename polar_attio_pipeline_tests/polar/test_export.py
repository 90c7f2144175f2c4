"""Rows that Polar cannot serialise: the list answers 500 for each page that holds one, the export names them."""

import logging
from collections.abc import Iterable
from datetime import timedelta

import httpx
import pytest

from polar_attio_pipeline.http.errors import FatalError, LostAnswerError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import read_window
from polar_attio_pipeline.polar.pages import key
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.polar.churn import Churn
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.polar.fakes import NOW, FakePolar, api, csv_text, exported, polar_id, row
from polar_attio_pipeline_tests.polar.reading import AllRead, read_all

EXPORT = "/v1/customers/export"
HOUR = timedelta(hours=1)


def fake(count: int, *, broken: Iterable[int] = ()) -> FakePolar:
    """So many customers, one a minute, of which some are individuals without an address."""
    numbers = set(broken)
    rows = [row(number, **({"email": None} if number in numbers else {})) for number in range(count)]
    return FakePolar(rows, broken=numbers)


async def book_of(polar: FakePolar) -> AllRead:
    async with api(polar) as connection:
        return await read_all(PolarClient(connection))


@pytest.mark.parametrize("broken", [{0}, {349}, {42, 180, 349}, {0, 1, 2, 3, 4, 5}, set(range(20))])
async def test_a_book_with_bad_rows_is_read_from_the_export_and_names_them_by_id(broken: set[int]) -> None:
    polar = fake(350, broken=broken)

    listing = await book_of(polar)

    assert set(listing.customers) == {polar_id(number) for number in range(350) if number not in broken}
    assert {bad.id for bad in listing.bad_rows} == {polar_id(number) for number in broken}
    assert listing.total_count == 350
    assert polar.asked(EXPORT) == 1


async def test_a_bad_row_says_when_it_was_created_and_what_to_do() -> None:
    listing = await book_of(fake(350, broken={42}))

    (bad,) = listing.bad_rows
    assert bad.created_at == NOW - timedelta(minutes=42)
    assert bad.message == (
        f"Polar answers 500 for customer {polar_id(42)}: open it in Polar's dashboard and give it an address, or "
        "delete it."
    )


async def test_a_few_bad_rows_cost_a_few_requests_and_not_thirty_each() -> None:
    polar = fake(350, broken={42, 180, 300})

    await book_of(polar)

    to_see_it, export_and_counts = 3, 3
    to_be_sure = 2 * 4 * 3 + 1
    assert len(polar.requests) <= 1 + to_see_it + export_and_counts + to_be_sure


async def test_a_window_with_a_bad_row_holds_it_and_no_other_window_does() -> None:
    polar = fake(350, broken={90})
    async with api(polar) as connection:
        client = PolarClient(connection)
        first, second = [await read_window(client, NOW - (ago + 1) * HOUR, NOW - ago * HOUR) for ago in (0, 1)]

    assert (len(first.customers), first.bad_rows) == (60, ())
    assert len(second.customers) == 59
    assert [bad.id for bad in second.bad_rows] == [polar_id(90)]
    assert [customer.created_at for customer in second.customers] == sorted(
        (customer.created_at for customer in second.customers), reverse=True
    )
    assert second.total_count == 350


async def test_a_team_without_an_address_is_no_bad_row_and_keeps_its_type() -> None:
    polar = fake(250, broken={42})
    polar.rows[7] = row(7, email=None, type="team")
    polar.rows[200] = row(200, email=None, type="team")

    listing = await book_of(polar)

    assert [bad.id for bad in listing.bad_rows] == [polar_id(42)]
    assert [listing.customers[polar_id(number)].type for number in (7, 200)] == ["team", "team"]
    assert listing.customers[polar_id(8)].type is None
    assert listing.customers[polar_id(8)].organization_id == ""


async def test_no_more_than_fifty_are_looked_at_one_by_one() -> None:
    polar = fake(250, broken={200})
    for number in range(100):
        polar.rows[number] = row(number, email=None, type="team")

    listing = await book_of(polar)

    assert len(listing.customers) + len(listing.bad_rows) == 250
    assert len({request.url.path for request in polar.requests} - {EXPORT}) - 2 == 50


async def test_a_customer_that_was_deleted_meanwhile_is_left_out() -> None:
    polar = fake(250, broken={42})
    ghost = row(1000, email=None)
    polar.export = lambda: exported([*polar.rows, ghost])

    listing = await book_of(polar)

    assert polar_id(1000) not in listing.customers
    assert len(listing.customers) == 249


async def test_a_bad_row_that_is_mended_while_it_is_looked_at_is_no_bad_row() -> None:
    polar = fake(250, broken={42})
    asked = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += request.url.path.endswith(polar_id(42))
        if asked > 4:
            polar.broken.clear()
        return polar(request)

    async with api(answer) as connection:
        listing = await read_all(PolarClient(connection))

    assert listing.bad_rows == ()
    assert polar_id(42) in listing.customers


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(403, json={"error": "insufficient_scope"}),
        httpx.Response(404, json={"detail": "Not Found"}),
        httpx.Response(422, json={"error": "RequestValidationError", "detail": []}),
        httpx.Response(500, text="Internal Server Error"),
        httpx.Response(504, html="<html>Gateway Timeout</html>"),
        httpx.Response(200, text=csv_text(fake(250, broken={42, 180}).rows)[:-30]),
        httpx.Response(200, text=csv_text(fake(200, broken={42, 180}).rows)),
        httpx.Response(200, text="ID,Email\r\n"),
        httpx.Response(200, json={"items": []}),
    ],
    ids=["403", "404", "422", "500", "504", "cut", "short", "other columns", "json"],
)
async def test_without_the_export_the_list_is_read_around_bad_rows(
    refusal: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    polar = fake(250, broken={42, 180})
    polar.export = lambda: httpx.Response(refusal.status_code, content=refusal.content)

    with caplog.at_level(logging.INFO, "polar_attio_pipeline.polar"):
        listing = await book_of(polar)
        async with api(polar) as connection:
            window = await read_window(PolarClient(connection), NOW - HOUR, NOW)

    assert (len(listing.customers), len(listing.bad_rows)) == (248, 2)
    assert (len(window.customers), len(window.bad_rows)) == (59, 1)
    assert "its export is read" in caplog.text
    assert "read in smaller pages" in caplog.text
    assert "@" not in caplog.text


async def test_an_export_that_breaks_off_once_is_read_again() -> None:
    polar = fake(250, broken={42})
    texts = [csv_text(polar.rows)[:-300], csv_text(polar.rows)]
    polar.export = lambda: httpx.Response(200, text=texts.pop(0))

    listing = await book_of(polar)

    assert texts == []
    assert (len(listing.customers), [bad.id for bad in listing.bad_rows]) == (249, [polar_id(42)])


async def test_the_way_that_was_taken_is_logged_with_the_ids_of_bad_rows(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "polar_attio_pipeline.polar"):
        await book_of(fake(250, broken={42}))

    assert "its export is read" in caplog.text
    assert f"Polar cannot show 1 of its customers: {polar_id(42)}." in caplog.text
    assert "@" not in caplog.text


async def test_a_polar_that_is_down_is_no_book_of_bad_rows() -> None:
    polar = fake(250, broken={42})
    polar.down = True
    async with api(polar) as connection:
        client = PolarClient(connection, organization_slug="acme")
        with pytest.raises(LostAnswerError, match="Polar is failing"):
            await read_all(client)
        with pytest.raises(LostAnswerError, match="Polar is failing"):
            await read_window(client, NOW - HOUR, NOW)

    assert len(polar.requests) < 120


async def test_a_polar_that_goes_down_while_rows_are_looked_at_makes_no_bad_rows_of_them() -> None:
    polar = fake(250, broken={42})

    def answer(request: httpx.Request) -> httpx.Response:
        polar.down = polar.down or request.url.path.endswith(polar_id(42))
        return polar(request)

    async with api(answer) as connection:
        with pytest.raises(LostAnswerError):
            await read_all(PolarClient(connection))


async def test_a_token_that_is_revoked_meanwhile_is_not_read_around() -> None:
    polar = fake(250, broken={42})
    polar.export = lambda: httpx.Response(401)

    with pytest.raises(FatalError, match="POLAR_ACCESS_TOKEN"):
        await book_of(polar)


async def test_the_count_is_had_although_every_row_is_bad() -> None:
    async with api(fake(250, broken=range(250))) as connection:
        assert await PolarClient(connection).count() == 250


@pytest.fixture
def sandbox() -> Sandbox:
    filled = Sandbox(scale=OFF)
    filled.fill(customers=1000, seed=7)
    return filled


def connection(sandbox: Sandbox) -> PolarClient:
    patient = RetryPolicy(attempts=9, first_wait=0, longest_wait=0)
    return PolarClient(api(httpx.ASGITransport(create_app(sandbox)), retry=patient, token=POLAR_TOKEN))


@pytest.mark.parametrize("places", [(0, 1, 2, 3, 4), (0, 500, 999), (998, 999)])
async def test_the_sandboxs_bad_rows_are_named_and_everybody_else_is_read(
    sandbox: Sandbox, places: tuple[int, ...]
) -> None:
    newest_first = sorted(sandbox.polar.customers.values(), key=lambda one: one.created_at, reverse=True)
    broken = [sandbox.polar.break_customer(newest_first[place].id) for place in places]
    client = connection(sandbox)
    async with client.api:
        listing = await read_all(client)
        around = broken[0].created_at
        window = await read_window(client, around - HOUR, around + timedelta(microseconds=1))

    assert {bad.id: bad.created_at for bad in listing.bad_rows} == {one.id: one.created_at for one in broken}
    assert set(listing.customers) == set(sandbox.polar.customers) - {one.id for one in broken}
    assert broken[0].id in {bad.id for bad in window.bad_rows}


async def test_what_the_list_and_the_export_say_of_a_customer_is_the_same_but_for_what_the_export_leaves_out(
    sandbox: Sandbox,
) -> None:
    client = connection(sandbox)
    async with client.api:
        listed = {customer.id: customer for customer in (await read_all(client)).customers.values()}
        shown = {key(one): one async for rows in client.export() for one in rows}

    assert set(shown) == set(listed)
    for customer_id, customer in listed.items():
        other = shown[customer_id]
        for field in ("id", "created_at", "email", "name", "external_id", "country", "url"):
            assert getattr(other, field) == (getattr(customer, field) or None), field


async def test_nobody_who_stays_is_lost_while_others_leave_around_a_bad_row(sandbox: Sandbox) -> None:
    before = set(sandbox.polar.customers)
    broken = sandbox.polar.break_customer(sorted(before)[500])
    sandbox.churn.active.append(Churn(action="delete", which="unread", moment="before", times=20))
    client = connection(sandbox)
    async with client.api:
        listing = await read_all(client)

    assert sandbox.churn.deleted
    assert set(listing.customers) >= before - set(sandbox.churn.deleted) - {broken.id}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=Kind.STATUS, status=502, service="polar", path="*/export", times=2),
        Fault(kind=Kind.CUT_BODY, service="polar", path="*/export", times=1),
        Fault(kind=Kind.CUT_BODY, service="polar", path="*/export", times=1, looks_whole=True),
        Fault(kind=Kind.CUT_BODY, service="polar", path="*/export", looks_whole=True),
        Fault(kind=Kind.REFUSE, service="polar", path="*/export"),
        Fault(kind=Kind.TOO_MANY, service="polar", path="*/export", times=1, retry_after_seconds=0),
    ],
    ids=["502", "cut", "cut between rows", "always cut between rows", "refused", "429"],
)
async def test_whatever_befalls_the_export_everybody_is_read_and_the_bad_row_is_reported(
    sandbox: Sandbox, fault: Fault
) -> None:
    broken = sandbox.polar.break_customer(sorted(sandbox.polar.customers)[500])
    sandbox.faults.add(fault)
    client = connection(sandbox)
    async with client.api:
        listing = await read_all(client)

    assert set(listing.customers) == set(sandbox.polar.customers) - {broken.id}
    assert len(listing.bad_rows) == 1

import asyncio
import logging
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest

from polar_attio_pipeline.http.errors import FatalError, LostAnswerError, TransientError
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.settings import POLAR_API_VERSION
from polar_attio_pipeline.sync.ports import CustomerSource, NoAnswerError
from polar_attio_pipeline.sync.records import Owner
from polar_attio_pipeline_tests.polar.fakes import TOKEN, FakePolar, api, listing, recorded, row

CUSTOMER_ID = "b7a31c52-0f6e-4d83-9a47-2c5e81d09f36"


class Routes:
    """Answers by path; the answer to a path is made anew each time."""

    def __init__(self, **answers: str) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = {"/v1/organizations/": "organization_of_token", **answers}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return recorded(self._answers[request.url.path])

    def asked(self, path: str) -> int:
        return sum(request.url.path == path for request in self.requests)


async def test_a_page_is_asked_for_with_two_sort_keys_and_the_version() -> None:
    polar = FakePolar([row(number) for number in range(3)])
    async with api(polar) as connection:
        await PolarClient(connection, organization_slug="acme").page(2, 50)

    (sent,) = polar.requests
    assert sent.url == "https://api.polar.sh/v1/customers/?page=2&limit=50&sorting=-created_at&sorting=email"
    assert sent.headers["Polar-Version"] == POLAR_API_VERSION
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("name", "count", "start"),
    [("customers_list_page1", 100, 0), ("customers_list_page2", 37, 100), ("customers_list_page_beyond", 0, 200)],
)
async def test_recorded_pages_come_out_as_customers(name: str, count: int, start: int) -> None:
    routes = Routes(**{"/v1/customers/": name})
    began = datetime.now(UTC)
    async with api(routes) as connection:
        page = await PolarClient(connection).page(start // 100 + 1)

    assert (len(page.items), page.start, page.total_count, page.max_page) == (count, start, 137, 2)
    assert page.bad_rows == []
    for customer in page.items:
        assert UUID(customer.id)
        assert customer.created_at.tzinfo is UTC
        assert customer.email or customer.type == "team"
        assert customer.url == f"https://polar.sh/dashboard/meadow-tools/customers/{customer.id}"
        assert began <= customer.read_at <= datetime.now(UTC)


async def test_a_row_that_does_not_parse_is_rejected_alone() -> None:
    broken = row(2, created_at="soon", name="Ada")
    polar = FakePolar([row(1), broken, row(3)])
    async with api(polar) as connection:
        page = await PolarClient(connection).page(1)

    assert [customer.id for customer in page.items] == [row(1)["id"], row(3)["id"]]
    (bad,) = page.bad_rows
    assert (bad.id, bad.field) == (row(2)["id"], "created_at")
    assert bad.created_at == page.items[0].created_at, "the list is in order, so that of the row before is near"


async def test_items_that_are_no_rows_at_all_cost_themselves() -> None:
    items: list[object] = [row(1), None, [], "text", 7, {"id": 7}, row(2)]
    async with api(lambda _: listing(items, len(items), 100)) as connection:
        page = await PolarClient(connection, organization_slug="acme").page(1)

    assert [customer.id for customer in page.items] == [row(1)["id"], row(2)["id"]]
    assert len(page.bad_rows) == 5


async def test_the_newest_page_is_a_single_request() -> None:
    polar = FakePolar([row(number) for number in range(250)])
    async with api(polar) as connection:
        page = await PolarClient(connection).newest(limit=10)

    assert [customer.id for customer in page.items] == [row(number)["id"] for number in range(10)]
    assert page.total_count == 250
    assert len(polar.requests) == 1


async def test_the_organizations_slug_is_asked_for_once_and_not_when_it_is_set() -> None:
    asked, told = FakePolar([row()]), FakePolar([row()])
    async with api(asked) as connection:
        client = PolarClient(connection)
        first, second = await asyncio.gather(client.page(1), client.page(1))
    async with api(told) as connection:
        third = await PolarClient(connection, organization_slug="told").page(1)

    assert [request.url.path for request in asked.requests].count("/v1/organizations/") == 1
    assert first.items[0].url == second.items[0].url == f"https://polar.sh/dashboard/acme/customers/{row()['id']}"
    assert third.items[0].url.startswith("https://polar.sh/dashboard/told/")
    assert len(told.requests) == 1


async def test_without_the_scope_links_do_without_the_slug() -> None:
    routes = Routes(**{"/v1/organizations/": "error_403_insufficient_scope", "/v1/customers/": "customers_list_page1"})
    async with api(routes) as connection:
        client = PolarClient(connection)
        await client.page(1)
        page = await client.page(1)

    assert page.items[0].url == f"https://polar.sh/to/dashboard/customers/{page.items[0].id}"
    assert routes.asked("/v1/organizations/") == 1


async def test_links_never_change_because_polar_stumbles() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/organizations/":
            return httpx.Response(503)
        return listing([row()], 1, 100)

    async with api(answer) as connection:
        with pytest.raises(LostAnswerError):
            await PolarClient(connection).page(1)


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"items": []}', '{"items": {}, "pagination": {}}', '"text"'])
async def test_an_answer_that_is_no_list_is_no_empty_list(body: str) -> None:
    async with api(lambda _: httpx.Response(200, text=body)) as connection:
        with pytest.raises(TransientError, match="answer is not a list"):
            await PolarClient(connection, organization_slug="acme").page(1)


@pytest.mark.parametrize("name", ["customer_get", "customer_team"])
async def test_a_customer_is_read_as_it_is_now(name: str) -> None:
    body = recorded(name).json()
    path = f"/v1/customers/{body['id']}"
    async with api(Routes(**{path: name})) as connection:
        customer = await PolarClient(connection).customer(body["id"])

    assert customer is not None
    assert (customer.id, customer.email, customer.type) == (body["id"], body["email"], body["type"])
    assert customer.url.endswith(f"/dashboard/meadow-tools/customers/{body['id']}")


@pytest.mark.parametrize("name", ["error_404_customer", "get_deleted_404"])
async def test_a_deleted_customer_is_none_and_does_not_exist(name: str) -> None:
    async with api(Routes(**{f"/v1/customers/{CUSTOMER_ID}": name})) as connection:
        client = PolarClient(connection)

        assert await client.customer(CUSTOMER_ID) is None
        assert not await client.exists(CUSTOMER_ID)


@pytest.mark.parametrize("typed", ["", " ", "..", "c1", "../organizations/", f"{CUSTOMER_ID}/state", "ada@example.com"])
async def test_what_is_no_id_is_nobodys_and_is_not_asked(typed: str) -> None:
    routes = Routes()
    async with api(routes) as connection:
        assert not await PolarClient(connection).exists(typed)

    assert routes.requests == []


async def test_a_wrong_address_is_not_taken_for_a_deleted_customer() -> None:
    routes = Routes(**{f"/v1/customers/{CUSTOMER_ID}": "error_404_unknown_api_version"})
    async with api(routes) as connection:
        with pytest.raises(FatalError, match="POLAR_API_URL"):
            await PolarClient(connection).exists(CUSTOMER_ID)


async def test_a_customer_that_exists_but_cannot_be_read_says_where() -> None:
    async with api(lambda _: httpx.Response(200, json=row(created_at="soon"))) as connection:
        client = PolarClient(connection)
        assert await client.exists(CUSTOMER_ID)
        with pytest.raises(NoAnswerError, match=f"{CUSTOMER_ID} cannot be read at created_at"):
            await client.customer(CUSTOMER_ID)


async def test_a_teams_owner_is_known_by_address_and_name() -> None:
    routes = Routes(**{"/v1/members/": "members_of_team"})
    async with api(routes) as connection:
        owner = await PolarClient(connection).owner(CUSTOMER_ID)

    assert owner == Owner(email="owner@studio.example.com", name="Wanda Merrin")
    assert dict(routes.requests[0].url.params) == {"customer_id": CUSTOMER_ID, "role": "owner", "limit": "1"}


@pytest.mark.parametrize("items", [[], [{"email": None, "name": "Ada"}]])
async def test_a_team_without_an_owner_has_none(items: list[object]) -> None:
    async with api(lambda _: listing(items, len(items), 1)) as connection:
        assert await PolarClient(connection).owner(CUSTOMER_ID) is None


async def test_a_token_that_may_not_read_members_is_reported_once_and_not_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    routes = Routes(**{"/v1/members/": "error_403_insufficient_scope"})
    with caplog.at_level(logging.WARNING, "polar_attio_pipeline.polar"):
        async with api(routes) as connection:
            client = PolarClient(connection)
            owners = [await client.owner(CUSTOMER_ID) for _ in range(3)]

    assert owners == [None, None, None]
    assert routes.asked("/v1/members/") == 1
    assert len(caplog.records) == 1


async def test_a_refused_token_ends_it_at_once() -> None:
    routes = Routes(**{"/v1/customers/": "error_401_bogus_token"})
    async with api(routes) as connection:
        with pytest.raises(FatalError, match="POLAR_ACCESS_TOKEN") as raised:
            await PolarClient(connection, organization_slug="acme").page(1)

    assert len(routes.requests) == 1
    assert TOKEN not in str(raised.value)


async def test_the_client_is_the_engines_book_of_customers() -> None:
    async with api(Routes()) as connection:
        listing: CustomerSource = PolarClient(connection)
        assert not await listing.exists("nobody")


async def test_neighbours_lend_a_bad_row_their_time_on_either_side() -> None:
    polar = FakePolar([row(1, created_at=None), row(2), row(3, created_at=None), row(4)])
    async with api(polar) as connection:
        page = await PolarClient(connection).page(1)

    second, fourth = page.items
    assert [each.created_at for each in page.rows] == [second.created_at] * 3 + [fourth.created_at]

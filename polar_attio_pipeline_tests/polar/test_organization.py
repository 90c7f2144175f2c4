"""Whose token it is."""

import httpx
import pytest

from polar_attio_pipeline.http.errors import FatalError, TransientError
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline_tests.polar.fakes import FakePolar, api, listing, row, server_error

OURS = str(row()["organization_id"])


async def test_the_newest_customer_says_whose_token_it_is() -> None:
    polar = FakePolar([row(number) for number in range(9)])
    async with api(polar) as connection:
        assert await PolarClient(connection).organization_id() == OURS

    assert len(polar.requests) == 1


async def test_a_newest_customer_that_cannot_be_read_leaves_it_to_the_next() -> None:
    polar = FakePolar([row(0), row(1), row(2)], broken={0})
    async with api(polar) as connection:
        assert await PolarClient(connection).organization_id() == OURS


async def test_without_a_customer_the_organization_itself_is_asked_for() -> None:
    polar = FakePolar([])
    async with api(polar) as connection:
        assert await PolarClient(connection).organization_id() == OURS

    assert polar.asked("/v1/organizations/") == 1


async def test_where_every_newest_customer_is_broken_the_organization_itself_is_asked_for() -> None:
    polar = FakePolar([row(number) for number in range(9)], broken=range(9))
    async with api(polar) as connection:
        assert await PolarClient(connection).organization_id() == OURS


async def test_where_neither_says_it_nobody_knows() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/organizations/":
            return httpx.Response(403, json={"error": "insufficient_scope"})
        return listing([], 0, 5)

    async with api(answer) as connection:
        assert await PolarClient(connection).organization_id() is None


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 410, 422])
async def test_a_refusal_of_the_slug_costs_the_slug_only(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/organizations/":
            return httpx.Response(status, json={"detail": "Not Found"})
        return listing([row()], 1, 100)

    async with api(answer) as connection:
        page = await PolarClient(connection).page(1)

    assert page.items[0].url == f"https://polar.sh/to/dashboard/customers/{row()['id']}"


async def test_a_token_that_is_not_accepted_is_no_missing_slug() -> None:
    async with api(lambda _: httpx.Response(401)) as connection:
        with pytest.raises(FatalError, match="POLAR_ACCESS_TOKEN"):
            await PolarClient(connection).organization_slug()


async def test_a_slug_that_polar_fails_to_say_stops_the_pass_and_says_why_and_how_to_go_on() -> None:
    async with api(lambda _: server_error()) as connection:
        with pytest.raises(TransientError, match=r"all of them would be rewritten: set POLAR_ORGANIZATION_SLUG"):
            await PolarClient(connection).organization_slug()


async def test_an_empty_answer_is_no_answer_and_does_not_rewrite_every_link() -> None:
    async with api(lambda _: listing([], 0, 1)) as connection:
        with pytest.raises(TransientError, match=r"shows no organization.* set POLAR_ORGANIZATION_SLUG"):
            await PolarClient(connection).organization_slug()


@pytest.mark.parametrize("item", [None, [], "acme", {"slug": 7}, {}])
async def test_an_organization_of_an_unknown_shape_has_no_slug(item: object) -> None:
    async with api(lambda _: listing([item], 1, 1)) as connection:
        assert await PolarClient(connection).organization_slug() is None

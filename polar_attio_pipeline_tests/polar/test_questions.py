"""Questions about one customer that cannot be answered: each costs its customer, in seconds, and nobody else."""

import asyncio
import json
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest

from polar_attio_pipeline.http.errors import FatalError, LostAnswerError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import IN_FLIGHT, PolarClient
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.ports import NoAnswerError
from polar_attio_pipeline_tests.polar.fakes import api, listing, row, server_error

CUSTOMER_ID = "b7a31c52-0f6e-4d83-9a47-2c5e81d09f36"
PATIENT = RetryPolicy(attempts=9, first_wait=0, longest_wait=0)

Answer = Callable[[httpx.Request], httpx.Response]


def always(response: httpx.Response, requests: list[httpx.Request]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(response.status_code, content=response.content, headers=response.headers)

    return answer


def refusal(status: int, **body: object) -> httpx.Response:
    return httpx.Response(status, text=json.dumps(body))


@pytest.mark.parametrize("typed", [str(UUID(int=7)), f"{CUSTOMER_ID} ", "ada@example.com", "..", ""])
async def test_what_cannot_be_a_customers_id_is_nobodys_and_is_not_asked(typed: str) -> None:
    requests: list[httpx.Request] = []
    async with api(always(listing([], 0, 1), requests)) as connection:
        client = PolarClient(connection)

        assert not await client.exists(typed)
        assert await client.customer(typed) is None
        assert await client.owner(typed) is None

    assert requests == []


async def test_an_id_in_upper_case_is_asked_for_in_lower_case() -> None:
    requests: list[httpx.Request] = []
    async with api(always(httpx.Response(200, json=row()), requests)) as connection:
        assert await PolarClient(connection).exists(CUSTOMER_ID.upper())

    assert requests[0].url.path == f"/v1/customers/{CUSTOMER_ID}"


async def test_an_id_that_polar_does_not_understand_is_nobodys() -> None:
    invalid = refusal(422, error="RequestValidationError", detail=[{"type": "uuid_parsing", "loc": ["path", "id"]}])
    async with api(always(invalid, [])) as connection:
        client = PolarClient(connection)

        assert not await client.exists(CUSTOMER_ID)
        assert await client.customer(CUSTOMER_ID) is None


@pytest.mark.parametrize(
    "invalid",
    [
        refusal(422, error="RequestValidationError", detail=[]),
        refusal(404, error="ResourceNotFound", detail="Invalid customer ID format"),
        refusal(404, detail="Invalid customer ID format"),
        refusal(400, error="BadRequest", detail="no"),
    ],
)
async def test_a_refused_question_about_a_teams_owner_has_no_answer(invalid: httpx.Response) -> None:
    requests: list[httpx.Request] = []
    async with api(always(invalid, requests)) as connection:
        with pytest.raises(NoAnswerError, match=f"who owns the team {CUSTOMER_ID}"):
            await PolarClient(connection).owner(CUSTOMER_ID)

    assert len(requests) == 1


@pytest.mark.parametrize("status", [400, 409, 410, 451])
async def test_a_refused_question_about_a_customer_has_no_answer(status: int) -> None:
    async with api(always(refusal(status, error="No", detail="no"), [])) as connection:
        client = PolarClient(connection)

        with pytest.raises(NoAnswerError, match=f"customer {CUSTOMER_ID} \\({status}"):
            await client.exists(CUSTOMER_ID)
        with pytest.raises(NoAnswerError):
            await client.customer(CUSTOMER_ID)


@pytest.mark.parametrize("ask", ["exists", "customer", "owner"])
async def test_a_refusal_that_every_question_would_meet_is_no_matter_of_this_customer(ask: str) -> None:
    for response in (httpx.Response(401), refusal(404, detail="Not Found")):
        async with api(always(response, [])) as connection:
            with pytest.raises(FatalError):
                await getattr(PolarClient(connection), ask)(CUSTOMER_ID)


@pytest.mark.parametrize("ask", ["exists", "customer", "owner"])
async def test_a_customer_that_polar_fails_for_is_given_up_sooner_than_a_service_that_is_down(ask: str) -> None:
    for response, attempts in ((server_error(), 4), (httpx.Response(503), 9)):
        requests: list[httpx.Request] = []
        async with api(always(response, requests), retry=PATIENT) as connection:
            with pytest.raises(LostAnswerError):
                await getattr(PolarClient(connection), ask)(CUSTOMER_ID)

        assert len(requests) == attempts


async def test_a_list_that_polar_does_not_understand_is_no_matter_of_one_customer() -> None:
    async with api(always(refusal(422, error="RequestValidationError", detail=[]), [])) as connection:
        with pytest.raises(FatalError, match="its API has changed"):
            await PolarClient(connection, organization_slug="acme").page(1)


class Crowd(httpx.AsyncBaseTransport):
    """Passes requests on, and counts how many are under way at once."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.most = 0
        self._inner = inner
        self._under_way = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(0.002)
        try:
            return await self._inner.handle_async_request(request)
        finally:
            self._under_way -= 1


async def test_forty_questions_at_once_never_crowd_polar() -> None:
    sandbox = Sandbox(scale=OFF)
    teams = [sandbox.polar.add_customer(type="team", name=f"Team {number}") for number in range(40)]
    for number, team in enumerate(teams):
        sandbox.polar.add_member(team.id, email=f"owner{number}@example.com")
    crowd = Crowd(httpx.ASGITransport(create_app(sandbox)))
    async with api(crowd, token=POLAR_TOKEN) as connection:
        client = PolarClient(connection)
        owners = await asyncio.gather(*(client.owner(team.id) for team in teams))

    assert [owner.email for owner in owners if owner] == [f"owner{number}@example.com" for number in range(40)]
    assert crowd.most == IN_FLIGHT

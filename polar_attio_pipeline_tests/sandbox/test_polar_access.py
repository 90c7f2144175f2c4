"""Who may ask Polar what, how often, and in which version."""

from datetime import timedelta

import httpx
import pytest

from polar_attio_pipeline.sandbox.limits import REAL
from polar_attio_pipeline.sandbox.polar.rows import Token
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox

CUSTOMERS = "/v1/customers/"


async def statuses(client: httpx.AsyncClient, count: int, **headers: str) -> list[int]:
    return [(await client.get(CUSTOMERS, headers=headers)).status_code for _ in range(count)]


async def test_a_revoked_token_is_an_invalid_one_until_it_is_restored(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.polar.tokens[POLAR_TOKEN].active = False
    answer = await polar.get(CUSTOMERS)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"
    sandbox.polar.tokens[POLAR_TOKEN].active = True
    assert await statuses(polar, 1) == [200]


@pytest.mark.parametrize(
    ("scope", "readable"),
    [
        ("customers:read", CUSTOMERS),
        ("customers:write", CUSTOMERS),
        ("members:read", "/v1/members/"),
        ("subscriptions:read", "/v1/subscriptions/"),
        ("organizations:read", "/v1/organizations/"),
    ],
)
async def test_each_list_needs_its_own_scope_to_read_or_to_write(
    scope: str, readable: str, sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({scope})
    for path in (CUSTOMERS, "/v1/members/", "/v1/subscriptions/", "/v1/organizations/"):
        assert (await polar.get(path)).status_code == (200 if path == readable else 403)


async def test_reading_does_not_allow_writing(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"customers:read"})
    answer = await polar.post(CUSTOMERS, json={"email": "ada@example.com"})
    assert answer.status_code == 403
    assert 'scope="customers:write"' in answer.headers["www-authenticate"]
    assert sandbox.polar.customers == {}


async def test_credentials_that_are_no_bearer_token_are_none(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.get(CUSTOMERS, auth=("user", "password"))
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized", "detail": "Unauthorized"})


async def test_only_the_body_can_be_asked_for(polar: httpx.AsyncClient) -> None:
    answer = await polar.head(CUSTOMERS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_a_browser_may_ask_whether_it_may_ask(anyone: httpx.AsyncClient) -> None:
    wanted = {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"}
    answer = await anyone.options(CUSTOMERS, headers=wanted)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert (await anyone.options(CUSTOMERS)).status_code == 405


@pytest.mark.parametrize("path", [CUSTOMERS, "/v1/subscriptions/", "/v1/orders/", "/v1/events/", "/v1/members/"])
async def test_a_page_beyond_what_the_database_can_count_is_a_crash(path: str, polar: httpx.AsyncClient) -> None:
    assert (await polar.get(path, params={"page": "99999999999999999999"})).status_code == 500
    assert (await polar.get(path, params={"page": "999999999999999"})).json()["items"] == []


async def test_an_unknown_address_is_fastapis_own_404(polar: httpx.AsyncClient) -> None:
    answer = await polar.get("/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


async def test_an_unsupported_version_is_a_404_everywhere(polar: httpx.AsyncClient) -> None:
    for path in (CUSTOMERS, "/v1/members/", "/v1/organizations/"):
        answer = await polar.get(path, headers={"Polar-Version": "2020-01"})
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
        assert "polar-version" not in answer.headers


async def test_500_requests_a_minute_are_for_all_tokens_of_the_organization(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.set_limits(REAL / 100)
    sandbox.polar.tokens["polar_oat_other"] = Token(frozenset({"customers:read"}))
    assert await statuses(polar, 3) == [200] * 3
    assert await statuses(polar, 3, Authorization="Bearer polar_oat_other") == [200, 200, 429]


async def test_a_window_opens_60_seconds_after_its_first_request_and_refusals_do_not_count(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.set_limits(REAL / 250)
    assert await statuses(polar, 1) == [200]
    sandbox.clock.shift(timedelta(seconds=50))
    assert await statuses(polar, 4) == [200, 429, 429, 429]
    sandbox.clock.shift(timedelta(seconds=9.9))
    assert await statuses(polar, 1) == [429]
    sandbox.clock.shift(timedelta(seconds=0.1))
    assert await statuses(polar, 3) == [200, 200, 429]


async def test_an_invalid_token_is_answered_429_from_its_61st_request_on(
    sandbox: Sandbox, anyone: httpx.AsyncClient
) -> None:
    sandbox.set_limits(REAL)
    assert await statuses(anyone, 62, Authorization="Bearer polar_oat_bogus") == [401] * 60 + [429] * 2
    sandbox.clock.shift(timedelta(seconds=60))
    assert await statuses(anyone, 1, Authorization="Bearer polar_oat_bogus") == [401]


@pytest.mark.parametrize("version", ["2026-04", "2026-10", "2027-01"])
async def test_the_version_that_was_asked_for_is_echoed(polar: httpx.AsyncClient, version: str) -> None:
    answer = await polar.get(CUSTOMERS, headers={"Polar-Version": version})

    assert (answer.status_code, answer.headers["polar-version"]) == (200, version)

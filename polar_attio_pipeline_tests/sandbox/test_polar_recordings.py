"""Each recorded answer of the real Polar, asked for again: same status, same headers, same shape."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.limits import REAL
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.fixtures.answers import Recorded, lasting_headers, of_polar
from polar_attio_pipeline_tests.fixtures.schemas import assert_allowed

LISTS = [
    "customers_list_page1",
    "customers_list_page2",
    "customers_list_limit_over_max",
    "customers_list_page_beyond",
    "customers_list_active_true",
]


@pytest.fixture
def person(sandbox: Sandbox) -> Customer:
    """Fill a book of the recorded size; return somebody of it with a subscription."""
    sandbox.fill(customers=137, seed=1)
    active = sandbox.polar.subscriptions.is_active
    return next(row for row in sandbox.polar.customers.values() if active(row.id) and row.type == "individual")


def differences(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Return where two answers differ in shape: in keys, or in the JSON types of what both have."""
    if ours is None or theirs is None:
        return []
    if _json_type(ours) != _json_type(theirs):
        return [f"{at}: {_json_type(ours)} for {_json_type(theirs)}"]
    if isinstance(theirs, dict) and at.rpartition(".")[2] != "metadata":
        keys = [f"{at}: {key}" for key in sorted(ours.keys() ^ theirs.keys())]
        for key in ours.keys() & theirs.keys():
            keys += differences(ours[key], theirs[key], f"{at}.{key}")
        return keys
    if isinstance(theirs, list) and ours and theirs:
        return differences(ours[0], theirs[0], f"{at}[]")
    return []


def _json_type(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


async def ask_again(polar: httpx.AsyncClient, recorded: Recorded, url: str | None = None) -> httpx.Response:
    return await polar.request(recorded.method, url or recorded.url, json=recorded.json)


def assert_alike(answer: httpx.Response, recorded: Recorded) -> None:
    assert answer.status_code == recorded.status
    assert lasting_headers(dict(answer.headers)) == recorded.lasting_headers
    body: Any = answer.json() if answer.content else ""
    assert not differences(body, recorded.body)


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_of_customers_is_as_recorded(name: str, polar: httpx.AsyncClient, person: Customer) -> None:
    recorded = of_polar(name)
    answer = await ask_again(polar, recorded)
    assert_alike(answer, recorded)
    assert_allowed("ListResource_Customer_", answer.json())
    if "active" not in recorded.url:
        assert answer.json()["pagination"] == recorded.body["pagination"]
        assert len(answer.json()["items"]) == len(recorded.body["items"])


@pytest.mark.parametrize(
    ("name", "path", "schema"),
    [
        ("customer_get", "/v1/customers/{id}", "Customer"),
        ("customer_state", "/v1/customers/{id}/state", "CustomerState"),
        ("patch_customer", "/v1/customers/{id}", "Customer"),
    ],
)
async def test_a_customer_is_as_recorded(
    name: str, path: str, schema: str, polar: httpx.AsyncClient, person: Customer
) -> None:
    recorded = of_polar(name)
    answer = await ask_again(polar, recorded, path.format(id=person.id))
    assert_alike(answer, recorded)
    assert_allowed(schema, answer.json())


async def test_a_team_is_as_recorded(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    recorded = of_polar("customer_team")
    team = sandbox.polar.add_customer(name="Bletchley", type="team")
    answer = await ask_again(polar, recorded, f"/v1/customers/{team.id}")
    assert_alike(answer, recorded)
    assert_allowed("Customer", answer.json())


async def test_a_teams_members_are_as_recorded(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    recorded = of_polar("members_of_team")
    team = sandbox.polar.add_customer(name="Bletchley", type="team")
    sandbox.polar.add_member(team.id, email="owner@example.com")
    answer = await ask_again(polar, recorded, f"/v1/members/?customer_id={team.id}&role=owner")
    assert_alike(answer, recorded)
    assert_allowed("ListResource_Member_", answer.json())
    assert answer.json()["pagination"] == recorded.body["pagination"]


async def test_a_list_of_subscriptions_is_as_recorded(polar: httpx.AsyncClient, person: Customer) -> None:
    recorded = of_polar("subscriptions_list")
    answer = await ask_again(polar, recorded)
    assert_alike(answer, recorded)
    assert_allowed("ListResource_Subscription_", answer.json())


async def test_the_organization_is_as_recorded(polar: httpx.AsyncClient) -> None:
    recorded = of_polar("organization_of_token")
    answer = await ask_again(polar, recorded)
    assert_alike(answer, recorded)
    assert_allowed("ListResource_Organization_", answer.json())


async def test_a_deletion_is_as_recorded_and_shows_as_absence(polar: httpx.AsyncClient, person: Customer) -> None:
    recorded = of_polar("delete_customer_204")
    answer = await ask_again(polar, recorded, f"/v1/customers/{person.id}")
    assert_alike(answer, recorded)

    gone = of_polar("get_deleted_404")
    answer = await ask_again(polar, gone, f"/v1/customers/{person.id}")
    assert_alike(answer, gone)
    assert answer.json() == gone.body

    listed = await polar.get("/v1/customers/", params={"limit": 100})
    assert listed.json()["pagination"]["total_count"] == 136
    assert person.id not in {item["id"] for item in listed.json()["items"]}


@pytest.mark.parametrize("name", ["error_404_customer", "error_422_bad_sorting", "error_422_limit_zero"])
async def test_a_refusal_is_as_recorded_word_for_word(name: str, polar: httpx.AsyncClient) -> None:
    recorded = of_polar(name)
    answer = await ask_again(polar, recorded)
    assert_alike(answer, recorded)
    assert answer.json() == recorded.body
    assert answer.headers["content-length"] == recorded.headers["content-length"]


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("error_401_no_token", {}),
        ("error_401_bogus_token", {"Authorization": "Bearer polar_oat_bogus"}),
        ("error_404_unknown_api_version", {"Authorization": f"Bearer {POLAR_TOKEN}", "Polar-Version": "2020-01"}),
    ],
)
async def test_a_refused_access_is_as_recorded_word_for_word(
    name: str, headers: dict[str, str], anyone: httpx.AsyncClient
) -> None:
    recorded = of_polar(name)
    answer = await anyone.get(recorded.url, headers=headers)
    assert_alike(answer, recorded)
    assert answer.json() == recorded.body


async def test_a_missing_scope_is_as_recorded_word_for_word(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    recorded = of_polar("error_403_insufficient_scope")
    sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"members:read"})
    answer = await ask_again(polar, recorded)
    assert_alike(answer, recorded)
    assert answer.json() == recorded.body


async def test_a_missing_slash_redirects_as_recorded(polar: httpx.AsyncClient) -> None:
    recorded = of_polar("redirect_307_missing_slash")
    answer = await ask_again(polar, recorded)
    assert_alike(answer, recorded)
    assert answer.headers["location"] == "http://sandbox/v1/customers/?page=1&limit=2"


@pytest.mark.parametrize(("name", "after"), [("error_429_rate_limited", 0), ("error_429_after_10s", 10)])
async def test_a_rate_limit_is_as_recorded_however_little_of_its_window_is_left(
    name: str, after: int, sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    recorded = of_polar(name)
    sandbox.set_limits(REAL / 500)
    await polar.get("/v1/customers/")
    sandbox.clock.shift(timedelta(seconds=after))
    answer = await ask_again(polar, recorded)
    assert_alike(answer, recorded)
    assert answer.headers["retry-after"] == "60"
    assert answer.content == b""
    assert "content-type" not in answer.headers

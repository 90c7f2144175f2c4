"""Polar's lists of subscriptions, members and organizations, and a customer's state."""

from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.world import Sandbox


@pytest.fixture
def book(sandbox: Sandbox) -> Sandbox:
    sandbox.fill(customers=120, seed=3)
    return sandbox


async def items(polar: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = await polar.get(path, params={"limit": 100, **params})
    assert answer.status_code == 200
    listed: list[dict[str, Any]] = answer.json()["items"]
    return listed


async def test_subscriptions_of_several_statuses_are_listed_together(polar: httpx.AsyncClient, book: Sandbox) -> None:
    wanted = {"trialing", "past_due"}
    listed = await items(polar, "/v1/subscriptions/", status=sorted(wanted))
    assert {item["status"] for item in listed} == wanted
    assert len(listed) == sum(row.status in wanted for row in book.polar.subscriptions)


async def test_subscriptions_come_latest_start_first(polar: httpx.AsyncClient, book: Sandbox) -> None:
    started = [item["started_at"] for item in await items(polar, "/v1/subscriptions/")]
    assert started == sorted(started, reverse=True)


async def test_subscriptions_are_filtered_by_product_and_activity(polar: httpx.AsyncClient, book: Sandbox) -> None:
    some = next(iter(book.polar.subscriptions))
    of_product = await items(polar, "/v1/subscriptions/", product_id=some.product.id)
    assert {item["product"]["name"] for item in of_product} == {some.product.name}
    ended = await items(polar, "/v1/subscriptions/", active="false")
    assert {item["status"] for item in ended} == {"canceled", "unpaid"}


async def test_a_state_counts_active_and_trialing_but_not_past_due(polar: httpx.AsyncClient, book: Sandbox) -> None:
    by_status: dict[str, str] = {row.status: row.customer_id for row in book.polar.subscriptions}
    for status, shown in [("active", 1), ("trialing", 1), ("past_due", 0), ("canceled", 0)]:
        state = (await polar.get(f"/v1/customers/{by_status[status]}/state")).json()
        assert len(state["active_subscriptions"]) == shown


async def test_an_individual_is_its_own_owner(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    row = sandbox.polar.add_customer(email="ada@example.com", name="Ada")
    (owner,) = await items(polar, "/v1/members/", customer_id=row.id)
    assert (owner["email"], owner["role"]) == ("ada@example.com", "owner")
    assert await items(polar, "/v1/members/", customer_id=row.id, role="member") == []


async def test_a_team_may_have_nobody_to_ask_for(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    team = sandbox.polar.add_customer(name="Bletchley", type="team")
    assert await items(polar, "/v1/members/", customer_id=team.id, role="owner") == []


async def test_without_the_member_model_there_are_no_members(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.add_customer(email="ada@example.com")
    sandbox.polar.set_member_model(enabled=False)
    assert await items(polar, "/v1/members/") == []
    (organization,) = await items(polar, "/v1/organizations/")
    assert organization["feature_settings"]["member_model_enabled"] is False


async def test_members_of_everybody_and_by_the_sellers_own_id(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.add_customer(email="ada@example.com", external_id="usr_1")
    sandbox.polar.add_customer(email="bea@example.com")
    assert len(await items(polar, "/v1/members/")) == 2
    (ada,) = await items(polar, "/v1/members/", external_customer_id="usr_1")
    assert ada["email"] == "ada@example.com"


@pytest.mark.parametrize("customer_id", ["bogus", " ", "00000000-0000-4000-8000-00000000000", "1234"])
async def test_members_of_an_id_that_is_no_uuid_are_not_found(customer_id: str, polar: httpx.AsyncClient) -> None:
    answer = await polar.get("/v1/members/", params={"customer_id": customer_id})
    assert answer.status_code == 404
    assert answer.json() == {"error": "ResourceNotFound", "detail": "Invalid customer ID format"}


@pytest.mark.parametrize(
    "customer_id", ["00000000-0000-4000-8000-000000000000", "00000000-0000-1000-8000-000000000000"]
)
async def test_members_of_a_uuid_of_nobody_are_none_whatever_its_version(
    customer_id: str, polar: httpx.AsyncClient
) -> None:
    assert await items(polar, "/v1/members/", customer_id=customer_id) == []


async def test_members_are_found_by_an_id_in_capitals(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    row = sandbox.polar.add_customer(email="ada@example.com")
    assert len(await items(polar, "/v1/members/", customer_id=row.id.upper())) == 1


async def test_the_organization_is_found_by_its_slug(polar: httpx.AsyncClient) -> None:
    assert len(await items(polar, "/v1/organizations/", slug="sandbox")) == 1
    assert await items(polar, "/v1/organizations/", slug="other") == []

"""Billing on the sandbox's page: what is shown, and what a person can do."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.world import Sandbox


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(sandbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/sandbox/page/") as client:
        yield client


@pytest.fixture
def ada(sandbox: Sandbox) -> str:
    return sandbox.polar.add_customer(email="ada@example.com", name="Ada").id


async def shown(page: httpx.AsyncClient) -> Any:
    """Return how the page shows the only customer."""
    (customer,) = (await page.get("state")).json()["customers"]["rows"]
    return customer


async def do(page: httpx.AsyncClient, path: str, **given: Any) -> None:
    answer = await page.post(path, json=given)
    assert answer.status_code in {201, 204}, answer.text


async def test_a_subscription_is_begun_and_shows_what_can_be_done(page: httpx.AsyncClient, ada: str) -> None:
    await do(page, f"customers/{ada}/subscriptions", product="Pro", amount="2900", currency="eur", trial_days="14")
    (held,) = (await shown(page))["subscriptions"]
    assert (held["product"], held["status"], held["amount"], held["currency"]) == ("Pro", "trialing", 2900, "eur")
    assert held["can"] == ["end_trial", "cancel", "revoke"]


@pytest.mark.parametrize(
    ("actions", "status"),
    [
        (["cancel"], "canceling"),
        (["cancel", "uncancel"], "active"),
        (["cancel", "renew"], "canceled"),
        (["pause"], "paused"),
        (["pause", "resume"], "active"),
        (["past_due"], "past_due"),
        (["renew"], "active"),
        (["revoke"], "canceled"),
    ],
)
async def test_each_thing_that_can_happen_to_a_subscription_is_a_button(
    actions: list[str], status: str, page: httpx.AsyncClient, ada: str
) -> None:
    await do(page, f"customers/{ada}/subscriptions")
    for action in actions:
        (held,) = (await shown(page))["subscriptions"]
        assert action in held["can"]
        await do(page, f"subscriptions/{held['id']}/{action}")
    (held,) = (await shown(page))["subscriptions"]
    assert held["status"] == status


async def test_a_reason_for_leaving_is_kept(sandbox: Sandbox, page: httpx.AsyncClient, ada: str) -> None:
    await do(page, f"customers/{ada}/subscriptions")
    (held,) = sandbox.polar.subscriptions.of(ada)
    await do(page, f"subscriptions/{held.id}/cancel", reason="unused")
    assert sandbox.polar.subscriptions[held.id].reason == "unused"


async def test_what_waits_is_paid_and_what_was_paid_is_refunded(
    sandbox: Sandbox, page: httpx.AsyncClient, ada: str
) -> None:
    await do(page, f"customers/{ada}/subscriptions")
    (held,) = sandbox.polar.subscriptions.of(ada)
    await do(page, f"subscriptions/{held.id}/past_due")
    pending, paid = (await shown(page))["orders"]
    assert (pending["can"], paid["can"]) == (["pay"], ["refund"])
    await do(page, f"orders/{pending['id']}/pay")
    await do(page, f"orders/{paid['id']}/refund", amount="900")
    orders = (await shown(page))["orders"]
    assert [(order["status"], order["refunded"]) for order in orders] == [("paid", 0), ("partially_refunded", 900)]
    assert sandbox.polar.subscriptions[held.id].status == "active"


async def test_something_is_bought_once(page: httpx.AsyncClient, ada: str) -> None:
    await do(page, f"customers/{ada}/orders", product="Handbook", amount="1900")
    customer = await shown(page)
    assert customer["subscriptions"] == []
    assert [(order["product"], order["amount"]) for order in customer["orders"]] == [("Handbook", 1900)]


async def test_what_cannot_be_is_refused_with_the_reason(sandbox: Sandbox, page: httpx.AsyncClient, ada: str) -> None:
    await do(page, f"customers/{ada}/subscriptions")
    (held,) = sandbox.polar.subscriptions.of(ada)
    answer = await page.post(f"subscriptions/{held.id}/resume", json={})
    assert (answer.status_code, answer.json()) == (409, {"detail": "This subscription is active."})
    for path in ("subscriptions/nothing/pause", f"subscriptions/{held.id}/vanish", "customers/nothing/subscriptions"):
        assert (await page.post(path, json={})).status_code == 404


async def test_a_person_shows_what_attio_holds_of_its_billing(sandbox: Sandbox, page: httpx.AsyncClient) -> None:
    sandbox.attio.add_attribute("polar_status", title="Polar status")
    sandbox.attio.add_attribute("polar_mrr", "currency", title="Polar MRR")
    values = {"polar_status": "Paying", "polar_mrr": 29}
    sandbox.attio.add_person(emails=["ada@example.com"], name="Ada", values=values, actor="api-token")
    (person,) = (await page.get("state")).json()["people"]["rows"]
    assert person["billing"] == [
        {"slug": "polar_status", "value": "Paying", "currency": None},
        {"slug": "polar_mrr", "value": 29, "currency": "USD"},
    ]


async def test_the_page_links_to_dagster_where_it_is_said_to_be(sandbox: Sandbox, page: httpx.AsyncClient) -> None:
    assert (await page.get("state")).json()["dagster_url"] is None
    sandbox.dagster_url = "http://127.0.0.1:3000"
    assert (await page.get("state")).json()["dagster_url"] == "http://127.0.0.1:3000"

"""The sandbox's events: late, in no order, some of them missing, as Polar's are."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.world import Sandbox

NAMES = ["customer.created", "customer.updated", "customer.deleted"]


async def listed(polar: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await polar.get("/v1/events/", params={"limit": 100, **params})
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def names(polar: httpx.AsyncClient, **params: Any) -> list[str]:
    return [item["name"] for item in (await listed(polar, **params))["items"]]


async def test_a_customers_life_is_told_latest_first(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    row = sandbox.polar.add_customer(email="ada@example.com", name="Ada", external_id="usr_1")
    sandbox.clock.shift(timedelta(seconds=1))
    sandbox.polar.update_customer(row.id, name="Ada L", locale="en")
    sandbox.clock.shift(timedelta(seconds=1))
    sandbox.polar.update_customer(row.id, locale="fr")
    (visible, _, created) = (await listed(polar))["items"]
    assert (created["name"], created["label"], created["source"]) == ("customer.created", "Customer Created", "system")
    assert created["customer"]["name"] == "Ada L"
    assert visible["metadata"]["updated_fields"] == {}
    sandbox.clock.shift(timedelta(seconds=1))
    sandbox.polar.delete_customer(row.id)
    events = (await listed(polar))["items"]
    assert [event["name"] for event in events] == [
        "customer.deleted",
        "customer.updated",
        "customer.updated",
        "customer.created",
    ]
    assert events[2]["metadata"]["updated_fields"] == {"name": "Ada L"}
    assert {(event["customer_id"], event["customer"]) for event in events} == {(row.id, None)}


async def test_the_worker_is_late_and_writes_its_own_time_but_for_creations(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.polar.events.rules.worker_delay = timedelta(minutes=80)
    row = sandbox.polar.add_customer(email="ada@example.com")
    sandbox.polar.update_customer(row.id, name="Ada")
    assert await names(polar) == []
    sandbox.clock.shift(timedelta(minutes=80))
    by_name = {event["name"]: event["timestamp"] for event in (await listed(polar))["items"]}
    assert by_name == {
        "customer.created": "2026-11-23T21:03:27.130000Z",
        "customer.updated": "2026-11-23T22:23:27.130000Z",
    }


async def test_what_happens_to_a_subscription_needs_no_worker_but_the_store_is_late(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    rules = sandbox.polar.events.rules
    rules.worker_delay, rules.store_delay = timedelta(hours=1), timedelta(seconds=5)
    row = sandbox.polar.add_customer(email="ada@example.com")
    sandbox.polar.billing.subscribe(row.id, sandbox.polar.billing.product("Pro"))
    assert await names(polar) == []
    sandbox.clock.shift(timedelta(seconds=5))
    events = (await listed(polar))["items"]
    assert {event["name"] for event in events} == {"subscription.created", "order.paid"}
    assert {event["timestamp"] for event in events} == {"2026-11-23T21:03:27.130000Z"}


async def test_bounds_are_exclusive_and_compared_in_milliseconds(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.add_customer(email="ada@example.com", created_at=sandbox.clock() + timedelta(microseconds=900))
    for bound, inside, outside in [
        ("start_timestamp", "27.129", "27.130"),
        ("start_timestamp", "27.129900", "27.130999"),
        ("end_timestamp", "27.131", "27.130999"),
    ]:
        assert len(await names(polar, **{bound: f"2026-11-23T21:03:{inside}Z"})) == 1
        assert await names(polar, **{bound: f"2026-11-23T21:03:{outside}Z"}) == []


async def test_events_are_filtered_by_name_customer_and_source(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    ada = sandbox.polar.add_customer(email="ada@example.com", external_id="usr_1")
    bea = sandbox.polar.add_customer(email="bea@example.com")
    sandbox.polar.update_customer(bea.id, name="Bea")
    assert len(await names(polar, name=NAMES)) == 3
    assert await names(polar, name="customer.updated") == ["customer.updated"]
    assert len(await names(polar, customer_id=[ada.id, bea.id], sorting="timestamp")) == 3
    assert await names(polar, external_customer_id="usr_1") == ["customer.created"]
    assert await names(polar, source="user") == []
    assert await names(polar, organization_id=ada.id) == []


async def test_events_of_one_moment_repeat_and_miss_between_pages(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    for number in range(30):
        sandbox.polar.add_customer(email=f"{number}@example.com")
    ids = [event["id"] for page in range(1, 6) for event in (await listed(polar, page=page, limit=7))["items"]]
    assert len(ids) == 30
    assert len(set(ids)) < 30


async def test_with_jitter_later_events_can_be_read_before_earlier_ones(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.polar.events.rules.jitter = timedelta(minutes=1)
    ids = [sandbox.polar.add_customer(email=f"{number}@example.com").id for number in range(20)]
    sandbox.clock.shift(timedelta(seconds=30))
    seen = {event["customer_id"] for event in (await listed(polar))["items"]}
    assert 0 < len(seen) < 20
    assert seen != set(ids[: len(seen)])
    sandbox.clock.shift(timedelta(seconds=30))
    assert len(await names(polar)) == 20


async def test_some_events_are_never_written(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.events.rules.lost = 0.5
    for number in range(40):
        sandbox.polar.add_customer(email=f"{number}@example.com")
    body = await listed(polar)
    assert 5 < len(body["items"]) == body["pagination"]["total_count"] < 35


async def test_a_page_lacks_events_that_the_count_has(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.events.rules.rowless = 0.5
    for number in range(40):
        sandbox.polar.add_customer(email=f"{number}@example.com")
    body = await listed(polar)
    assert body["pagination"] == {"total_count": 40, "max_page": 1}
    assert 5 < len(body["items"]) < 35


async def test_how_events_come_about_is_changed_by_request(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    answer = await polar.post("/sandbox/events", json={"store_delay_seconds": 30, "lost": 0})
    assert answer.status_code == 200
    sandbox.polar.add_customer(email="ada@example.com")
    assert await names(polar) == []
    await polar.post("/sandbox/events", json={"is_down": True})
    assert (await polar.get("/v1/events/")).status_code == 500
    assert (await polar.post("/sandbox/events", json={"lost": 2})).status_code == 422


async def test_without_the_store_there_is_an_error(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.events.rules.is_down = True
    assert (await polar.get("/v1/events/")).status_code == 500


@pytest.mark.parametrize("visible_in", [timedelta(minutes=1), None])
async def test_a_customer_whose_transaction_is_open_has_no_event_yet(
    visible_in: timedelta | None, sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    row = sandbox.polar.add_customer(email="ada@example.com", visible_in=visible_in)
    assert await names(polar) == []
    sandbox.clock.shift(timedelta(minutes=1))
    if visible_in is None:
        sandbox.polar.commit(row.id)
    (event,) = (await listed(polar))["items"]
    assert event["timestamp"] == "2026-11-23T21:03:27.130000Z"

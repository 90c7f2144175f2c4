"""The sandbox's own controls."""

from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox

CUSTOMERS = "/v1/customers/"


async def total(polar: httpx.AsyncClient) -> int:
    count: int = (await polar.get(CUSTOMERS)).json()["pagination"]["total_count"]
    return count


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> Any:
    answer = await client.post(f"/sandbox/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def test_health_says_what_time_it_is(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.get("/sandbox/health")
    assert answer.json() == {"ok": True, "now": "2026-11-23T21:03:27.130000+00:00", "customers": 0}


async def test_faults_are_switched_on_listed_and_off(polar: httpx.AsyncClient) -> None:
    fault = await post(polar, "faults", kind="status", status=502, service="polar")
    await post(polar, "faults", kind="latency", seconds=0, times=9)
    assert (await polar.get(CUSTOMERS)).status_code == 502
    assert [(on["kind"], on["times"]) for on in (await polar.get("/sandbox/faults")).json()] == [
        ("status", None),
        ("latency", 8),
    ]
    await polar.delete(f"/sandbox/faults/{fault['number']}")
    assert (await polar.get(CUSTOMERS)).status_code == 200
    await polar.delete("/sandbox/faults")
    assert (await polar.get("/sandbox/faults")).json() == []


async def test_a_fault_of_one_record_shows_what_it_looks_for(polar: httpx.AsyncClient) -> None:
    await post(polar, "faults", kind="status", status=500, service="polar", contains="ada@example.com")
    (listed,) = (await polar.get("/sandbox/faults")).json()
    assert listed["contains"] == "ada@example.com"
    statuses = [
        (await polar.get(CUSTOMERS, params={"email": f"{who}@example.com"})).status_code for who in ("ada", "b")
    ]
    assert statuses == [500, 200]


async def test_a_fault_that_is_none_is_refused_with_a_reason(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.post("/sandbox/faults", json={"kind": "earthquake"})
    assert answer.status_code == 422
    assert "earthquake" in answer.json()["detail"]


async def test_traffic_is_told_and_forgotten(polar: httpx.AsyncClient) -> None:
    await polar.get(CUSTOMERS)
    told = (await polar.get("/sandbox/traffic")).json()
    assert told["totals"] == {
        "polar": {"requests": 1, "reads": 1, "writes": 0, "early_retries": 0, "most_in_flight": 1}
    }
    assert told["counts"] == [
        {"service": "polar", "method": "GET", "route": CUSTOMERS, "kind": "read", "status": 200, "requests": 1}
    ]
    assert len(told["log"]) == 1
    await polar.delete("/sandbox/traffic")
    assert (await polar.get("/sandbox/traffic")).json() == {"totals": {}, "counts": [], "log": []}


async def test_a_book_is_replaced(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    assert await post(polar, "seed", customers=50, seed=1) == {"customers": 50}
    first = set(sandbox.polar.customers)
    await post(polar, "seed", customers=20, seed=2)
    assert await total(polar) == 20
    assert not first & set(sandbox.polar.customers)


async def test_the_same_book_twice_leaves_attio_as_it_was(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    await post(polar, "seed", customers=60, seed=1)
    people = sandbox.attio.people_count()
    assert people > 0
    await post(polar, "seed", customers=60, seed=1)
    assert sandbox.attio.people_count() == people


async def test_a_customer_is_made_renamed_re_mailed_and_deleted(polar: httpx.AsyncClient) -> None:
    made = await post(polar, "customers", email="ada@example.com", name="Ada", created_at="2026-11-01T00:00:00Z")
    assert made["created_at"] == "2026-11-01T00:00:00Z"
    path = f"/sandbox/customers/{made['id']}"
    assert (await polar.patch(path, json={"name": "Ada Lovelace"})).json()["email"] == "ada@example.com"
    await polar.patch(path, json={"email": "ada@example.org"})
    shown = (await polar.get(f"/v1/customers/{made['id']}")).json()
    assert (shown["name"], shown["email"]) == ("Ada Lovelace", "ada@example.org")
    assert (await polar.delete(path)).status_code == 204
    assert await total(polar) == 0


async def test_a_customer_may_commit_late(polar: httpx.AsyncClient) -> None:
    late = await post(polar, "customers", email="late@example.com", visible_in_seconds=None)
    assert await total(polar) == 0
    await post(polar, f"customers/{late['id']}/commit")
    assert await total(polar) == 1
    await post(polar, "customers", email="later@example.com", visible_in_seconds=30)
    assert await total(polar) == 1
    await post(polar, "clock", shift_seconds=30)
    assert await total(polar) == 2


async def test_a_customer_may_break_its_page(polar: httpx.AsyncClient) -> None:
    made = await post(polar, "customers", email="ada@example.com")
    path = f"/sandbox/customers/{made['id']}"
    await polar.patch(path, json={"unserialisable": True})
    assert (await polar.get(CUSTOMERS)).status_code == 500
    await polar.patch(path, json={"email": "ada@example.com"})
    assert (await polar.get(CUSTOMERS)).status_code == 200


async def test_an_email_is_not_given_twice(polar: httpx.AsyncClient) -> None:
    await post(polar, "customers", email="ada@example.com")
    other = await post(polar, "customers", email="bea@example.com")
    assert (await polar.post("/sandbox/customers", json={"email": "ADA@example.com"})).status_code == 409
    answer = await polar.patch(f"/sandbox/customers/{other['id']}", json={"email": "ADA@example.com"})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "customers/nobody"), ("DELETE", "customers/nobody"), ("POST", "customers/nobody/commit")],
)
async def test_nobody_is_not_found(method: str, path: str, anyone: httpx.AsyncClient) -> None:
    assert (await anyone.request(method, f"/sandbox/{path}", json={})).status_code == 404


async def test_churn_is_switched_on_told_and_off(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.fill(customers=30, seed=1)
    await post(polar, "churn", action="insert", times=1)
    await polar.get(CUSTOMERS, params={"page": 2})
    told = (await polar.get("/sandbox/churn")).json()
    assert told == {"active": [], "inserted": [*sandbox.churn.inserted], "deleted": []}
    assert len(told["inserted"]) == 1
    await post(polar, "churn", action="delete")
    await polar.delete("/sandbox/churn")
    await polar.get(CUSTOMERS, params={"page": 2})
    assert await total(polar) == 31


async def test_tokens_are_revoked_restored_and_re_scoped(polar: httpx.AsyncClient) -> None:
    attio = {"Authorization": f"Bearer {ATTIO_TOKEN}"}
    for service in ("polar", "attio"):
        assert (await post(polar, "tokens", service=service, revoked=True))[service]["revoked"] is True
    assert (await polar.get(CUSTOMERS)).status_code == 401
    assert (await polar.get("/v2/self", headers=attio)).json() == {"active": False}
    for service in ("polar", "attio"):
        await post(polar, "tokens", service=service, revoked=False)
    assert (await polar.get(CUSTOMERS)).status_code == 200
    assert (await polar.get("/v2/self", headers=attio)).json()["active"] is True
    await post(polar, "tokens", service="polar", scopes=["members:read"])
    assert (await polar.get(CUSTOMERS)).status_code == 403
    assert (await polar.get("/sandbox/tokens")).json()["polar"]["scopes"] == ["members:read"]


async def test_the_clock_is_shifted_for_both_services(sandbox: Sandbox, anyone: httpx.AsyncClient) -> None:
    assert await post(anyone, "clock", shift_seconds=3600) == {
        "now": "2026-11-23T22:03:27.130000+00:00",
        "offset_seconds": 3600.0,
    }
    assert sandbox.polar.clock() == sandbox.attio.clock() == sandbox.clock()
    assert (await anyone.get("/v2/self")).headers["date"] == "Mon, 23 Nov 2026 22:03:27 GMT"


async def test_limits_are_scaled(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    await post(polar, "limits", scale=0.002)
    assert [(await polar.get(CUSTOMERS)).status_code for _ in range(2)] == [200, 429]
    await post(polar, "limits", scale="off")
    assert (await polar.get(CUSTOMERS)).status_code == 200
    assert (await polar.post("/sandbox/limits", json={"scale": "much"})).status_code == 422


@pytest.mark.parametrize("origin", ["https://example.com", "http://127.0.0.1:9999", "null"])
@pytest.mark.parametrize(
    ("path", "body"), [("seed", {}), ("tokens", {"service": "polar", "revoked": True}), ("clock", {"shift_seconds": 9})]
)
async def test_a_page_of_another_origin_changes_nothing(
    polar: httpx.AsyncClient, path: str, body: dict[str, Any], origin: str
) -> None:
    """As a browser sends it without asking before: as text."""
    headers = {"Origin": origin, "Content-Type": "text/plain"}

    answer = await polar.post(f"/sandbox/{path}", json=body, headers=headers)

    assert answer.status_code == 403
    assert await total(polar) == 0

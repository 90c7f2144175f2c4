"""What Polar's server was seen to do beside its documentation in November 2026: the sandbox does the same."""

from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest

from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW

NOT_VERSION_4 = "00000000-0000-1000-8000-000000000000"
DAY = {"start_date": "2026-11-23", "end_date": "2026-11-23", "interval": "day"}


class Case(NamedTuple):
    """A request, and what of the answer was seen.

    Attributes:
        body: Sent as JSON; None: nothing is.
        seen: Reads that from the answer.
        as_seen: What it was.
    """

    method: str
    path: str
    seen: Callable[[httpx.Response], Any]
    as_seen: Any
    params: dict[str, Any] | None = None
    body: dict[str, Any] | None = None
    headers: dict[str, str] | None = None


def status(answer: httpx.Response) -> int:
    return answer.status_code


def said(*names: str) -> Callable[[httpx.Response], Any]:
    """Return what reads some fields of a body."""
    return lambda answer: [answer.status_code, *(answer.json()[name] for name in names)]


def complaints(answer: httpx.Response) -> Any:
    body = answer.json()
    return [answer.status_code, body["error"], *([entry["loc"], entry["input"]] for entry in body["detail"])]


def new(**fields: Any) -> dict[str, Any]:
    return {"email": "new@example.com", **fields}


CASES = {
    "an id that is a UUID of another version": Case(
        "GET", f"/v1/customers/{NOT_VERSION_4}", complaints,
        [422, "RequestValidationError", [["path", "id"], NOT_VERSION_4]],
    ),
    "members of an id that is none": Case(
        "GET", "/v1/members/", said("detail"), [404, "Invalid customer ID format"], {"customer_id": "bogus"}
    ),
    "a page beyond what the database counts": Case(
        "GET", "/v1/customers/", status, 500, {"page": "99999999999999999999"}
    ),
    "an empty name": Case("POST", "/v1/customers/", said("name"), [201, None], body=new(name="")),
    "a name with spaces around it": Case("POST", "/v1/customers/", said("name"), [201, "x"], body=new(name="  x  ")),
    "a country that is none": Case(
        "POST", "/v1/customers/", complaints,
        [422, "RequestValidationError", [["body", "individual", "billing_address", "country"], "XX"]],
        body=new(billing_address={"country": "XX"}),
    ),
    "a state, and a tax id": Case(
        "POST", "/v1/customers/", lambda answer: [answer.json()["billing_address"]["state"], answer.json()["tax_id"]],
        ["US-CA", ["911144442", "us_ein"]],
        body=new(billing_address={"country": "US", "state": "CA"}, tax_id="911144442"),
    ),
    "a new customer that is refused": Case(
        "POST", "/v1/customers/", complaints,
        [422, "RequestValidationError", [["body", "individual", "email"], "nobody"]], body={"email": "nobody"},
    ),
    "a team without an owner": Case(
        "POST", "/v1/customers/", complaints,
        [422, "RequestValidationError", [["body", "team"], {"type": "team", "name": "Bletchley"}]],
        body={"type": "team", "name": "Bletchley"},
    ),
    "an organization's id that is none": Case(
        "GET", "/v1/customers/", complaints,
        [
            422, "RequestValidationError",
            [["query", "organization_id", "uuid"], ["bogus"]],
            [["query", "organization_id", "list[uuid]", 0], "bogus"],
        ],
        {"organization_id": "bogus"},
    ),
    "a status that is none": Case(
        "GET", "/v1/subscriptions/", complaints,
        [
            422, "RequestValidationError",
            [["query", "status", "str-enum[SubscriptionStatus]"], ["gone"]],
            [["query", "status", "list[str-enum[SubscriptionStatus]]", 0], "gone"],
        ],
        {"status": "gone"},
    ),
    "a role that is none": Case(
        "GET", "/v1/members/", lambda answer: answer.json()["detail"][0]["type"], "enum", {"role": "boss"}
    ),
    "an order of organizations that is none": Case("GET", "/v1/organizations/", status, 422, {"sorting": "size"}),
    "a password instead of a token": Case(
        "GET", "/v1/customers/", said("error"), [401, "Unauthorized"], headers={"Authorization": "Basic dTpw"}
    ),
    "only the head of an answer": Case("HEAD", "/v1/customers/", status, 405),
    "a browser that asks whether it may ask": Case(
        "OPTIONS", "/v1/customers/", status, 200,
        headers={"Origin": "https://example.com", "Access-Control-Request-Method": "GET"},
    ),
    "an export": Case(
        "GET", "/v1/customers/export",
        lambda answer: [answer.headers["content-disposition"], answer.text.splitlines()[1].rpartition(",")[2]],
        ["attachment; filename=polar-customers.csv", ""],
    ),
    "a member made from a customer": Case(
        "GET", "/v1/members/", lambda answer: [row["external_id"] for row in answer.json()["items"]], ["usr_1"]
    ),
    "orders": Case("GET", "/v1/orders/", status, 200),
    "events": Case("GET", "/v1/events/", status, 200),
    "metrics": Case("GET", "/v1/metrics/", status, 200, DAY),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_the_sandbox_answers_as_the_server_was_seen_to(
    case: Case, sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.polar.add_customer(email="ada@example.com", name="Ada", external_id="usr_1")
    answer = await polar.request(case.method, case.path, params=case.params, json=case.body, headers=case.headers)
    assert case.seen(answer) == case.as_seen


@pytest.mark.parametrize(
    ("environment", "limit", "header"), [("production", 500, None), ("sandbox", 100, "1")], ids=["real", "sandbox"]
)
async def test_polars_own_sandbox_lets_fewer_requests_through_and_says_what_it_is(
    environment: Any, limit: int, header: str | None
) -> None:
    made = Sandbox(clock=Clock(source=lambda: NOW), environment=environment)
    transport = httpx.ASGITransport(app=create_app(made))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox", headers={"Authorization": f"Bearer {POLAR_TOKEN}"}
    ) as client:
        answers = [await client.get("/v1/organizations/") for _ in range(limit + 1)]
    assert [answer.status_code for answer in answers] == [200] * limit + [429]
    assert answers[0].headers.get("x-polar-sandbox") == header

"""Creating, changing and deleting customers through Polar's API."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.fixtures.schemas import assert_allowed

TAKEN = "A customer with this email address already exists."


@pytest.fixture
def ada(sandbox: Sandbox) -> Customer:
    return sandbox.polar.add_customer(email="Ada@example.com", name="Ada", external_id="usr_1")


async def create(polar: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await polar.post("/v1/customers/", json=body)


async def change(polar: httpx.AsyncClient, row: Customer, **body: Any) -> httpx.Response:
    return await polar.patch(f"/v1/customers/{row.id}", json=body)


def complaints(answer: httpx.Response) -> list[tuple[list[Any], str]]:
    assert answer.status_code == 422
    assert_allowed("HTTPValidationError", answer.json())
    return [(entry["loc"], entry["msg"]) for entry in answer.json()["detail"]]


async def test_only_the_domain_of_an_email_is_lower_cased(polar: httpx.AsyncClient) -> None:
    answer = await create(polar, email="New.Person+tag@EXAMPLE.com")
    assert answer.status_code == 201
    assert_allowed("Customer", answer.json())
    assert answer.json()["email"] == "New.Person+tag@example.com"
    assert answer.json()["modified_at"] is None


async def test_an_email_belongs_to_one_live_customer_in_any_case(polar: httpx.AsyncClient, ada: Customer) -> None:
    assert complaints(await create(polar, email="ADA@example.com")) == [(["body", "email"], TAKEN)]
    await polar.delete(f"/v1/customers/{ada.id}")
    again = await create(polar, email="ADA@example.com")
    assert again.status_code == 201
    assert again.json()["id"] != ada.id


async def test_an_external_id_belongs_to_one_live_customer(polar: httpx.AsyncClient, ada: Customer) -> None:
    answer = await create(polar, email="other@example.com", external_id="usr_1")
    assert complaints(answer) == [(["body", "external_id"], "A customer with this external ID already exists.")]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["body", "individual", "email"]),
        ({"email": None}, ["body", "individual", "email"]),
        ({"email": "nobody"}, ["body", "individual", "email"]),
        ({"email": "two@at@example.com"}, ["body", "individual", "email"]),
        ({"email": "a@localhost"}, ["body", "individual", "email"]),
        ({"email": "a@example.com", "name": "x" * 257}, ["body", "individual", "name"]),
        (
            {"email": "a@example.com", "billing_address": {"city": "Berlin"}},
            ["body", "individual", "billing_address", "country"],
        ),
        (
            {"email": "a@example.com", "billing_address": {"country": "XX"}},
            ["body", "individual", "billing_address", "country"],
        ),
        ({"type": "team", "name": "x" * 257}, ["body", "team", "name"]),
        ({"email": "a@example.com", "tax_id": "DE1"}, ["body", "tax_id"]),
    ],
)
async def test_what_is_wrong_with_a_new_customer_is_named(
    body: dict[str, Any], where: list[str], polar: httpx.AsyncClient
) -> None:
    ((place, _),) = complaints(await create(polar, **body))
    assert place == where


async def test_a_body_that_is_no_json_is_a_422(polar: httpx.AsyncClient) -> None:
    answer = await polar.post("/v1/customers/", content=b'{"email": ')
    assert [message for _, message in complaints(answer)] == ["JSON decode error"]


async def test_a_team_needs_no_email_but_then_an_owner(polar: httpx.AsyncClient) -> None:
    refused = await create(polar, type="team", name="Bletchley")
    ((place, message),) = complaints(refused)
    assert (place, message[:21]) == (["body", "team"], "Value error, An owner")
    assert refused.json()["error"] == "RequestValidationError"
    answer = await create(polar, type="team", name="Bletchley", owner={"email": "owner@example.com", "name": "Joan"})
    assert answer.status_code == 201
    assert answer.json()["email"] is None
    members = await polar.get("/v1/members/", params={"customer_id": answer.json()["id"], "role": "owner"})
    assert [(item["email"], item["name"]) for item in members.json()["items"]] == [("owner@example.com", "Joan")]


async def test_a_member_made_from_a_customer_carries_its_external_id(polar: httpx.AsyncClient) -> None:
    for body in ({"email": "ada@example.com"}, {"type": "team", "email": "team@example.com"}):
        answer = await create(polar, external_id=f"usr of {body['email']}", **body)
        members = (await polar.get("/v1/members/", params={"customer_id": answer.json()["id"]})).json()["items"]
        assert [member["external_id"] for member in members] == [f"usr of {body['email']}"]


@pytest.mark.parametrize(("given", "kept"), [("  Ada ", "Ada"), ("", None), ("  ", None)])
async def test_a_name_is_trimmed_and_an_empty_one_is_none(
    given: str, kept: str | None, polar: httpx.AsyncClient
) -> None:
    created = (await create(polar, email="ada@example.com", name=given)).json()
    assert created["name"] == kept
    answer = await polar.patch(f"/v1/customers/{created['id']}", json={"name": f" {given} B "})
    assert answer.json()["name"] == f"{given} B".strip()


async def test_a_state_gets_its_country_and_a_tax_id_its_format(polar: httpx.AsyncClient) -> None:
    address = {"country": "US", "state": "CA"}
    created = (await create(polar, email="ada@example.com", billing_address=address, tax_id="911144442")).json()
    assert created["billing_address"]["state"] == "US-CA"
    assert created["tax_id"] == ["911144442", "us_ein"]
    answer = await polar.patch(f"/v1/customers/{created['id']}", json={"billing_address": {"country": "DE"}})
    assert answer.json()["billing_address"]["state"] is None
    answer = await polar.patch(f"/v1/customers/{created['id']}", json={"tax_id": "DE123456789"})
    assert answer.json()["tax_id"] == ["DE123456789", "eu_vat"]


async def test_a_change_sets_modified_at_and_no_change_does_not(
    sandbox: Sandbox, polar: httpx.AsyncClient, ada: Customer
) -> None:
    assert (await change(polar, ada, name="Ada")).json()["modified_at"] is None
    sandbox.clock.shift(timedelta(seconds=1))
    answer = await change(polar, ada, name="Ada Lovelace")
    assert answer.json()["name"] == "Ada Lovelace"
    assert answer.json()["modified_at"] == "2026-11-23T21:03:28.130000Z"


async def test_a_new_email_is_not_verified_and_frees_the_old_one(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    row = sandbox.polar.add_customer(email="old@example.com", email_verified=True)
    answer = await change(polar, row, email="new@example.com")
    assert (answer.json()["email"], answer.json()["email_verified"]) == ("new@example.com", False)
    assert (await create(polar, email="old@example.com")).status_code == 201


async def test_an_email_cannot_be_changed_to_somebody_elses_nor_taken_away(
    sandbox: Sandbox, polar: httpx.AsyncClient, ada: Customer
) -> None:
    sandbox.polar.add_customer(email="taken@example.com")
    assert complaints(await change(polar, ada, email="TAKEN@example.com")) == [(["body", "email"], TAKEN)]
    assert (await change(polar, ada, email=None)).json()["email"] == "Ada@example.com"
    assert complaints(await create(polar, email="ada@example.com")) == [(["body", "email"], TAKEN)]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("external_id", "usr_2", "Customer external ID cannot be updated."),
        ("billing_address", None, "Customer billing address cannot be reset to null once set."),
        ("type", "individual", "Customer type cannot be downgraded from 'team' to 'individual'."),
    ],
)
async def test_what_cannot_be_undone_is_refused(
    field: str, value: str | None, message: str, sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    team = sandbox.polar.add_customer(
        email="team@example.com", type="team", external_id="usr_1", billing_address={"country": "DE"}
    )
    assert complaints(await change(polar, team, **{field: value})) == [(["body", field], message)]


async def test_an_individual_may_become_a_team(polar: httpx.AsyncClient, ada: Customer) -> None:
    assert (await change(polar, ada, type="team")).json()["type"] == "team"


async def test_a_customer_is_found_by_the_sellers_own_id(polar: httpx.AsyncClient, ada: Customer) -> None:
    assert (await polar.get("/v1/customers/external/usr_1")).json()["id"] == ada.id
    assert (await polar.get("/v1/customers/external/usr_1/state")).json()["id"] == ada.id
    assert (await polar.patch("/v1/customers/external/usr_1", json={"name": "A"})).json()["name"] == "A"
    assert (await polar.delete("/v1/customers/external/usr_1")).status_code == 204
    assert (await polar.get("/v1/customers/external/usr_1")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_deleted_customer_is_not_found(method: str, polar: httpx.AsyncClient, ada: Customer) -> None:
    await polar.delete(f"/v1/customers/{ada.id}")
    answer = await polar.request(method, f"/v1/customers/{ada.id}", json={})
    assert (answer.status_code, answer.json()) == (404, {"error": "ResourceNotFound", "detail": "Not found"})


@pytest.mark.parametrize("path", ["", "/state"])
@pytest.mark.parametrize(
    "customer_id",
    ["ada", "00000000-0000-1000-8000-000000000000", "00000000-0000-7000-8000-000000000000", "%20"],
    ids=["no UUID", "version 1", "version 7", "a space"],
)
async def test_an_id_that_is_no_uuid_of_version_4_is_a_422(
    customer_id: str, path: str, polar: httpx.AsyncClient
) -> None:
    ((place, _),) = complaints(await polar.get(f"/v1/customers/{customer_id}{path}"))
    assert place == ["path", "id"]


async def test_deleting_cancels_what_was_subscribed_and_keeps_the_email(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    sandbox.fill(customers=40, seed=1)
    customer_id = next(row.customer_id for row in sandbox.polar.subscriptions if row.status == "active")
    email = sandbox.polar.customers[customer_id].email
    await polar.delete(f"/v1/customers/{customer_id}")
    held = await polar.get("/v1/subscriptions/", params={"customer_id": customer_id})
    (subscription,) = held.json()["items"]
    assert_allowed("ListResource_Subscription_", held.json())
    assert subscription["status"] == "canceled"
    assert subscription["customer"]["email"] == email


async def test_anonymising_leaves_hashes(sandbox: Sandbox, polar: httpx.AsyncClient, ada: Customer) -> None:
    assert (await polar.delete(f"/v1/customers/{ada.id}", params={"anonymize": "true"})).status_code == 204
    gone = sandbox.polar.deleted[ada.id]
    assert gone.email is not None
    assert gone.email.endswith("@anonymized.polar.sh")
    assert gone.name not in (None, "Ada")
    assert gone.external_id is None
    assert gone.metadata["__external_id"] == "usr_1"

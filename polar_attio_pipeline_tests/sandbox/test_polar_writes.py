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
        ({}, ["body", "email"]),
        ({"email": None}, ["body", "email"]),
        ({"email": "nobody"}, ["body", "email"]),
        ({"email": "two@at@example.com"}, ["body", "email"]),
        ({"email": "a@localhost"}, ["body", "email"]),
        ({"email": "a@example.com", "name": "x" * 257}, ["body", "name"]),
        ({"email": "a@example.com", "billing_address": {"city": "Berlin"}}, ["body", "billing_address", "country"]),
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
    assert (await create(polar, type="team", name="Bletchley")).status_code == 422
    answer = await create(polar, type="team", name="Bletchley", owner={"email": "owner@example.com", "name": "Joan"})
    assert answer.status_code == 201
    assert answer.json()["email"] is None
    members = await polar.get("/v1/members/", params={"customer_id": answer.json()["id"], "role": "owner"})
    assert [(item["email"], item["name"]) for item in members.json()["items"]] == [("owner@example.com", "Joan")]


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

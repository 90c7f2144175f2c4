"""Each recorded answer of the real Attio, asked for again: same status, same headers, same shape."""

from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.fixtures.answers import Recorded, attio_errors, fixture, of_attio
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api

ERRORS = attio_errors()


def assert_alike(answer: httpx.Response, recording: Recorded) -> None:
    """Same status, and the same headers as far as a client could look at them."""
    assert answer.status_code == recording.status
    for name in ("Content-Type", "access-control-expose-headers", "vary"):
        assert answer.headers[name] == recording.headers[name]
    for name in ("x-attio-execution-id", "Date"):
        assert len(answer.headers[name]) == len(recording.headers[name])


def shape(value: Any) -> Any:
    """Reduce an answer to its keys and JSON types."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


async def test_self(api: Api) -> None:
    recording = of_attio("self_identify")

    answer = await api.http.get("/v2/self")

    assert_alike(answer, recording)
    body = answer.json()
    assert body.pop("token_level") == "workspace"  # younger than the recording
    assert shape(body) == shape(recording.body)


async def test_objects(api: Api) -> None:
    recording = of_attio("objects_list")

    answer = await api.http.get("/v2/objects")

    assert_alike(answer, recording)
    assert shape(answer.json()["data"]) == shape(recording.body["data"][:2])


@pytest.mark.parametrize("object_slug", ["people", "companies"])
async def test_system_attributes_in_their_order(api: Api, object_slug: str) -> None:
    recording = of_attio(f"{object_slug}_attributes")

    answer = await api.http.get(f"/v2/objects/{object_slug}/attributes")

    assert_alike(answer, recording)
    mine, theirs = (
        [
            {name: value for name, value in attribute.items() if name not in ("id", "created_at")}
            for attribute in body["data"]
            if attribute["is_system_attribute"]
        ]
        for body in (answer.json(), recording.body)
    )
    for attribute in (*mine, *theirs):
        references = attribute["config"]["record_reference"]
        references["allowed_object_ids"] = references["allowed_object_ids"] and len(references["allowed_object_ids"])
        if attribute["relationship"]:
            del attribute["relationship"]["id"]
    assert mine == theirs


async def test_one_attribute(api: Api) -> None:
    recording = of_attio("people_attribute_name")

    answer = await api.http.get("/v2/objects/people/attributes/name")

    assert_alike(answer, recording)
    assert list(answer.json()["data"]) == list(recording.body["data"])
    assert shape(answer.json()) == shape(recording.body)


async def test_an_empty_query(api: Api) -> None:
    recording = of_attio("people_query_empty")

    answer = await api.query(limit=5)

    assert_alike(answer, recording)
    assert answer.json() == recording.body
    assert answer.headers["x-attio-record-query-score"] == recording.headers["x-attio-record-query-score"]


async def test_records_and_the_values_of_each_type(api: Api, world: AttioWorld) -> None:
    recording = of_attio("companies_query_limit5")
    theirs = recording.body["data"]
    values = {
        "domains": ["acme.com"],
        "name": "Acme",
        "categories": ["SaaS & Cloud Services", "B2B"],
        "foundation_date": "2020",
        "funding_raised_usd": 4.5,
        "primary_location": "Berlin",
    }

    await api.create(values, "companies")
    answer = await api.query("companies", limit=5)

    assert_alike(answer, recording)
    [mine] = answer.json()["data"]
    assert list(mine) == list(theirs[0])
    assert list(mine["id"]) == list(theirs[0]["id"])
    system = [found["api_slug"] for found in of_attio("companies_attributes").body["data"]][: len(mine["values"])]
    assert list(mine["values"]) == system
    keys = {slug: set(value) for record in theirs for slug, held in record["values"].items() for value in held[:1]}
    for slug, held in mine["values"].items():
        for value in held:
            assert set(value) == keys[slug]
            assert list(value)[:3] == ["active_from", "active_until", "created_by_actor"]
    assert len(mine["created_at"]) == len(theirs[0]["created_at"])


async def test_lists_have_no_get(api: Api) -> None:
    recording = of_attio("error_404_get_records_endpoint")

    answer = await api.http.get("/v2/objects/people/records?limit=5")

    assert_alike(answer, recording)
    assert answer.json() == recording.body


async def test_a_wrong_token(api: Api) -> None:
    answer = await api.http.get("/v2/objects", headers={"Authorization": "Bearer short"})

    assert answer.json() == ERRORS["GET with a key that is not 64 characters long"]


async def test_a_name_in_the_wrong_form(api: Api) -> None:
    answer = await api.create({"name": [{"value": "Ada"}]})

    assert answer.json() == ERRORS["POST a record whose name has none of its parts"]


async def test_a_body_without_values_or_data(api: Api) -> None:
    path = "/v2/objects/people/records"

    assert (await api.http.post(path, json={"data": {}})).json() == ERRORS["POST a record without data.values"]
    assert (await api.http.post(path, json={})).json() == ERRORS["POST a record without data"]


async def test_a_phone_number_of_no_plan(api: Api) -> None:
    answer = await api.create({"phone_numbers": ["12"]})

    assert answer.json() == ERRORS["POST a record with a phone number of no country"]


async def test_an_address_that_another_record_holds(api: Api, world: AttioWorld) -> None:
    world.add_person(emails=["a@gmail.com"])
    record_id = world.add_person(emails=["b@gmail.com"])

    answer = await api.patch(record_id, {"email_addresses": ["a@gmail.com"]})

    assert answer.json() == ERRORS["PATCH a record with an email address that another record has"]


async def test_an_unknown_attribute_in_a_filter(api: Api) -> None:
    answer = await api.query(filter={"$or": [{"name": "x"}, {"email": "x"}]})

    assert answer.json() == ERRORS["POST a query with an unknown attribute"]


async def test_a_definition_without_its_fields_and_of_no_type(api: Api) -> None:
    answer = await api.http.post(
        "/v2/objects/people/attributes", json={"data": {"title": "Invalid", "type": "invalid_type"}}
    )

    assert answer.json() == ERRORS["POST an attribute of an unknown type without its other fields"]


async def test_the_measured_handling_of_addresses(api: Api, world: AttioWorld) -> None:
    measured = fixture("attio/email_addresses.json")
    record_id = world.add_person(emails=measured["stored"])

    for step in measured["writes"]:
        write = api.patch if step["method"] == "PATCH" else api.put
        await write(record_id, {"email_addresses": step["sent"]})

        assert await api.emails(record_id) == step["stored"], step

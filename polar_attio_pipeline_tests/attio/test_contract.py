"""What is sent, against Attio's own specification."""

import functools
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.attio.setup import set_up
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire

CONTRACT = Path(__file__).parents[2].parent / "shared" / "contracts" / "attio-v2.openapi.json"


@functools.cache
def contract() -> dict[str, Any]:
    if not CONTRACT.exists():
        pytest.skip("Attio's specification is not here")
    specification: dict[str, Any] = json.loads(CONTRACT.read_text())
    return specification


def operation_of(request: httpx.Request) -> dict[str, Any]:
    # Of two templates that fit, the one with fewer placeholders is meant: .../records/query is no record id.
    fitting = [
        path
        for path, operations in contract()["paths"].items()
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", path), request.url.path) and request.method.lower() in operations
    ]
    operation: dict[str, Any] = contract()["paths"][min(fitting, key=lambda path: path.count("{"))][
        request.method.lower()
    ]
    return operation


def assert_conforms(request: httpx.Request) -> None:
    operation = operation_of(request)
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    assert set(request.url.params) <= known
    if request.method == "GET":
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(
        json.loads(request.read()), {**schema, "components": contract()["components"]}, jsonschema.Draft202012Validator
    )


async def test_setting_up_sends_what_the_specification_allows(attio: AttioWorld, api: ApiClient, wire: Wire) -> None:
    await set_up(api, PEOPLE, SLUGS)
    attio.archive_attribute("polar_country")
    await set_up(api, PEOPLE, SLUGS)

    assert {request.method for request in wire.requests} == {"GET", "POST", "PATCH"}
    for request in wire.requests:
        assert_conforms(request)


async def test_looking_up_and_writing_send_what_the_specification_allows(client: AttioClient, wire: Wire) -> None:
    person = await client.create(
        {
            "polar_customer": True,
            "polar_customer_id": "0b1c77ca-9b81-47ba-8d2e-490c74901031",
            "name": PersonName("Ada", "Lovelace", "Ada Lovelace"),
            "polar_customer_since": datetime(2026, 5, 9, tzinfo=UTC),
        },
        email="ada@example.com",
    )
    await client.update(person.record_id, {"polar_customer": False}, add_email="b@example.com")
    await client.find(ids=["0b1c77ca-9b81-47ba-8d2e-490c74901031"], emails=["ada@example.com"])
    [_ async for _ in client.marked()]

    assert len(wire.requests) == 4
    for request in wire.requests:
        assert_conforms(request)


async def test_a_date_attribute_is_sent_a_day(mapped: AttioWorld, api: ApiClient, wire: Wire) -> None:
    mapped.add_attribute("since", "date")
    client = await AttioClient.connect(api, {**SLUGS, "polar_customer_since": "since"})

    await client.create({"polar_customer_since": date(2026, 5, 9)}, email="ada@example.com")

    assert json.loads(wire.requests[-1].read())["data"]["values"]["since"] == ["2026-05-09"]
    assert_conforms(wire.requests[-1])

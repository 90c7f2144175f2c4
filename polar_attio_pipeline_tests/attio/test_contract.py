"""What is sent, against Attio's own specification."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import httpx

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.attio.setup import set_up
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire
from polar_attio_pipeline_tests.fixtures import schemas


def assert_conforms(request: httpx.Request) -> None:
    operation = schemas.attio(request.method, request.url.path)
    assert operation is not None, request.url
    assert set(request.url.params) <= operation.query
    if request.method == "GET":
        return
    assert operation.body is not None, request.url
    operation.body.validate(json.loads(request.read()))


async def test_setting_up_sends_what_the_specification_allows(attio: AttioWorld, api: ApiClient, wire: Wire) -> None:
    await set_up(api, PEOPLE, SLUGS)
    attio.archive_attribute("polar_country")
    attio.archive_option("polar_status", "Paused")
    await set_up(api, PEOPLE, SLUGS)

    assert {request.method for request in wire.requests} == {"GET", "POST", "PATCH"}
    for request in wire.requests:
        assert_conforms(request)


async def test_looking_up_and_writing_send_what_the_specification_allows(client: AttioClient, wire: Wire) -> None:
    person = await client.create(
        {
            "polar_customer": True,
            "polar_customer_id": "0e5d92b8-61c4-4f7a-b3e9-84a7c06d1f25",
            "name": PersonName("Ada", "Lovelace", "Ada Lovelace"),
            "polar_customer_since": datetime(2026, 5, 9, tzinfo=UTC),
            "polar_status": "Paying",
            "polar_mrr": Decimal("19.90"),
            "polar_seats": Decimal(3),
        },
        email="ada@example.com",
    )
    await client.update(person.record_id, {"polar_customer": False, "polar_mrr": None}, add_email="b@example.com")
    await client.find(ids=["0e5d92b8-61c4-4f7a-b3e9-84a7c06d1f25"], emails=["ada@example.com"])
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

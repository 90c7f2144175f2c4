"""The metadata of customers: taken within Polar's limits, and shown alike by pages, by the export and by events."""

import csv
import io
import json
from typing import Any

import httpx
import pytest

from polar_attio_pipeline_tests.fixtures.schemas import assert_allowed

METADATA = {"tier": "pro", "plan tier.v2": 3, "rate": 1.5, "ok": True}


async def create(polar: httpx.AsyncClient, metadata: dict[str, Any]) -> httpx.Response:
    return await polar.post("/v1/customers/", json={"email": "ada@example.com", "metadata": metadata})


async def test_metadata_are_shown_as_they_were_written_and_a_change_replaces_all_of_them(
    polar: httpx.AsyncClient,
) -> None:
    created = (await create(polar, METADATA)).json()
    assert_allowed("Customer", created)
    assert created["metadata"] == METADATA
    path = f"/v1/customers/{created['id']}"

    await polar.patch(path, json={"name": "Ada"})
    assert (await polar.get(path)).json()["metadata"] == METADATA
    await polar.patch(path, json={"metadata": {"tier": "max"}})

    assert (await polar.get(path)).json()["metadata"] == {"tier": "max"}
    (listed,) = (await polar.get("/v1/customers/")).json()["items"]
    assert listed["metadata"] == {"tier": "max"}
    *_, last = csv.reader(io.StringIO((await polar.get("/v1/customers/export")).text))
    assert json.loads(last[-1]) == {"tier": "max"}
    changed = (await polar.get("/v1/events/", params={"name": "customer.updated"})).json()["items"]
    assert {"metadata": {"tier": "max"}} in [one["metadata"]["updated_fields"] for one in changed]


@pytest.mark.parametrize(
    "metadata",
    [
        {"": "a"},
        {"k" * 41: "a"},
        {"k": ""},
        {"k": "a" * 501},
        {"k": ["a"]},
        {"k": None},
        {f"k{number}": 1 for number in range(51)},
    ],
    ids=["no key", "a long key", "no text", "a long text", "a list", "null", "too many"],
)
async def test_what_is_beyond_polars_limits_is_refused(polar: httpx.AsyncClient, metadata: dict[str, Any]) -> None:
    answer = await create(polar, metadata)

    assert answer.status_code == 422
    assert_allowed("HTTPValidationError", answer.json())

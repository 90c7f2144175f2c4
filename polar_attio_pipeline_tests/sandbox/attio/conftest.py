"""A workspace with a clock that stands still, and a client that checks every answer against the contract."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from polar_attio_pipeline.sandbox.attio.limits import AttioLimits
from polar_attio_pipeline.sandbox.attio.routes import routes
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline_tests.sandbox.attio import contract


@dataclass
class StillClock:
    """Shows the same time until it is told to move."""

    now: datetime = datetime(2026, 11, 3, 12, 0, 0, 250_000, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Api:
    """A client of the sandbox's Attio, with shortcuts for what the tests do most."""

    http: httpx.AsyncClient

    async def query(self, object_slug: str = "people", **body: Any) -> httpx.Response:
        return await self.http.post(f"/v2/objects/{object_slug}/records/query", json=body)

    async def found(self, wanted: Any, object_slug: str = "people") -> set[str]:
        """Return the ids of the records that pass a filter."""
        answer = await self.query(object_slug, filter=wanted)
        assert answer.status_code == 200, answer.text
        return {record["id"]["record_id"] for record in answer.json()["data"]}

    async def upsert(self, values: dict[str, Any], matching: str = "email_addresses") -> httpx.Response:
        return await self.http.put(
            "/v2/objects/people/records",
            params={"matching_attribute": matching},
            json={"data": {"values": values}},
        )

    async def create(self, values: dict[str, Any], object_slug: str = "people") -> httpx.Response:
        return await self.http.post(f"/v2/objects/{object_slug}/records", json={"data": {"values": values}})

    async def patch(self, record_id: str, values: dict[str, Any]) -> httpx.Response:
        return await self.http.patch(f"/v2/objects/people/records/{record_id}", json={"data": {"values": values}})

    async def put(self, record_id: str, values: dict[str, Any]) -> httpx.Response:
        return await self.http.put(f"/v2/objects/people/records/{record_id}", json={"data": {"values": values}})

    async def record(self, record_id: str, object_slug: str = "people") -> dict[str, Any]:
        answer = await self.http.get(f"/v2/objects/{object_slug}/records/{record_id}")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def emails(self, record_id: str) -> list[str]:
        values = (await self.record(record_id))["values"]
        return [value["email_address"] for value in values["email_addresses"]]


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def world(clock: StillClock) -> AttioWorld:
    return AttioWorld(clock, seed=7)


@pytest.fixture
def limits(clock: StillClock) -> AttioLimits:
    return AttioLimits(clock, math.inf)


@pytest.fixture
async def api(world: AttioWorld, limits: AttioLimits) -> AsyncIterator[Api]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(Starlette(routes=routes(world, limits))),
        base_url="https://api.attio.com",
        headers={"Authorization": f"Bearer {ATTIO_TOKEN}"},
        event_hooks={"response": [contract.check]},
    ) as http:
        yield Api(http)


def slug_of(answer: httpx.Response) -> str:
    """Return the refused attribute's slug, which an error names only in its message."""
    message: str = answer.json()["message"]
    return message.split('"')[1]

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline_tests.attributes import add_attributes

SLUGS = {attribute.key: attribute.key for attribute in ATTRIBUTES}


class Wire(httpx.AsyncBaseTransport):
    """Passes requests on to the sandbox, and lets a test act just before one of them arrives, or answer instead."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.requests: list[httpx.Request] = []
        self.before: Callable[[int], httpx.Response | None] = lambda _: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.before(len(self.requests)) or await self.inner.handle_async_request(request)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(scale=OFF)


@pytest.fixture
def attio(sandbox: Sandbox) -> AttioWorld:
    return sandbox.attio


@pytest.fixture
def wire(sandbox: Sandbox) -> Wire:
    return Wire(httpx.ASGITransport(create_app(sandbox)))


def api_over(
    transport: httpx.AsyncBaseTransport,
    *,
    token: str = ATTIO_TOKEN,
    attempts: int = 2,
    clock: Clock | None = None,
) -> ApiClient:
    return attio_api(
        api_key=SecretStr(token),
        base_url="https://api.attio.test",
        reads_per_second=100_000,
        writes_per_second=100_000,
        retry=RetryPolicy(attempts=attempts, first_wait=0, longest_wait=0),
        transport=transport,
        clock=clock,
    )


@pytest.fixture
async def api(wire: Wire) -> AsyncIterator[ApiClient]:
    async with api_over(wire) as api:
        yield api


@pytest.fixture
def mapped(attio: AttioWorld) -> AttioWorld:
    """The workspace, after `polar-attio setup`."""
    add_attributes(attio)
    return attio


@pytest.fixture
async def client(mapped: AttioWorld, api: ApiClient, wire: Wire) -> AttioClient:
    client = await AttioClient.connect(api, SLUGS)
    wire.requests.clear()
    return client

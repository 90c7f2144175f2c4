"""A sandbox whose time stands still, and clients of it that need no socket."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox

NOW = datetime(2026, 11, 23, 21, 3, 27, 130_000, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(seed=1, scale=OFF, clock=Clock(source=lambda: NOW))


@pytest.fixture
async def anyone(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(app=create_app(sandbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        yield client


@pytest.fixture
async def polar(anyone: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client with the sandbox's Polar token."""
    anyone.headers["Authorization"] = f"Bearer {POLAR_TOKEN}"
    return anyone

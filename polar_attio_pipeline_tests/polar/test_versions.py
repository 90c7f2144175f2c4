"""Polar's API versions: the sync reads the same by every one that is known, and names the setting for any other."""

from contextlib import AbstractAsyncContextManager

import httpx
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.settings import POLAR_API_VERSION, POLAR_API_VERSIONS
from polar_attio_pipeline.sync.records import Customer


@pytest.fixture
def sandbox() -> Sandbox:
    sandbox = Sandbox(scale=OFF)
    sandbox.fill(customers=30, seed=1)
    return sandbox


def connected(sandbox: Sandbox, version: str) -> AbstractAsyncContextManager[ApiClient]:
    return polar_api(
        token=SecretStr(POLAR_TOKEN),
        base_url="http://sandbox",
        requests_per_minute=1_000_000,
        api_version=version,
        transport=httpx.ASGITransport(create_app(sandbox)),
    )


def test_the_default_is_one_of_the_known_ones() -> None:
    assert POLAR_API_VERSION in POLAR_API_VERSIONS


@pytest.mark.parametrize("version", POLAR_API_VERSIONS)
async def test_every_known_version_lists_exports_and_shows_the_same_customers(sandbox: Sandbox, version: str) -> None:
    async with connected(sandbox, version) as api:
        polar = PolarClient(api)
        listed = [row for row in (await polar.page(1)).rows if isinstance(row, Customer)]
        exported = [row async for rows in polar.export() for row in rows]
        shown = await polar.customer(listed[0].id)
        counted = await polar.count()

    assert len(listed) == len(exported) == counted == 30
    assert shown is not None
    assert (shown.id, shown.email, shown.name) == (listed[0].id, listed[0].email, listed[0].name)


async def test_a_version_that_polar_does_not_serve_is_named_by_its_setting(sandbox: Sandbox) -> None:
    async with connected(sandbox, "2020-01") as api:
        with pytest.raises(FatalError, match="POLAR_API_VERSION"):
            await PolarClient(api).page(1)

"""Polar as a Dagster resource."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dagster as dg
import httpx
from pydantic import Field, SecretStr

from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import PolarClient, polar_api


class PolarResource(dg.ConfigurableResource[PolarClient]):
    """The customers of one Polar organization."""

    access_token: str = Field(repr=False, description="Organization access token; scope customers:read.")
    api_url: str = Field(description="https://api.polar.sh, or https://sandbox-api.polar.sh for Polar's sandbox.")
    requests_per_minute: float = Field(description="Polar allows 500, over all that the organization does.")
    organization_slug: str = Field(
        default="", description="For links into Polar's dashboard; asked of Polar when empty and the token may."
    )

    @asynccontextmanager
    async def client(self, *, retry: RetryPolicy | None = None) -> AsyncIterator[PolarClient]:
        """Yield a client with a connection pool and a pace of its own.

        Args:
            retry: Bounds of the retries, where the usual minutes are too long.
        """
        api = polar_api(
            token=SecretStr(self.access_token),
            base_url=self.api_url,
            requests_per_minute=self.requests_per_minute,
            retry=retry,
            transport=self.transport(),
        )
        async with api:
            yield PolarClient(api, organization_slug=self.organization_slug)

    def transport(self) -> httpx.AsyncBaseTransport | None:
        """Return what to use instead of the network, None for the network: a test's subclass may differ."""
        return None

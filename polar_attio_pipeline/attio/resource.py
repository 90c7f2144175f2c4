"""Attio as a Dagster resource."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dagster as dg
import httpx
from pydantic import Field, PrivateAttr, SecretStr

from polar_attio_pipeline.attio.client import AttioClient, attio_api


class AttioResource(dg.ConfigurableResource[AttioClient]):
    """A connection to one Attio workspace."""

    api_key: str = Field(repr=False, description="Scopes record_permission:read-write and object_configuration:read.")
    api_url: str = "https://api.attio.com"
    reads_per_second: float = Field(description="Attio allows 100, over all apps.")
    writes_per_second: float = Field(description="Attio allows 25, over all apps.")
    slugs: dict[str, str] = Field(description="The workspace's slug for each attribute key.")

    _transport: httpx.AsyncBaseTransport | None = PrivateAttr(default=None)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[AttioClient]:
        """Connect, look at the token and at the attributes, and yield a client that may write.

        Raises:
            ConfigurationError: something is wrong; the text lists everything at once.
            ApiError: Attio could not be asked.
        """
        api = attio_api(
            api_key=SecretStr(self.api_key),
            base_url=self.api_url,
            reads_per_second=self.reads_per_second,
            writes_per_second=self.writes_per_second,
            transport=self._transport,
        )
        async with api:
            yield await AttioClient.connect(api, self.slugs)

    def over(self, *, transport: httpx.AsyncBaseTransport) -> "AttioResource":
        """Return this resource over another transport than the network, for tests."""
        other = self.model_copy()
        other._transport = transport  # noqa: SLF001  # of its own class
        return other

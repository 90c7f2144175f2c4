"""Both services' connections from the settings, for whatever is not a Dagster run."""

import httpx

from polar_attio_pipeline.attio.client import attio_api
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import polar_api
from polar_attio_pipeline.settings import Settings


def polar_of(
    settings: Settings, *, retry: RetryPolicy | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> ApiClient:
    """Return Polar's API, not opened yet."""
    return polar_api(
        token=settings.polar_access_token,
        base_url=settings.polar_api_url,
        api_version=settings.polar_api_version,
        requests_per_minute=settings.polar_requests_per_minute,
        retry=retry,
        transport=transport,
    )


def attio_of(
    settings: Settings, *, retry: RetryPolicy | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> ApiClient:
    """Return Attio's API, not opened yet."""
    return attio_api(
        api_key=settings.attio_api_key,
        base_url=settings.attio_api_url,
        reads_per_second=settings.attio_reads_per_second,
        writes_per_second=settings.attio_writes_per_second,
        retry=retry,
        transport=transport,
    )

"""Polar: the token, its scopes, the API version, the clock."""

from collections.abc import Iterator

import httpx

from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.cli.checks.polar_scopes import SCOPES, judge_scopes
from polar_attio_pipeline.cli.checks.services import answers
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.required import POLAR_TOKEN, looked_for, missing_of
from polar_attio_pipeline.connections import polar_of
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.polar.paths import BEYOND_THE_END, CUSTOMERS, LIMITER, ORGANIZATIONS
from polar_attio_pipeline.settings import POLAR_API_VERSIONS, Settings


async def polar(settings: Settings, transport: httpx.AsyncBaseTransport | None) -> list[Finding]:
    """Judge the access to Polar.

    Args:
        settings: What to look at.
        transport: Instead of the network.
    """
    if missing_of(settings, (POLAR_TOKEN,)):
        return [
            Finding(
                "Polar token",
                Level.FAIL,
                f"{POLAR_TOKEN} is not set: {looked_for()} Create an organization access token with the scope "
                "customers:read in Polar's settings.",
            )
        ]
    api = polar_of(settings, retry=IMPATIENT, transport=transport)
    found = await answers(api, "Polar", _ask(api, knows_slug=bool(settings.polar_organization_slug)))
    return [*found, *_version(settings.polar_api_version)]


async def _ask(api: ApiClient, *, knows_slug: bool) -> list[Finding]:
    await api.request("GET", CUSTOMERS, limiter=LIMITER, params={"page": BEYOND_THE_END, "limit": 1})
    known = {ORGANIZATIONS} if knows_slug else set()
    scopes = await judge_scopes(api, [scope for scope in SCOPES if scope.path not in known])
    return [Finding("Polar token", Level.OK, "Accepted; it may read customers."), *scopes]


def _version(version: str) -> Iterator[Finding]:
    if version not in POLAR_API_VERSIONS:
        yield Finding(
            "Polar version",
            Level.WARN,
            f"POLAR_API_VERSION is {version}, which this pipeline was not tested with: compare the first runs, or set "
            f"one of {', '.join(POLAR_API_VERSIONS)}.",
        )

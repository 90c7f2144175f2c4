"""Polar: the token, its scopes, the API version, the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx

from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.cli.checks.services import answers
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.required import POLAR_TOKEN, looked_for, missing_of
from polar_attio_pipeline.connections import polar_of
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.polar.events import Events, NoEvents, read_events
from polar_attio_pipeline.polar.paths import CUSTOMERS, LIMITER, MEMBERS, ORGANIZATIONS
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
    await api.request("GET", CUSTOMERS, limiter=LIMITER, params={"limit": 1})
    findings = [Finding("Polar token", Level.OK, "Accepted; it may read customers.")]
    members = await _allowed(api, MEMBERS)
    findings.append(
        Finding("Polar members", Level.OK, "The token may read them.")
        if members
        else Finding(
            "Polar members",
            Level.WARN,
            f"{POLAR_TOKEN} lacks members:read, so a team without an address is not known by its owner: add the scope.",
        )
    )
    findings.append(await _events(api))
    if not knows_slug and not await _allowed(api, ORGANIZATIONS):
        findings.append(
            Finding(
                "Polar links",
                Level.WARN,
                f"{POLAR_TOKEN} lacks organizations:read, so links open the organization that the viewer saw last: "
                "add the scope, or set POLAR_ORGANIZATION_SLUG.",
            )
        )
    return findings


async def _events(api: ApiClient) -> Finding:
    """Say how long a change takes to reach Attio."""
    found = await read_events(api, since=datetime.now(UTC))
    if isinstance(found, Events):
        return Finding(
            "Polar events", Level.OK, "The token may read them: a change is in Attio within a minute or two."
        )
    otherwise = "so a change reaches Attio by the next reconciliation, which is due every hour unless a setting says"
    why = (
        f"{POLAR_TOKEN} lacks events:read, {otherwise} otherwise: add the scope."
        if found is NoEvents.SCOPE
        else f"Polar answers 500 to the question about its events, {otherwise} otherwise: look at its status page."
    )
    return Finding("Polar events", Level.WARN, why)


async def _allowed(api: ApiClient, path: str) -> bool:
    try:
        await api.request("GET", path, limiter=LIMITER, params={"limit": 1})
    except ApiError as error:
        if error.status != httpx.codes.FORBIDDEN:
            raise
        return False
    return True


def _version(version: str) -> Iterator[Finding]:
    if version not in POLAR_API_VERSIONS:
        yield Finding(
            "Polar version",
            Level.WARN,
            f"POLAR_API_VERSION is {version}, which this pipeline was not tested with: compare the first runs, or set "
            f"one of {', '.join(POLAR_API_VERSIONS)}.",
        )

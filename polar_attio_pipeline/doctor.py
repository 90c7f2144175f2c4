"""What stands between these settings and a working sync: `polar-attio doctor`. It reads, and writes nothing."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import httpx

from polar_attio_pipeline.attio.attributes import Workspace, inspect
from polar_attio_pipeline.channels import is_channel
from polar_attio_pipeline.connections import attio_of, polar_of
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import LedgerError
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.privacy import exposure
from polar_attio_pipeline.ledger.trial import try_out
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.mapping import ATTRIBUTES

CLOCK_TOLERANCE_SECONDS = 60

_POLAR_LIMITER = "requests"

LEDGER_PATIENCE = 5.0
"""Seconds to wait for a pass that is writing."""


LEDGER_PATIENCE = 5.0
"""Seconds to wait for a pass that is writing."""


IMPATIENT = RetryPolicy(attempts=2, seconds=15, first_wait=0.2, longest_pause=5, attempt_seconds=15)
"""For commands that somebody waits for."""


class Level(StrEnum):
    """How a finding bears on the sync."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What it is about, in a word or two.
        level: FAIL where a run would not work.
        text: What was found; if it is not well, with what to do.
    """

    subject: str
    level: Level
    text: str


async def examine(
    settings: Settings,
    *,
    now: datetime,
    polar_transport: httpx.AsyncBaseTransport | None = None,
    attio_transport: httpx.AsyncBaseTransport | None = None,
) -> list[Finding]:
    """Look at everything a run needs, and report every problem at once.

    Args:
        settings: What to look at.
        now: The time, to judge the start date by.
        polar_transport: Instead of the network.
        attio_transport: Instead of the network.
    """
    polar, attio = await asyncio.gather(_polar(settings, polar_transport), _attio(settings, attio_transport))
    ours = [
        start_date(settings, now.astimezone(UTC).date()),
        ledger(settings.polar_attio_database_url.get_secret_value()),
        channels(settings.alert_urls()),
    ]
    return [*polar, *attio, *ours]


def start_date(settings: Settings, today: date) -> Finding:
    """Judge the first day of the hourly partitions."""
    start = settings.polar_attio_start_date
    if "polar_attio_start_date" not in settings.model_fields_set:
        return Finding(
            "start date",
            Level.WARN,
            f"POLAR_ATTIO_START_DATE is not set, so hours begin on {start}: set it to the day you go live (UTC).",
        )
    if start > today:
        return Finding(
            "start date", Level.WARN, f"POLAR_ATTIO_START_DATE is {start}: no hour is synced before that day."
        )
    return Finding("start date", Level.OK, f"Hours since {start}, UTC.")


def ledger(given: str) -> Finding:
    """Judge whether a pass could use the ledger, by opening it as a pass does.

    Args:
        given: A path or a URL.
    """
    try:
        place = locate(given)
        condition = try_out(place, patience=LEDGER_PATIENCE)
    except LedgerError as error:
        return Finding("ledger", Level.FAIL, str(error))
    if exposed := exposure(place):
        return Finding("ledger", Level.WARN, exposed)
    return Finding("ledger", Level.OK, f"{place.name} ({condition.value})" if condition.value else place.name)


def channels(urls: Sequence[str]) -> Finding:
    """Judge the addresses that people are told at; none of them is shown, since they hold passwords."""
    if not urls:
        return Finding("alerts", Level.OK, "Nobody is told: POLAR_ATTIO_ALERT_URLS is not set.")
    wrong = [number for number, url in enumerate(urls, start=1) if not is_channel(url)]
    if wrong:
        return Finding(
            "alerts",
            Level.FAIL,
            f"Address {', '.join(map(str, wrong))} of POLAR_ATTIO_ALERT_URLS is none that apprise knows: see "
            "https://appriseit.com for how yours is written.",
        )
    return Finding("alerts", Level.OK, f"{len(urls)} channels are told.")


async def _polar(settings: Settings, transport: httpx.AsyncBaseTransport | None) -> list[Finding]:
    if not settings.polar_access_token.get_secret_value().strip():
        return [
            Finding(
                "Polar token",
                Level.FAIL,
                "POLAR_ACCESS_TOKEN is not set: create an organization access token with the scope customers:read in "
                "Polar's settings.",
            )
        ]
    api = polar_of(settings, retry=IMPATIENT, transport=transport)
    return await _report(api, "Polar", _ask_polar(api, knows_slug=bool(settings.polar_organization_slug)))


async def _ask_polar(api: ApiClient, *, knows_slug: bool) -> list[Finding]:
    await api.request("GET", "/v1/customers/", limiter=_POLAR_LIMITER, params={"limit": 1})
    findings = [Finding("Polar token", Level.OK, "Accepted; it may read customers.")]
    members = await _allowed(api, "/v1/members/")
    findings.append(
        Finding("Polar members", Level.OK, "The token may read them.")
        if members
        else Finding(
            "Polar members",
            Level.WARN,
            "POLAR_ACCESS_TOKEN lacks members:read, so a team without an address is not known by its owner: add the "
            "scope.",
        )
    )
    if not knows_slug and not await _allowed(api, "/v1/organizations/"):
        findings.append(
            Finding(
                "Polar links",
                Level.WARN,
                "POLAR_ACCESS_TOKEN lacks organizations:read, so links open the organization that the viewer saw last: "
                "add the scope, or set POLAR_ORGANIZATION_SLUG.",
            )
        )
    return findings


async def _allowed(api: ApiClient, path: str) -> bool:
    try:
        await api.request("GET", path, limiter=_POLAR_LIMITER, params={"limit": 1})
    except ApiError as error:
        if error.status != 403:
            raise
        return False
    return True


async def _attio(settings: Settings, transport: httpx.AsyncBaseTransport | None) -> list[Finding]:
    if not settings.attio_api_key.get_secret_value().strip():
        return [
            Finding(
                "Attio key",
                Level.FAIL,
                "ATTIO_API_KEY is not set: create a key with the scopes record_permission:read-write and "
                "object_configuration:read under Workspace settings, Developers.",
            )
        ]
    api = attio_of(settings, retry=IMPATIENT, transport=transport)
    return await _report(api, "Attio", _ask_attio(api, settings.slugs()))


async def _ask_attio(api: ApiClient, slugs: dict[str, str]) -> list[Finding]:
    workspace = await inspect(api, slugs)
    name = workspace.info.workspace_name or "the workspace"
    return [Finding("Attio key", Level.OK, f"Accepted by {name}."), *_attributes(workspace)]


def _attributes(workspace: Workspace) -> Iterator[Finding]:
    for problem in workspace.problems:
        yield Finding("Attio set-up", Level.FAIL if problem.fatal else Level.WARN, problem.text)
    if workspace.targets:
        written = {target.attribute.key for target in workspace.targets}
        absent = [attribute.key for attribute in ATTRIBUTES if attribute.key not in written]
        but = f"; not {', '.join(absent)}" if absent else ""
        yield Finding("Attio fields", Level.OK, f"{len(written)} of {len(ATTRIBUTES)} can be written{but}.")


async def _report(api: ApiClient, service: str, questions: Coroutine[Any, Any, list[Finding]]) -> list[Finding]:
    try:
        async with api:
            findings = await questions
    except ApiError as error:
        findings = [Finding(service, Level.FAIL, str(error))]
    finally:
        questions.close()
    return [*findings, *_clock(service, api.server_offset)]


def _clock(service: str, offset: float | None) -> Iterator[Finding]:
    if offset is None:
        return
    if abs(offset) <= CLOCK_TOLERANCE_SECONDS:
        yield Finding(f"{service} clock", Level.OK, "Agrees with this machine's.")
        return
    way = "behind" if offset > 0 else "ahead of"
    yield Finding(
        f"{service} clock",
        Level.WARN,
        f"This machine is {abs(offset):.0f} s {way} {service}: set its clock by NTP, or hours end at the wrong moment.",
    )

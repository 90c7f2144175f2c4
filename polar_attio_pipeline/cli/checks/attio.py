"""Attio: the key, its scopes, the attributes, the clock."""

from collections.abc import Iterator
from dataclasses import replace

import httpx

from polar_attio_pipeline.attio.attributes import Workspace, inspect
from polar_attio_pipeline.attio.companies import COMPANIES
from polar_attio_pipeline.attio.people import people_with
from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.cli.checks.services import answers
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.required import ATTIO_KEY, looked_for, missing_of
from polar_attio_pipeline.connections import attio_of
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.settings import Settings

_COST = (
    "Attio's key needs no further scope; polar_mrr of companies needs subscriptions:read of Polar's token. Each pass "
    "reads all customers and subscriptions once more, and takes a request for 500 marked people, one for 500 marked "
    "companies, and a write for each company or person that differs."
)


async def attio(settings: Settings, transport: httpx.AsyncBaseTransport | None) -> list[Finding]:
    """Judge the access to Attio, and whether the workspace is set up.

    Args:
        settings: What to look at.
        transport: Instead of the network.
    """
    if missing_of(settings, (ATTIO_KEY,)):
        return [
            Finding(
                "Attio key",
                Level.FAIL,
                f"{ATTIO_KEY} is not set: {looked_for()} Create a key with the scopes record_permission:read-write and "
                "object_configuration:read under Workspace settings, Developers.",
            )
        ]
    api = attio_of(settings, retry=IMPATIENT, transport=transport)
    return await answers(api, "Attio", _ask(api, settings))


async def _ask(api: ApiClient, settings: Settings) -> list[Finding]:
    workspace = await inspect(api, people_with(settings.attributes()), settings.slugs())
    name = workspace.info.workspace_name or "the workspace"
    findings = [
        Finding("Attio key", Level.OK, f"Accepted by {name}."),
        *_attributes(workspace, "Attio fields"),
        *_mapped(settings),
    ]
    if not settings.polar_attio_companies:
        return findings
    companies = await inspect(api, COMPANIES, settings.company_slugs())
    known = {problem.text for problem in workspace.problems}
    further = replace(companies, problems=tuple(one for one in companies.problems if one.text not in known))
    return [*findings, *_attributes(further, "Attio companies"), Finding("Companies", Level.OK, _COST)]


def _attributes(workspace: Workspace, subject: str) -> Iterator[Finding]:
    for problem in workspace.problems:
        yield Finding("Attio set-up", Level.FAIL if problem.fatal else Level.WARN, problem.text)
    if workspace.targets:
        attributes = workspace.attio_object.attributes
        written = {target.attribute.key for target in workspace.targets}
        absent = [attribute.key for attribute in attributes if attribute.key not in written]
        but = f"; not {', '.join(absent)}" if absent else ""
        yield Finding(subject, Level.OK, f"{len(written)} of {len(attributes)} can be written{but}.")


def _mapped(settings: Settings) -> Iterator[Finding]:
    named = [f"{one.slug} from {one.source} ({one.type}, {one.policy})" for one in settings.mapped()]
    if named:
        yield Finding("Attio mapped", Level.OK, f"By setting: {'; '.join(named)}.")

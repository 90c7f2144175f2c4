"""Attio: the key, its scopes, the attributes, the clock."""

from collections.abc import Iterator

import httpx

from polar_attio_pipeline.attio.attributes import Workspace, inspect
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.cli.checks.services import answers
from polar_attio_pipeline.cli.patience import IMPATIENT
from polar_attio_pipeline.cli.required import ATTIO_KEY, looked_for, missing_of
from polar_attio_pipeline.connections import attio_of
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.attributes import ATTRIBUTES


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
    return await answers(api, "Attio", _ask(api, settings.slugs()))


async def _ask(api: ApiClient, slugs: dict[str, str]) -> list[Finding]:
    workspace = await inspect(api, PEOPLE, slugs)
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

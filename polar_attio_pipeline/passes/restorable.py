"""The objects of a workspace as values are put back in them: what an undo and an uninstallation work with."""

from collections.abc import Callable, Mapping, Sequence

from polar_attio_pipeline.attio.attributes import Workspace, inspect
from polar_attio_pipeline.attio.companies import COMPANIES
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.attio.restoring import RestorableRecords
from polar_attio_pipeline.passes.guards import ORGANIZATION_FACT
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.companies.attributes import COMPANY_BY_KEY
from polar_attio_pipeline.sync.health import Health
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.undo.engine import UndoServices
from polar_attio_pipeline.sync.undo.values import RecordEffects, RecordKey


async def workspaces(
    context: PassContext, *, companies: bool, company_slugs: Mapping[str, str] | None
) -> dict[str, Workspace]:
    """Return the workspace as each object sees it, by Attio's slug of the object.

    What is wrong with attributes of companies costs these attributes.

    Args:
        context: Of the pass.
        companies: Whether companies are looked at.
        company_slugs: The workspace's slug for each attribute key of companies; the keys unless given.

    Raises:
        ApiError: Attio could not be asked.
    """
    found = {PEOPLE.slug: context.attio.workspace}
    if companies:
        slugs = company_slugs or {key: key for key in COMPANY_BY_KEY}
        found[COMPANIES.slug] = await inspect(context.attio.api, COMPANIES, slugs)
    return found


def undo_services(
    context: PassContext,
    objects: Mapping[str, Workspace],
    effects: Callable[[Sequence[RecordKey]], list[RecordEffects]],
    *,
    clear_created: bool,
) -> UndoServices:
    """Return what taking back works with, for a dry run: whoever writes gives it a history.

    Args:
        context: Of the pass.
        objects: As `workspaces` returns them.
        effects: Returns what is to be taken back of some records.
        clear_created: Whether the attributes of records that passes made are cleared.
    """
    records = {slug: RestorableRecords(context.attio.api, workspace) for slug, workspace in objects.items()}
    return UndoServices(
        objects=records,
        effects=effects,
        health=Health(records[PEOPLE.slug].is_answering),
        pace=context.pace,
        is_stopping=context.stop.is_requested,
        clear_created=clear_created,
        writes=False,
    )


async def organization_of(context: PassContext) -> str | None:
    """Return the organization of Polar's token; the one on record while Polar cannot say.

    Nothing else is asked of Polar, so that values can be taken back while Polar is down.
    """
    try:
        return await context.polar.organization_id()
    except UnavailableError:
        return context.ledger.fact(ORGANIZATION_FACT)

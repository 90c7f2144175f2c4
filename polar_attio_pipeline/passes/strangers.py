"""Marked records of Attio of which the ledger has no history: another pipeline's, or of a ledger that was lost."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from polar_attio_pipeline.attio.attributes import Workspace
from polar_attio_pipeline.attio.companies import AttioCompanies
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.story import LINKS_SHOWN
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline.sync.undo.values import RecordKey
from polar_attio_pipeline.sync.writes import COMPANIES, PEOPLE

OWN: Mapping[str, Collection[str]] = {
    PEOPLE: frozenset(one.key for one in ATTRIBUTES if not one.standard),
    COMPANIES: frozenset(one.key for one in COMPANY_ATTRIBUTES if not one.standard),
}
"""The keys of the attributes that belong to the sync alone, by Attio's slug of the object."""

_MARK = "polar_customer"
"""The key of the checkbox that marks people, and of the one that marks companies."""


@dataclass
class Strangers:
    """Marked records of which the history has no mark, although an API key has left something in them.

    Attributes:
        keys: All of them.
        links: The first of them: one more than is shown.
    """

    keys: set[RecordKey] = field(default_factory=set)
    links: list[str] = field(default_factory=list)


async def look_for_strangers(context: PassContext, objects: Mapping[str, Workspace]) -> Strangers:
    """Read every marked record.

    Args:
        context: Of the pass.
        objects: The workspace as each object sees it, by Attio's slug of the object.

    Raises:
        UnavailableError: Attio failed for good.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    # The history of a mark may have left the ledger when that of another value is still there.
    known = frozenset(context.ledger.all_records_written(attribute=_MARK))
    found = Strangers()
    async for slug, page in _marked(context, objects):
        for one in page:
            key = (slug, one.record_id)
            if key in known or not _holds_something(slug, one):
                continue
            found.keys.add(key)
            if len(found.links) <= LINKS_SHOWN:
                found.links.append(one.url or one.record_id)
    return found


async def _marked(
    context: PassContext, objects: Mapping[str, Workspace]
) -> AsyncIterator[tuple[str, Sequence[Person | CompanyRecord]]]:
    """Yield every marked record, page by page, of each object for which there is a mark."""
    if _is_marking(objects[PEOPLE]):
        async for page in context.attio.marked():
            yield PEOPLE, page
    if _is_marking(objects[COMPANIES]):
        async for found in AttioCompanies(context.attio.api, objects[COMPANIES]).marked():
            yield COMPANIES, found


def _is_marking(workspace: Workspace) -> bool:
    return any(target.attribute.key == _MARK for target in workspace.targets)


def _holds_something(slug: str, record: Person | CompanyRecord) -> bool:
    return any(value.actor == "api-token" for key, value in record.values.items() if key in OWN[slug])

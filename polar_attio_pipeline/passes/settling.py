"""What became of writes that an earlier pass had sent when it was killed, or whose answer never came.

Attio is asked before the first write of a pass: what it holds of them goes into the history, of the pass that intended
them. What cannot be searched for waits for the next pass.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from polar_attio_pipeline.ledger import Recorder
from polar_attio_pipeline.passes.guards import WORKSPACE_FACT
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.companies.ports import Companies
from polar_attio_pipeline.sync.intents import Intent, seen_of_company, seen_of_person
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.writes import COMPANIES, PEOPLE, Write, WriteAction

_log = logging.getLogger(__name__)

LOOK_SECONDS = 120
"""So long the look may take: Attio may fail to search for many records, which are then searched for one by one."""

LookedUp = tuple[Intent, Write | None]
"""An intended write, and what Attio holds of it; None where it holds nothing of it."""


async def settle_earlier(context: PassContext, recorder: Recorder, companies: Companies | None = None) -> None:
    """Look up what earlier passes have intended to write, and put what Attio holds of it on record.

    Nothing is asked where there is nothing of the kind, or where the workspace is another one than on record.

    Args:
        context: Of the pass.
        recorder: Knows what is left, and takes what is found.
        companies: The CRM's companies; without them, what was intended for companies waits for a pass that has them.

    Raises:
        UnavailableError: Attio cannot be searched; everything waits for the next pass.
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    of_people = [intent for intent in recorder.left if intent.object_slug == PEOPLE]
    of_companies = [intent for intent in recorder.left if companies and intent.object_slug == COMPANIES]
    if not (of_people or of_companies) or _is_elsewhere(context):
        return
    looked_up: list[LookedUp] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            looked_up += await _people(context, of_people) if of_people else []
            looked_up += await _companies(companies, of_companies) if companies and of_companies else []
    made = {write.record_id for _, write in looked_up if write and write.action is WriteAction.CREATE}
    not_new = context.ledger.written_records(made)
    carried_out = 0
    for intent, write in looked_up:
        if write and not (write.action is WriteAction.CREATE and write.record_id in not_new):
            recorder.settle(intent, write)
            carried_out += 1
        else:
            recorder.settle(intent)
    recorder.save()
    due = len(of_people) + len(of_companies)
    _log.info(
        "An earlier pass did not learn what became of %d writes. Attio has carried out %d of them, and the history has "
        "these now; %d could not be looked up and wait for a later pass.",
        due,
        carried_out,
        due - len(looked_up),
    )


def _is_elsewhere(context: PassContext) -> bool:
    """Tell whether the workspace is another one than on record: a guard will stop the pass, or a person agreed."""
    on_record = context.ledger.fact(WORKSPACE_FACT)
    return on_record is not None and on_record != context.attio.workspace.info.workspace_id


async def _people(context: PassContext, intents: Sequence[Intent]) -> list[LookedUp]:
    new = {intent.customer_id for intent in intents if not intent.record_id and intent.customer_id}
    records = {intent.record_id for intent in intents if intent.record_id}
    found = await context.attio.find(ids=new, emails=(), records=records)
    looked_up = []
    for intent, key in _searchable(intents, found.unsearchable):
        # Somebody may have copied the id to another person.
        people = [person for person in found.people if key in {person.record_id, person_id(person)}]
        seen = (seen_of_person(intent, person) for person in people)
        looked_up.append((intent, next(filter(None, seen), None)))
    return looked_up


async def _companies(companies: Companies, intents: Sequence[Intent]) -> list[LookedUp]:
    domains = {intent.matching_value for intent in intents if intent.matching_value}
    records = {intent.record_id for intent in intents if intent.record_id}
    found = await companies.find(domains=domains, records=records)
    looked_up = []
    for intent, key in _searchable(intents, found.unsearchable):
        held = [company for company in found.companies if key in {company.record_id, *company.domains}]
        seen = (seen_of_company(intent, company) for company in held)
        looked_up.append((intent, next(filter(None, seen), None)))
    return looked_up


def _searchable(intents: Sequence[Intent], unsearchable: Collection[str]) -> Iterator[tuple[Intent, str]]:
    """Yield those that could be searched for, each with what it was searched by."""
    for intent in intents:
        key = intent.record_id or (intent.customer_id if intent.object_slug == PEOPLE else intent.matching_value)
        if key and key not in unsearchable:
            yield intent, key

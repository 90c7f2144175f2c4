"""What became of writes that an earlier pass had sent when it was killed, or whose answer never came.

Attio is asked before the first write of a pass: what it holds of them goes into the history, of the pass that intended
them. What cannot be searched for waits for the next pass.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Sequence

from polar_attio_pipeline.ledger import Recorder
from polar_attio_pipeline.passes.earlier_writes import LookedUp, by_key_of, looked_up, matching_of, new_keys, written_of
from polar_attio_pipeline.passes.guards import WORKSPACE_FACT
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.companies.ports import Companies
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.intents import Intent, seen_of_company, seen_of_person
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.writes import COMPANIES, PEOPLE

_log = logging.getLogger(__name__)

LOOK_SECONDS = 480
"""So long the look at each object may take: where Attio fails for some records, a search is given up after some three
minutes, and which ones they are is found by further searches, which take two more where Attio does not even answer."""


async def settle_earlier(context: PassContext, recorder: Recorder, companies: Companies | None = None) -> None:
    """Look up what earlier passes have intended to write, and put what Attio holds of it on record.

    Nothing is asked where there is nothing of the kind, or where the workspace is another one than on record.

    Args:
        context: Of the pass.
        recorder: Knows what is left, and takes what is found.
        companies: The CRM's companies; without them, what was intended for companies waits for a pass that has them.

    Raises:
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    of_people = [intent for intent in recorder.left if intent.object_slug == PEOPLE]
    of_companies = [intent for intent in recorder.left if companies and intent.object_slug == COMPANIES]
    if not (of_people or of_companies) or _is_elsewhere(context):
        return
    shown = await _in_time(_people(context, of_people)) if of_people else []
    if companies and of_companies:
        shown += await _in_time(_companies(context, companies, of_companies))
    for intent, write, later in shown:
        if write:
            recorder.settle_seen(intent, write, later)
        else:
            recorder.settle(intent)
    recorder.save()
    due = len(of_people) + len(of_companies)
    _log.info(
        "Of %d writes whose answer an earlier pass did not see, Attio has carried out %d, which the history has now; "
        "%d could not be looked up and wait for a later pass.",
        due,
        sum(one.write is not None for one in shown),
        due - len(shown),
    )


def _is_elsewhere(context: PassContext) -> bool:
    """Tell whether the workspace is another one than on record: a guard will stop the pass, or a person agreed."""
    on_record = context.ledger.fact(WORKSPACE_FACT)
    return on_record is not None and on_record != context.attio.workspace.info.workspace_id


async def _in_time(look: Awaitable[list[LookedUp]]) -> list[LookedUp]:
    """Return what a look shows: nothing where Attio cannot be searched, or not in time."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await look
    except (UnavailableError, TimeoutError):
        return []


async def _people(context: PassContext, intents: Sequence[Intent]) -> list[LookedUp]:
    ids = {intent.customer_id for intent in intents if intent.customer_id and not intent.record_id}
    # By the address as well: somebody may have typed over the id since.
    found = await context.attio.find(ids=ids, emails=matching_of(intents), records=_records(intents))
    by_key = by_key_of(
        (one, new_keys(person_id(one), map(email_key, one.emails)) | {("record", one.record_id)})
        for one in found.people
    )
    written = written_of(intents, context.ledger.written_to([one.record_id for one in found.people]))
    return list(looked_up(intents, by_key, seen_of_person, unsearchable=found.unsearchable, written=written))


async def _companies(context: PassContext, companies: Companies, intents: Sequence[Intent]) -> list[LookedUp]:
    found = await companies.find(domains=matching_of(intents), records=_records(intents))
    by_key = by_key_of((one, new_keys(None, one.domains) | {("record", one.record_id)}) for one in found.companies)
    written = written_of(intents, context.ledger.written_to([one.record_id for one in found.companies]))
    return list(looked_up(intents, by_key, seen_of_company, unsearchable=found.unsearchable, written=written))


def _records(intents: Iterable[Intent]) -> set[str]:
    return {intent.record_id for intent in intents if intent.record_id}

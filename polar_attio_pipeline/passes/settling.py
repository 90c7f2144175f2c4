"""What became of writes that an earlier pass had sent when it was killed, or whose answer never came.

Attio is asked before the first write of a pass: what it holds of them goes into the history, of the pass that intended
them. What cannot be searched for waits for the next pass.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, TypeVar

from polar_attio_pipeline.ledger import Recorder
from polar_attio_pipeline.passes.guards import WORKSPACE_FACT
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.companies.ports import Companies
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.intents import Intent, seen_of_company, seen_of_person
from polar_attio_pipeline.sync.matching import ID_KEY, person_id
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline.sync.writes import COMPANIES, PEOPLE, Write

_log = logging.getLogger(__name__)

LOOK_SECONDS = 300
"""So long the look may take: where Attio fails for some records, a search is given up after up to three minutes, and
which ones they are is then found by further searches."""

Record = TypeVar("Record", Person, CompanyRecord)

Key = tuple[str, str]
"""What a record may be searched by: the kind of it, and the value."""

Answer: TypeAlias = tuple[Sequence[Record], Collection[str]]
"""What a search has found, and what Attio could not search for."""

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
        StoppedError: every request would fail the same way.
        LedgerError: the ledger cannot be used.
    """
    of_people = [intent for intent in recorder.left if intent.object_slug == PEOPLE]
    of_companies = [intent for intent in recorder.left if companies and intent.object_slug == COMPANIES]
    if not (of_people or of_companies) or _is_elsewhere(context):
        return
    until = asyncio.get_running_loop().time() + LOOK_SECONDS
    looked_up = await _people(context, of_people, until) if of_people else []
    looked_up += await _companies(context, companies, of_companies, until) if companies and of_companies else []
    for intent, write in looked_up:
        recorder.settle(intent, *([write] if write else []))
    recorder.save()
    due = len(of_people) + len(of_companies)
    _log.info(
        "Of %d writes whose answer an earlier pass did not see, Attio has carried out %d, which the history has now; "
        "%d could not be looked up and wait for a later pass.",
        due,
        sum(write is not None for _, write in looked_up),
        due - len(looked_up),
    )


def _is_elsewhere(context: PassContext) -> bool:
    """Tell whether the workspace is another one than on record: a guard will stop the pass, or a person agreed."""
    on_record = context.ledger.fact(WORKSPACE_FACT)
    return on_record is not None and on_record != context.attio.workspace.info.workspace_id


async def _people(context: PassContext, intents: Sequence[Intent], until: float) -> list[LookedUp]:
    async def find(portion: Sequence[Intent]) -> Answer[Person]:
        ids = {intent.customer_id for intent in portion if intent.customer_id and not intent.record_id}
        # By the address as well: somebody may have typed over the id since.
        found = await context.attio.find(ids=ids, emails=_matching(portion), records=_records(portion))
        return found.people, found.unsearchable

    people, unsearchable = await _find(find, intents, until)
    by_key = _by_key(
        (one, _new_keys(person_id(one), map(email_key, one.emails)) | {("record", one.record_id)}) for one in people
    )
    known = context.ledger.written_records([person.record_id for person in people])
    return list(_looked_up(intents, by_key, seen_of_person, unsearchable=unsearchable, known=known))


async def _companies(
    context: PassContext, companies: Companies, intents: Sequence[Intent], until: float
) -> list[LookedUp]:
    async def find(portion: Sequence[Intent]) -> Answer[CompanyRecord]:
        found = await companies.find(domains=_matching(portion), records=_records(portion))
        return found.companies, found.unsearchable

    records, unsearchable = await _find(find, intents, until)
    by_key = _by_key((one, _new_keys(None, one.domains) | {("record", one.record_id)}) for one in records)
    known = context.ledger.written_records([company.record_id for company in records])
    return list(_looked_up(intents, by_key, seen_of_company, unsearchable=unsearchable, known=known))


async def _find(
    find: Callable[[Sequence[Intent]], Awaitable[Answer[Record]]], intents: Sequence[Intent], until: float
) -> Answer[Record]:
    """Search for what was intended; where that fails as a whole, or takes too long, nothing of it can be searched for.

    Args:
        find: Searches for it.
        intents: What was intended.
        until: When the time is over, by the event loop's clock.
    """
    try:
        async with asyncio.timeout_at(until):
            return await find(intents)
    except (UnavailableError, TimeoutError):
        return [], _values(intents)


def _values(intents: Iterable[Intent]) -> set[str]:
    return {value for intent in intents for _, value in _keys(intent)}


def _looked_up(
    intents: Sequence[Intent],
    by_key: Mapping[Key, Sequence[Record]],
    seen: Callable[[Intent, Record], Write | None],
    *,
    unsearchable: Collection[str],
    known: Collection[str],
) -> Iterator[LookedUp]:
    """Yield what is seen of each; what could not be searched for is left out.

    Args:
        intents: What was intended.
        by_key: What Attio has, by everything that it may have been searched by.
        seen: Returns what a record shows of an intended write.
        unsearchable: What Attio could not search for.
        known: Records that passes have written before: they were not made by a write that is not on record.
    """
    possible: list[tuple[Intent, list[Write]]] = []
    for intent in intents:
        keys = _keys(intent)
        if not any(value in unsearchable for _, value in keys):
            seen_here = (seen(intent, record) for key in sorted(keys) for record in by_key.get(key, ()))
            real = [write for write in seen_here if write and (intent.record_id or write.record_id not in known)]
            possible.append((intent, real))
    made: set[str] = set()
    # One write makes a record. Whose id it holds comes first: an address may have joined a record that another made.
    for intent, writes in sorted(possible, key=lambda one: not any(map(_names_customer, one[1]))):
        ordered = sorted(writes, key=lambda write: not _names_customer(write))
        found = next((write for write in ordered if intent.record_id or write.record_id not in made), None)
        if found and not intent.record_id:
            made.add(found.record_id)
        yield intent, found


def _names_customer(write: Write) -> bool:
    return any(value.key == ID_KEY for value in write.values)


def _keys(intent: Intent) -> set[Key]:
    """Return what a record is searched by: its id, or else what a new one holds."""
    if intent.record_id:
        return {("record", intent.record_id)}
    return _new_keys(intent.customer_id, _matching([intent]))


def _new_keys(customer_id: str | None, matching: Iterable[str]) -> set[Key]:
    return {*([("customer", customer_id)] if customer_id else []), *(("matching value", value) for value in matching)}


def _records(intents: Sequence[Intent]) -> set[str]:
    return {intent.record_id for intent in intents if intent.record_id}


def _matching(intents: Sequence[Intent]) -> set[str]:
    return {email_key(intent.matching_value) for intent in intents if intent.matching_value}


def _by_key(keyed: Iterable[tuple[Record, Collection[Key]]]) -> dict[Key, list[Record]]:
    by_key: dict[Key, list[Record]] = {}
    for record, keys in keyed:
        for key in keys:
            by_key.setdefault(key, []).append(record)
    return by_key

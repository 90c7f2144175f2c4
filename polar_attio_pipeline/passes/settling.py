"""What became of writes that an earlier pass had sent when it was killed, or whose answer never came.

Attio is asked before the first write of a pass: what it holds of them goes into the history, of the pass that intended
them. What cannot be searched for waits for the next pass.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar

from polar_attio_pipeline.ledger import Past, Recorder
from polar_attio_pipeline.passes.guards import WORKSPACE_FACT
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.companies.ports import Companies
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.intents import Intent, seen_of_company, seen_of_person
from polar_attio_pipeline.sync.matching import ID_KEY, person_id
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline.sync.writes import COMPANIES, PEOPLE, Write, WrittenValue

_log = logging.getLogger(__name__)

LOOK_SECONDS = 120
"""So long the look may take: Attio may fail to search for many records, which are then searched for one by one."""

Record = TypeVar("Record", Person, CompanyRecord)

Key = tuple[str, str]
"""What a record may be searched by: the kind of it, and the value."""

Answer: TypeAlias = tuple[Sequence[Record], Collection[str]]
"""What a search has found, and what Attio could not search for."""


class LookedUp(NamedTuple):
    """What a look has shown of an intended write.

    Attributes:
        intent: The write.
        write: What of it was carried out; None where nothing was.
        later: Numbers of rows of the history that were written to the record since.
    """

    intent: Intent
    write: Write | None = None
    later: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class _Written:
    """What passes have written to some records, or were about to write.

    Attributes:
        past: What the history has, by record, the newest first.
        waiting: Everything that was intended and is looked up, oldest first, with its place among all.
    """

    past: Mapping[str, Sequence[Past]]
    waiting: Mapping[str, Sequence[tuple[int, Intent]]]

    def is_older(self, record_id: str, intent: Intent) -> bool:
        """Tell whether a pass had written to a record before a write was intended that was to make it."""
        return not intent.record_id and any(not row.is_since(intent) for row in self.past.get(record_id, ()))

    def rows_since(self, record_id: str, intent: Intent) -> list[Past]:
        """Return what the history has of a record since a write was intended, the newest first."""
        return [row for row in self.past.get(record_id, ()) if row.is_since(intent)]

    def since(self, record_id: str, place: int, intent: Intent) -> list[WrittenValue]:
        """Return what was written to a record since a write was intended, or was about to be, the newest first."""
        rows = [(row.moment(intent), row.value) for row in self.rows_since(record_id, intent) if row.value]
        waiting = [
            (later.planned_at, value)
            for at, later in reversed(self.waiting.get(record_id, ()))
            if at > place and later.planned_at
            for value in later.values
        ]
        return [value for _, value in sorted([*rows, *waiting], key=lambda one: one[0], reverse=True)]


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
    for intent, write, later in looked_up:
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
        sum(one.write is not None for one in looked_up),
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

    people, unsearchable = await _find_in_portions(find, intents, until)
    by_key = _by_key(
        (one, _new_keys(person_id(one), map(email_key, one.emails)) | {("record", one.record_id)}) for one in people
    )
    written = _written(context, intents, [person.record_id for person in people])
    return list(_looked_up(intents, by_key, seen_of_person, unsearchable=unsearchable, written=written))


async def _companies(
    context: PassContext, companies: Companies, intents: Sequence[Intent], until: float
) -> list[LookedUp]:
    async def find(portion: Sequence[Intent]) -> Answer[CompanyRecord]:
        found = await companies.find(domains=_matching(portion), records=_records(portion))
        return found.companies, found.unsearchable

    records, unsearchable = await _find_in_portions(find, intents, until)
    by_key = _by_key((one, _new_keys(None, one.domains) | {("record", one.record_id)}) for one in records)
    written = _written(context, intents, [company.record_id for company in records])
    return list(_looked_up(intents, by_key, seen_of_company, unsearchable=unsearchable, written=written))


def _written(context: PassContext, intents: Sequence[Intent], record_ids: Collection[str]) -> _Written:
    waiting: dict[str, list[tuple[int, Intent]]] = {}
    for place, intent in enumerate(intents):
        if intent.record_id:
            waiting.setdefault(intent.record_id, []).append((place, intent))
    return _Written(context.ledger.written_to(record_ids), waiting)


async def _find_in_portions(
    find: Callable[[Sequence[Intent]], Awaitable[Answer[Record]]], intents: Sequence[Intent], until: float
) -> tuple[list[Record], set[str]]:
    """Search for what was intended; where Attio fails to search for it together, in halves, as long as there is time.

    So one record for which Attio fails for good keeps the others waiting for a few passes at most, and no pass from its
    work.

    Args:
        find: Searches for some of it.
        intents: What was intended.
        until: When the time is over, by the event loop's clock.

    Returns:
        What was found, each record once, and what could not be searched for, or not in time.
    """
    found: dict[str, Record] = {}
    unsearchable: set[str] = set()
    waiting = deque([intents])
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            while waiting:
                portion = waiting[0]
                try:
                    records, failed = await find(portion)
                except UnavailableError:
                    middle = len(portion) // 2
                    if middle:
                        waiting += portion[:middle], portion[middle:]
                    else:
                        unsearchable |= _values(portion)
                else:
                    found.update((record.record_id, record) for record in records)
                    unsearchable.update(failed)
                waiting.popleft()
    for portion in waiting:
        unsearchable |= _values(portion)
    return list(found.values()), unsearchable


def _values(intents: Iterable[Intent]) -> set[str]:
    return {value for intent in intents for _, value in _keys(intent)}


def _looked_up(
    intents: Sequence[Intent],
    by_key: Mapping[Key, Sequence[Record]],
    seen: Callable[[Intent, Record, Sequence[WrittenValue]], Write | None],
    *,
    unsearchable: Collection[str],
    written: _Written,
) -> Iterator[LookedUp]:
    """Yield what is seen of each; what could not be searched for is left out.

    Args:
        intents: What was intended, oldest first.
        by_key: What Attio has, by everything that it may have been searched by.
        seen: Returns what a record shows of an intended write, given what was written to it since.
        unsearchable: What Attio could not search for.
        written: What passes have written to what was found. A record that one had written to before a write was
            intended was not made by it.
    """
    possible: list[tuple[Intent, list[Write]]] = []
    for place, intent in enumerate(intents):
        keys = _keys(intent)
        if not any(value in unsearchable for _, value in keys):
            seen_here = (
                seen(intent, record, written.since(record.record_id, place, intent))
                for key in sorted(keys)
                for record in by_key.get(key, ())
                if not written.is_older(record.record_id, intent)
            )
            possible.append((intent, [write for write in seen_here if write]))
    made: set[str] = set()
    # One write makes a record. Whose id it holds comes first: an address may have joined a record that another made.
    for intent, writes in sorted(possible, key=lambda one: not any(map(_names_customer, one[1]))):
        ordered = sorted(writes, key=lambda write: not _names_customer(write))
        found = next((write for write in ordered if intent.record_id or write.record_id not in made), None)
        if found and not intent.record_id:
            made.add(found.record_id)
        rows = written.rows_since(found.record_id, intent) if found else []
        yield LookedUp(intent, found, frozenset(row.number for row in rows))


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

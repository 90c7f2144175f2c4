"""What a look shows of writes that earlier passes had sent when they were killed, or whose answer never came.

What a record held right after a write is known best from the first later write to it, which was planned from a look at
the record.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from polar_attio_pipeline.ledger import Past
from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.matching import ID_KEY
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline.sync.writes import Write, WrittenValue

Record = TypeVar("Record", Person, CompanyRecord)

Key = tuple[str, str]
"""What a record may be searched by: the kind of it, and the value."""


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
class Written:
    """What passes have written to some records, or were about to write.

    Attributes:
        past: What the history has, by record, the newest first.
        waiting: Updates that were intended and are looked up, by record, oldest first, each with its place among all
            that is looked up.
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


def written_of(intents: Sequence[Intent], past: Mapping[str, Sequence[Past]]) -> Written:
    """Return what passes have written, or were about to write.

    Args:
        intents: What was intended, oldest first.
        past: What the history has of the records that were found, by record, the newest first.
    """
    waiting: dict[str, list[tuple[int, Intent]]] = {}
    for place, intent in enumerate(intents):
        if intent.record_id:
            waiting.setdefault(intent.record_id, []).append((place, intent))
    return Written(past, waiting)


def looked_up(
    intents: Sequence[Intent],
    by_key: Mapping[Key, Sequence[Record]],
    seen: Callable[[Intent, Record, Sequence[WrittenValue]], Write | None],
    *,
    unsearchable: Collection[str],
    written: Written,
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


def by_key_of(keyed: Iterable[tuple[Record, Collection[Key]]]) -> dict[Key, list[Record]]:
    """Return records by everything that they may have been searched by."""
    by_key: dict[Key, list[Record]] = {}
    for record, keys in keyed:
        for key in keys:
            by_key.setdefault(key, []).append(record)
    return by_key


def matching_of(intents: Iterable[Intent]) -> set[str]:
    """Return the addresses or domains of the records that are to be made."""
    return {email_key(intent.matching_value) for intent in intents if intent.matching_value}


def _names_customer(write: Write) -> bool:
    return any(value.key == ID_KEY for value in write.values)


def _keys(intent: Intent) -> set[Key]:
    """Return what a record is searched by: its id, or else what a new one holds."""
    if intent.record_id:
        return {("record", intent.record_id)}
    return new_keys(intent.customer_id, matching_of([intent]))


def new_keys(customer_id: str | None, matching: Iterable[str]) -> set[Key]:
    """Return what a new record is searched by."""
    return {*([("customer", customer_id)] if customer_id else []), *(("matching value", value) for value in matching)}

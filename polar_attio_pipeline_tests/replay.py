"""The history against Attio itself: what is on record as written is what Attio has as written by the API key."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from polar_attio_pipeline.attio.values import decode
from polar_attio_pipeline.ledger import ChangeRow
from polar_attio_pipeline.sandbox.attio.output import dump_history
from polar_attio_pipeline.sandbox.attio.schema import Attribute
from polar_attio_pipeline.sandbox.attio.store import Record
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.planning import same_value
from polar_attio_pipeline.sync.records import ValueType

Place = tuple[str, str]
"""A record id and the key of an attribute, which is its slug in these workspaces."""

_LISTS = {"email_addresses": "email_address", "domains": "domain"}
_OURS = "api-token"


def replay(changes: Iterable[ChangeRow]) -> dict[Place, Any]:
    """Write the history anew into an empty workspace: return what it then holds; of addresses those that joined."""
    held: dict[Place, Any] = {}
    for row in changes:
        place = (row.record_id, row.attribute)
        if row.attribute in _LISTS:
            held[place] = (*held.get(place, ()), str(row.new_value).lower())
        elif row.new_value is None:
            held.pop(place, None)
        else:
            held[place] = row.new_value
    return held


def check_replay(attio: AttioWorld, changes: Iterable[ChangeRow], *, merged: Collection[str] = ()) -> int:
    """Insist that the replay gives exactly what Attio holds of ours; what others have changed since is none of it.

    Args:
        attio: The workspace.
        changes: The whole history, oldest first.
        merged: People whose values were written to other records, which are no more.

    Returns:
        How many values were compared.
    """
    replayed = replay(changes)
    compared = 0
    for record, attribute in _places(attio):
        if record.id in merged:
            continue
        active = [entry for entry in _entries(attio, record, attribute) if entry["active_until"] is None]
        ours = [_content(entry, attribute) for entry in active if entry["created_by_actor"]["type"] == _OURS]
        said = replayed.get((record.id, attribute.slug))
        if attribute.slug in _LISTS:
            assert set(ours) <= set(said or ()), f"{attribute.slug} of {record.id} holds {ours}, on record is {said}"
        else:
            assert len(ours) <= 1
            assert not ours or _same(ours[0], said), (
                f"{attribute.slug} of {record.id} is {ours[0]}, on record is {said}"
            )
        compared += len(ours)
    return compared


def check_history(attio: AttioWorld, changes: Iterable[ChangeRow], *, merged: Collection[str] = ()) -> None:
    """Insist that each value that Attio was ever sent is on record once, in the order in which it was sent.

    Args:
        attio: The workspace; it keeps every value that was ever written, with its actor.
        changes: The whole history, oldest first.
        merged: People who have the values of two, written to other records, which are no more.
    """
    recorded: dict[Place, list[Any]] = defaultdict(list)
    for row in changes:
        if row.new_value is not None:
            recorded[row.record_id, row.attribute].append(row.new_value)
    for record, attribute in _places(attio):
        sent = [
            _content(entry, attribute)
            for entry in _entries(attio, record, attribute)
            if entry["created_by_actor"]["type"] == _OURS
        ]
        said = recorded.pop((record.id, attribute.slug), [])
        if record.id in merged:
            sent = sent[len(sent) - len(said) :]
        where = f"{attribute.slug} of {record.object_type.slug} {record.id}"
        assert len(sent) == len(said), f"{where} was written as {sent}, on record is {said}"
        assert all(map(_same, sent, said)), f"{where} was written as {sent}, on record is {said}"
    records = {record.id for record, _ in _places(attio)}
    made_up = [place for place in recorded if place[0] in records]
    assert not made_up, f"on record, and never written: {made_up}"


def _places(attio: AttioWorld) -> Iterator[tuple[Record, Attribute]]:
    with attio.settled():
        for object_type in (attio.people_type, attio.companies_type):
            for record in list(attio.store.records(object_type).values()):
                for attribute in object_type.attributes:
                    if not (attribute.computed or attribute.inverse_of):
                        yield record, attribute


def _entries(attio: AttioWorld, record: Record, attribute: Attribute) -> list[dict[str, Any]]:
    return dump_history(attio.store, attio.id, record, attribute)


def _content(entry: dict[str, Any], attribute: Attribute) -> Any:
    if attribute.slug in _LISTS:
        return entry[_LISTS[attribute.slug]]
    if "target_record_id" in entry:
        return entry["target_record_id"]
    return decode(ValueType(attribute.type), entry)


def _same(sent: Any, said: Any) -> bool:
    if isinstance(sent, str) and isinstance(said, str):
        return sent.strip().lower() == said.strip().lower()
    return same_value(sent, said)

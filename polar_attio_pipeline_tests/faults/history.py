"""The history that the ledger has against the one that Attio has: each write once, and no other.

It shares nothing with the code under test but the names of a table and four of its columns.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from polar_attio_pipeline.sandbox.attio.world import AttioWorld

Place = tuple[str, str]
"""A person's record id, and an attribute."""


def rows_by_place(database: Path) -> Counter[Place]:
    """Return how often each attribute of each person was given a value, by the history in a ledger."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute(
            "SELECT record_id, attribute FROM changes WHERE object = 'people' AND new_value IS NOT NULL"
        )
        return Counter(map(tuple, found))


def disagreements(attio: AttioWorld, rows: Counter[Place], merged: Collection[str]) -> tuple[list[str], list[str]]:
    """Return the writes of Attio that are not in the history, and what is in it and was never written.

    A write that is sent twice because its first answer was lost is one. A value that a person typed over, cleared or
    merged away may be missing: after a kill, nobody can see any more that it was written.

    Args:
        attio: The workspace.
        rows: As `rows_by_place` returns them.
        merged: People who hold values that were written to other records.
    """
    unrecorded: list[str] = []
    made_up: list[str] = []
    for place, versions in _written(attio):
        if place[0] in merged:
            continue
        certain = sum(must_be_known for _, must_be_known in versions)
        if rows[place] < certain:
            unrecorded.append(f"{place[1]} of {place[0]} was written {certain} times, on record {rows[place]} times")
        if rows[place] > len(versions):
            made_up.append(f"{place[1]} of {place[0]} is on record {rows[place]} times, written {len(versions)} times")
    return unrecorded, made_up


def _written(attio: AttioWorld) -> Iterator[tuple[Place, list[tuple[Any, bool]]]]:
    """Yield what was written to each attribute, each value with whether it still shows that it was written."""
    attributes = [one for one in attio.people_type.attributes if not one.computed]
    with attio.lock:
        attio.records.settle()
        for record in attio.store.records(attio.people_type).values():
            for attribute in attributes:
                history = attio.value_history(record.id, attribute.slug)
                ours = [entry for entry in history if entry["created_by_actor"]["type"] == "api-token"]
                followed = [_follower(entry, ours) for entry in ours]
                sent = [
                    (_content(entry), entry["active_until"] is None or after is not None)
                    for entry, after in zip(ours, followed, strict=True)
                    if after is None or _content(after) != _content(entry)
                ]
                yield (record.id, attribute.slug), sent


def _follower(entry: dict[str, Any], ours: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the write that took the place of a value."""
    until = entry["active_until"]
    return next((one for one in ours if one is not entry and until and one["active_from"] == until), None)


def _content(entry: dict[str, Any]) -> dict[str, Any]:
    about = {"active_from", "active_until", "created_by_actor", "attribute_type"}
    return {key: value for key, value in entry.items() if key not in about}

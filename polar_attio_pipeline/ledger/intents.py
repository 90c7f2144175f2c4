"""Writes that are about to be made, and what is left of those whose pass did not come to know what became of them."""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import INTENTS
from polar_attio_pipeline.ledger.values import dump, load_if_any
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.writes import WrittenValue

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IntentKey:
    """Names an intended write.

    Attributes:
        pass_id: The pass that intended it.
        number: Of its row; a later pass may have the same number again once the row is deleted.
    """

    pass_id: str
    number: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an intended write.

    Attributes:
        key: Which one.
        rows: Of the history (`changes.rows_of`); none where it was not carried out.
        later: Numbers of rows on record that were written after it.
    """

    key: IntentKey
    rows: Sequence[Mapping[str, Any]] = ()
    later: Collection[int] = ()


def store(connection: sa.Connection, intents: Sequence[Intent], *, pass_id: str, now: datetime) -> list[IntentKey]:
    """Add intended writes; return their keys, in the same order."""
    # One writer at a time is in a transaction, so no other row takes these numbers.
    last = connection.execute(sa.select(sa.func.max(INTENTS.c.id))).scalar() or 0
    keys = [IntentKey(pass_id, number) for number in range(last + 1, last + 1 + len(intents))]
    rows = [
        {
            "id": key.number,
            "pass_id": pass_id,
            "planned_at": now,
            "object": intent.object_slug,
            "action": intent.action,
            "record_id": intent.record_id,
            "polar_customer_id": intent.customer_id,
            "matching_value": intent.matching_value,
            "content": json.dumps([_plain(value) for value in intent.values]),
        }
        for key, intent in zip(keys, intents, strict=True)
    ]
    connection.execute(sa.insert(INTENTS), rows)
    return keys


def settle(connection: sa.Connection, settled: Iterable[Settled]) -> list[Settled]:
    """Delete intended writes of which it is known what became of them.

    Returns:
        Those that go on record now, in the order in which they were intended. One that another pass has settled is not
        among them: a process that was taken for dead may wake up after the pass that took over has put its writes on
        record.
    """
    by_key = {one.key: one for one in settled}
    found: list[IntentKey] = []
    for numbers in portions(sorted({key.number for key in by_key})):
        rows = connection.execute(sa.select(INTENTS.c.pass_id, INTENTS.c.id).where(INTENTS.c.id.in_(numbers)))
        here = sorted((IntentKey(*row) for row in rows), key=lambda key: key.number)
        due = [key for key in here if key in by_key]
        connection.execute(sa.delete(INTENTS).where(INTENTS.c.id.in_([key.number for key in due])))
        found += due
    return [by_key[key] for key in found]


def left(connection: sa.Connection) -> list[tuple[IntentKey, Intent]]:
    """Return every intended write that is not settled, oldest first.

    One that cannot be read stays where it is, and is logged.
    """
    found = []
    for row in connection.execute(sa.select(INTENTS).order_by(INTENTS.c.id)):
        try:
            values = tuple(map(_value, json.loads(row.content)))
        except (ValueError, KeyError, TypeError) as error:
            _log.warning(
                "What pass %s intended to write (row %d of the table intents) cannot be read: %s. Another version of "
                "this program may have stored it; delete the row if nothing else is to come of it.",
                row.pass_id,
                row.id,
                error,
            )
            continue
        intent = Intent(row.polar_customer_id, row.record_id, values, row.object, row.planned_at, row.pass_id)
        found.append((IntentKey(row.pass_id, row.id), intent))
    return found


def _plain(value: WrittenValue) -> dict[str, str | None]:
    return {
        "attribute": value.key,
        "old_value": None if value.old is None else dump(value.old),
        "old_actor": value.old_actor,
        "new_value": None if value.new is None else dump(value.new),
    }


def _value(plain: Mapping[str, Any]) -> WrittenValue:
    return WrittenValue(
        plain["attribute"], load_if_any(plain["old_value"]), plain["old_actor"], load_if_any(plain["new_value"])
    )

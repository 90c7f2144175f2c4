"""Writes that are about to be made, and what is left of those whose pass did not come to know what became of them."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import INTENTS
from polar_attio_pipeline.ledger.values import dump, load
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.writes import RecordedValue, WrittenValue

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
    """

    key: IntentKey
    rows: Sequence[Mapping[str, Any]] = ()


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


def settle(connection: sa.Connection, settled: Iterable[Settled]) -> list[Mapping[str, Any]]:
    """Delete intended writes of which it is known what became of them.

    Returns:
        The rows of the history that go on record now. One that another pass has settled has none: a process that was
        taken for dead may wake up after the pass that took over has put its writes on record.
    """
    by_pass: dict[str, dict[int, Settled]] = defaultdict(dict)
    for one in settled:
        by_pass[one.key.pass_id][one.key.number] = one
    rows: list[Mapping[str, Any]] = []
    for pass_id, of_pass in by_pass.items():
        for numbers in portions(of_pass):
            which = sa.and_(INTENTS.c.pass_id == pass_id, INTENTS.c.id.in_(numbers))
            for number in connection.execute(sa.select(INTENTS.c.id).where(which).order_by(INTENTS.c.id)).scalars():
                rows += ({**row, "pass_id": pass_id} for row in of_pass[number].rows)
            connection.execute(sa.delete(INTENTS).where(which))
    return rows


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
        intent = Intent(row.polar_customer_id, row.record_id, values, row.object)
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
        plain["attribute"], _loaded(plain["old_value"]), plain["old_actor"], _loaded(plain["new_value"])
    )


def _loaded(text: str | None) -> RecordedValue | None:
    return None if text is None else load(text)

"""The history as a look at a write without an answer needs it: what was written to a record before and since."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import CHANGES, PASSES
from polar_attio_pipeline.ledger.values import load_if_any
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.writes import WrittenValue

_ROW: tuple[sa.ColumnElement[Any], ...] = (*CHANGES.c, PASSES.c.began_at)


@dataclass(frozen=True, slots=True)
class Past:
    """One attribute that a pass has written, as the history has it.

    Attributes:
        number: Of the row.
        pass_id: The pass that wrote it.
        object_slug: Attio's slug of the object.
        record_id: The record.
        customer_id: The customer that it was written for; None where it is of no single customer.
        key: Of the attribute.
        written_at: When Attio had answered, UTC; of a write without an answer, when a look has shown it.
        began_at: Of a write without an answer: when its pass began, as far as that is on record; else None.
        value: What was written, and what was there before; None where it cannot be read.
    """

    number: int
    pass_id: str
    object_slug: str
    record_id: str
    customer_id: str | None
    key: str
    written_at: datetime
    began_at: datetime | None
    value: WrittenValue | None

    def moment(self, intent: Intent) -> datetime:
        """Return when it was written, as far as it matters to a write that was about to be made, UTC.

        A look of a later pass shows a write hours after it was made, so of another pass it counts as of its beginning:
        one pass at a time writes.
        """
        return self.written_at if self.began_at is None or self.pass_id == intent.pass_id else self.began_at

    def is_since(self, intent: Intent) -> bool:
        """Tell whether it was written after a write was put on record that was about to be made."""
        return intent.planned_at is not None and self.moment(intent) >= intent.planned_at

    def overlaps(self, earlier: Intent) -> bool:
        """Tell whether it was written over what an intended write has written for the same customer, if it was made."""
        return (
            self.is_since(earlier)
            and (self.object_slug, self.customer_id) == (earlier.object_slug, earlier.customer_id)
            and earlier.record_id in {None, self.record_id}
            and self.key in earlier.keys
        )


def written_to(connection: sa.Connection, record_ids: Collection[str]) -> dict[str, list[Past]]:
    """Return what passes have written to some records of Attio, by record, the newest first."""
    found: dict[str, list[Past]] = {}
    for past in _past(connection, CHANGES.c.record_id, record_ids):
        found.setdefault(past.record_id, []).append(past)
    return found


def written_for(connection: sa.Connection, customer_ids: Collection[str]) -> list[Past]:
    """Return what passes have written for some customers, in no order."""
    return list(_past(connection, CHANGES.c.polar_customer_id, customer_ids))


def _past(connection: sa.Connection, column: sa.Column[Any], values: Collection[str]) -> Iterable[Past]:
    rows = sa.select(*_ROW).select_from(CHANGES.outerjoin(PASSES, PASSES.c.pass_id == CHANGES.c.pass_id))
    for some in portions(values):
        query = rows.where(column.in_(some)).order_by(CHANGES.c.id.desc())
        for row in connection.execute(query):
            yield Past(
                row.id,
                row.pass_id,
                row.object,
                row.record_id,
                row.polar_customer_id,
                row.attribute,
                row.written_at,
                row.began_at if row.execution_id is None else None,
                _value(row),
            )


def _value(row: sa.Row[Any]) -> WrittenValue | None:
    try:
        return WrittenValue(row.attribute, load_if_any(row.old_value), row.old_actor, load_if_any(row.new_value))
    except ValueError:
        return None

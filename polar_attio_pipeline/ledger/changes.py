"""The history: every attribute that a pass has written to Attio, with what was there before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import CHANGES
from polar_attio_pipeline.ledger.values import dump, load, load_if_any
from polar_attio_pipeline.sync.writes import COMPANY_KEY, PEOPLE, RecordedValue, Write


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One attribute that a pass has written.

    Attributes:
        pass_id: The pass that wrote it.
        written_at: When Attio had answered, UTC; of a write whose answer was lost, when a look has shown it.
        object: Attio's slug of the object, such as `people`.
        record_id: The record that was written.
        polar_customer_id: The customer that it was written for; None where it is of no single customer.
        attribute: The key of the attribute in the mapping.
        old_value: What the record held when the pass looked at it; None where it held nothing.
        old_actor: Who had written that (`sync.records.Actor`); None where it is not known.
        new_value: What was written. Of `email_addresses`, the one address that joined those in `old_value`; where an
            undo has taken some off, all that were left.
        action: `create` where the write made the record, else `update`; None in rows of before it was kept.
        execution_id: Attio's name for the request; None where no answer gave one.
    """

    pass_id: str
    written_at: datetime
    object: str
    record_id: str
    polar_customer_id: str | None
    attribute: str
    old_value: RecordedValue | None
    old_actor: str | None
    new_value: RecordedValue | None
    action: str | None
    execution_id: str | None


_ROW = tuple(CHANGES.c[field.name] for field in fields(ChangeRow))


def rows_of(write: Write, *, at: datetime) -> list[dict[str, Any]]:
    """Return the rows of a write, as they are stored; the pass is still to be added.

    Args:
        write: What the CRM has carried out.
        at: When it answered, or when a look showed it.
    """
    return [
        {
            "written_at": at,
            "object": write.object_slug,
            "record_id": write.record_id,
            "polar_customer_id": write.customer_id,
            "attribute": value.key,
            "old_value": None if value.old is None else dump(value.old),
            "old_actor": value.old_actor,
            "new_value": None if value.new is None else dump(value.new),
            "action": write.action,
            "execution_id": write.execution_id,
        }
        for value in write.values
    ]


def store(connection: sa.Connection, writes: Sequence[tuple[Sequence[Mapping[str, Any]], Collection[int]]]) -> None:
    """Add writes to the history, in their order.

    Args:
        connection: Writing.
        writes: The rows of each, and the numbers of rows on record that were written after it: those of the same
            attributes are put behind it, so that the order of the rows is the order of writing.
    """
    later = _taken_out(connection, writes)
    rows = [row for (written, _), behind in zip(writes, later, strict=True) for row in (*written, *behind)]
    if rows:
        connection.execute(sa.insert(CHANGES), rows)


def _taken_out(
    connection: sa.Connection, writes: Sequence[tuple[Sequence[Mapping[str, Any]], Collection[int]]]
) -> list[list[dict[str, Any]]]:
    """Take the rows out that are to be put behind others; return for each write those that follow it."""
    behind: list[list[dict[str, Any]]] = [[] for _ in writes]
    for numbers in portions(sorted({number for _, later in writes for number in later})):
        moved = []
        for row in connection.execute(sa.select(CHANGES).where(CHANGES.c.id.in_(numbers)).order_by(CHANGES.c.id)):
            overwritten = [
                place
                for place, (rows, later) in enumerate(writes)
                if row.id in later and any(one["attribute"] == row.attribute for one in rows)
            ]
            if overwritten:
                content = {column.name: row._mapping[column] for column in CHANGES.c if column.name != "id"}  # noqa: SLF001  # SQLAlchemy's public name for it
                behind[overwritten[-1]].append(content)
                moved.append(row.id)
        connection.execute(sa.delete(CHANGES).where(CHANGES.c.id.in_(moved)))
    return behind


def of_customer(connection: sa.Connection, customer_id: str) -> list[ChangeRow]:
    """Return what was written for a customer, oldest first."""
    return _rows(connection, CHANGES.c.polar_customer_id == customer_id)


def of_pass(connection: sa.Connection, pass_id: str) -> list[ChangeRow]:
    """Return what a pass has written, oldest first."""
    return _rows(connection, CHANGES.c.pass_id == pass_id)


def everything(connection: sa.Connection) -> list[ChangeRow]:
    """Return the whole history, oldest first."""
    return _rows(connection, sa.true())


def links(connection: sa.Connection, record_ids: Collection[str]) -> dict[str, str]:
    """Return the company that a pass has linked people to last, by the person's record id.

    A company that was restored has taken the place of one that Attio itself had set: it was chosen by somebody else.
    """
    found: dict[str, str] = {}
    for ids in portions(record_ids):
        query = sa.select(CHANGES.c.record_id, CHANGES.c.old_actor, CHANGES.c.new_value).where(
            CHANGES.c.object == PEOPLE,
            CHANGES.c.record_id.in_(ids),
            CHANGES.c.attribute == COMPANY_KEY,
            CHANGES.c.new_value.is_not(None),
        )
        for record_id, old_actor, new_value in connection.execute(query.order_by(CHANGES.c.id)):
            if old_actor == "system":
                found.pop(record_id, None)
            else:
                found[record_id] = str(load(new_value))
    return found


def _rows(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[ChangeRow]:
    found: Sequence[sa.Row[Any]] = connection.execute(sa.select(*_ROW).where(which).order_by(CHANGES.c.id)).all()
    return [
        ChangeRow(
            **{
                **row._mapping,  # noqa: SLF001  # SQLAlchemy's public name for it
                "old_value": load_if_any(row.old_value),
                "new_value": load_if_any(row.new_value),
            }
        )
        for row in found
    ]

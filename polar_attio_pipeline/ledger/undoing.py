"""The history as taking a pass back reads it: which records a pass wrote, and all that passes wrote to these."""

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import CHANGES, PASSES
from polar_attio_pipeline.ledger.values import load_if_any
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.undo.values import PastWrite, RecordKey, Selection
from polar_attio_pipeline.sync.writes import DOMAINS_KEY, WriteAction

_ROW: tuple[sa.ColumnElement[Any], ...] = (
    CHANGES.c.pass_id,
    PASSES.c.kind,
    CHANGES.c.object,
    CHANGES.c.record_id,
    CHANGES.c.polar_customer_id,
    CHANGES.c.attribute,
    CHANGES.c.old_value,
    CHANGES.c.old_actor,
    CHANGES.c.new_value,
    CHANGES.c.action,
)


def records_written(connection: sa.Connection, pass_id: str, selection: Selection) -> list[RecordKey]:
    """Return the records that a pass wrote something of a selection to."""
    column = CHANGES.c
    query = sa.select(column.object, column.record_id).where(column.pass_id == pass_id).distinct()
    if selection.attributes:
        query = query.where(column.attribute.in_(sorted(selection.attributes)))
    if not selection.customers:
        return [(slug, record_id) for slug, record_id in connection.execute(query)]
    found: set[RecordKey] = set()
    for ids in portions(selection.customers):
        rows = connection.execute(query.where(column.polar_customer_id.in_(ids)))
        found.update((slug, record_id) for slug, record_id in rows)
    return list(found)


def all_records_written(connection: sa.Connection, attribute: str | None) -> list[RecordKey]:
    """Return every record that any pass wrote to, or wrote an attribute of, as far as the history goes back."""
    query = sa.select(CHANGES.c.object, CHANGES.c.record_id).distinct()
    if attribute is not None:
        query = query.where(CHANGES.c.attribute == attribute)
    return [(slug, record_id) for slug, record_id in connection.execute(query)]


def history_of(connection: sa.Connection, records: Iterable[RecordKey]) -> list[PastWrite]:
    """Return all that any pass has written to some records, oldest first."""
    wanted = frozenset(records)
    found: list[PastWrite] = []
    for ids in portions({record_id for _, record_id in wanted}):
        query = sa.select(*_ROW).select_from(CHANGES.outerjoin(PASSES, PASSES.c.pass_id == CHANGES.c.pass_id))
        ordered = query.where(CHANGES.c.record_id.in_(ids)).order_by(CHANGES.c.id)
        rows = connection.execute(ordered)
        found += [_past_write(row) for row in rows if (row.object, row.record_id) in wanted]
    return found


def attributes_written(connection: sa.Connection, pass_id: str) -> list[str]:
    """Return the keys of the attributes that a pass wrote, in alphabetical order."""
    query = sa.select(CHANGES.c.attribute).where(CHANGES.c.pass_id == pass_id).distinct()
    return sorted(connection.execute(query).scalars())


def customers_written(connection: sa.Connection, pass_id: str, customer_ids: Collection[str]) -> set[str]:
    """Return those of some customers for whom a pass wrote something."""
    found: set[str] = set()
    for ids in portions(customer_ids):
        query = sa.select(CHANGES.c.polar_customer_id).where(
            CHANGES.c.pass_id == pass_id, CHANGES.c.polar_customer_id.in_(ids)
        )
        found.update(connection.execute(query.distinct()).scalars())
    return found


def _past_write(row: sa.Row[Any]) -> PastWrite:
    return PastWrite(
        pass_id=row.pass_id,
        kind=row.kind,
        object_slug=row.object,
        record_id=row.record_id,
        customer_id=row.polar_customer_id,
        key=row.attribute,
        old=load_if_any(row.old_value),
        old_actor=row.old_actor,
        new=load_if_any(row.new_value),
        created=row.action == WriteAction.CREATE if row.action else _made_it(row),
    )


def _made_it(row: sa.Row[Any]) -> bool:
    """Tell whether a write made its record, of a row from before that was kept: it gave it its first address or domain.

    It may also have been the first address of a person who had none: then less is taken back than could be.
    """
    return row.attribute in {EMAILS_KEY, DOMAINS_KEY} and row.old_value is None

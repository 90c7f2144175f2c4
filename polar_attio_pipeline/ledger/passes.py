"""Questions to the passes on record: the newest ones, one by its name, and how much each has written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger import undoing
from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.schema import CHANGES, PASSES
from polar_attio_pipeline.sync.undo.values import PastWrite, RecordKey, Selection


@dataclass(frozen=True, slots=True)
class PassRow:
    """One pass.

    Attributes:
        pass_id: Names it.
        kind: What kind of pass, such as `hourly`, `reconciliation` or `undo`.
        reason: Why it was started, in words.
        began_at: When it began, UTC.
        ended_at: When it ended, UTC; None while it is under way, and of one that was killed.
        ended: `finished`, or the sentence of its error; None as above.
        counts: Customers, or companies or records, by outcome; empty as above.
        requests: Sent to both services; None as above.
        values: How many values it has written to Attio, as far as the history goes back.
    """

    pass_id: str
    kind: str
    reason: str
    began_at: datetime
    ended_at: datetime | None
    ended: str | None
    counts: Mapping[str, int]
    requests: int | None
    values: int


_VALUES = sa.select(sa.func.count()).where(CHANGES.c.pass_id == PASSES.c.pass_id).scalar_subquery()
_ROW = (*PASSES.c, _VALUES.label("values"))
_NEWEST_FIRST = (PASSES.c.began_at.desc(), PASSES.c.pass_id.desc())


def newest(connection: sa.Connection, *, limit: int, writing: bool = False) -> list[PassRow]:
    """Return the newest passes, the newest first; on demand only those that have written something."""
    query = sa.select(*_ROW).order_by(*_NEWEST_FIRST).limit(limit)
    has_written = sa.exists().where(CHANGES.c.pass_id == PASSES.c.pass_id)
    return _rows(connection, query.where(has_written) if writing else query)


def newest_of_kinds(connection: sa.Connection, which: sa.ColumnElement[bool]) -> dict[str, PassRow]:
    """Return, of those passes that meet a condition, the newest of each kind."""
    kinds = connection.execute(sa.select(PASSES.c.kind).distinct()).scalars().all()
    rows = (
        _rows(connection, sa.select(*_ROW).where(PASSES.c.kind == kind, which).order_by(*_NEWEST_FIRST).limit(1))
        for kind in sorted(kinds)
    )
    return {row.kind: row for found in rows for row in found}


def named(connection: sa.Connection, name: str, *, limit: int) -> list[PassRow]:
    """Return the pass of exactly this id; where there is none, those whose id begins so, the newest first."""
    exactly = _rows(connection, sa.select(*_ROW).where(PASSES.c.pass_id == name))
    if exactly or not name:
        return exactly
    begins_so = PASSES.c.pass_id.startswith(name, autoescape=True)
    return _rows(connection, sa.select(*_ROW).where(begins_so).order_by(*_NEWEST_FIRST).limit(limit))


class PassQueries:
    """The questions to the passes, as a part of `Ledger`. Every method may raise `LedgerError`."""

    _database: Database

    def newest_passes(self, limit: int, *, writing: bool = False) -> list[PassRow]:
        """Return the newest passes, the newest first.

        Args:
            limit: How many at most.
            writing: Whether to leave out those that have written nothing to Attio.
        """
        with self._database.reading() as connection:
            return newest(connection, limit=limit, writing=writing)

    def newest_that_ended(self, how: str) -> dict[str, PassRow]:
        """Return the newest pass of each kind that ended in one way, such as "finished"."""
        with self._database.reading() as connection:
            return newest_of_kinds(connection, PASSES.c.ended == how)

    def newest_but(self, how: str) -> dict[str, PassRow]:
        """Return the newest pass of each kind that did not end in one way, those that have no end among them."""
        with self._database.reading() as connection:
            return newest_of_kinds(connection, PASSES.c.ended.is_distinct_from(how))

    def passes_named(self, name: str, *, limit: int = 10) -> list[PassRow]:
        """Return the pass of exactly this id; where there is none, those whose id begins so, the newest first.

        Args:
            name: An id, or the beginning of one. An empty one is the beginning of none.
            limit: How many at most.
        """
        with self._database.reading() as connection:
            return named(connection, name, limit=limit)

    def records_written(self, pass_id: str, selection: Selection) -> list[RecordKey]:
        """Return the records that a pass wrote something of a selection to: ids only, however many they are."""
        with self._database.reading() as connection:
            return undoing.records_written(connection, pass_id, selection)

    def all_records_written(self, *, attribute: str | None = None) -> list[RecordKey]:
        """Return every record that any pass wrote to: ids only, as far as the history goes back.

        Args:
            attribute: Only those of which a pass wrote this attribute, by its key.
        """
        with self._database.reading() as connection:
            return undoing.all_records_written(connection, attribute)

    def history_of(self, records: Collection[RecordKey]) -> list[PastWrite]:
        """Return all that any pass has written to some records, oldest first."""
        with self._database.reading() as connection:
            return undoing.history_of(connection, records)

    def attributes_written(self, pass_id: str) -> list[str]:
        """Return the keys of the attributes that a pass wrote, in alphabetical order."""
        with self._database.reading() as connection:
            return undoing.attributes_written(connection, pass_id)

    def customers_written(self, pass_id: str, customer_ids: Collection[str]) -> set[str]:
        """Return those of some customers for whom a pass wrote something."""
        with self._database.reading() as connection:
            return undoing.customers_written(connection, pass_id, customer_ids)


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[PassRow]:
    found = connection.execute(query).mappings()
    return [PassRow(**{**row, "counts": row["counts"] or {}}) for row in found]

"""A page of Polar's customers, and who can be asked for one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.sync.records import Customer

PAGE = 100
"""The most rows that one answer holds; a larger limit is clamped without a word (Polar's server)."""

Row = Customer | BadRow


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of the list, newest first.

    Attributes:
        start: How many rows of the list come before it.
        limit: How many rows were asked for.
        rows: Those that came, in order.
        total_count: Rows in the whole list, counted just before the page was read: it may be one change late.
        max_page: Number of the last page at this limit; 0 when the list is empty.
    """

    start: int
    limit: int
    rows: tuple[Row, ...]
    total_count: int
    max_page: int

    @property
    def end(self) -> int:
        """How many rows of the list come before its end."""
        return self.start + len(self.rows)

    @property
    def full(self) -> bool:
        """Whether more rows may follow."""
        return len(self.rows) >= self.limit

    @property
    def items(self) -> list[Customer]:
        """The customers."""
        return [row for row in self.rows if isinstance(row, Customer)]

    @property
    def bad_rows(self) -> list[BadRow]:
        """The customers that could not be read."""
        return [row for row in self.rows if isinstance(row, BadRow)]

    @property
    def oldest(self) -> datetime | None:
        """When the last row was created; None when no row has a time."""
        return next((row.created_at for row in reversed(self.rows) if row.created_at), None)


class Source(Protocol):
    """The list of customers, newest first."""

    async def page(self, page: int, limit: int = PAGE) -> Page:
        """Return the page of this number, from 1, at this many rows a page."""
        ...


def key(row: Row) -> str:
    """Return what tells a row from others when the list is read twice."""
    return row.id if isinstance(row, Customer) else row.key


def with_times(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Give bad rows without a time that of the row before them, else of the one after them: the list is in order."""
    return tuple(_filled(list(_filled(rows))[::-1]))[::-1]


def _filled(rows: Sequence[Row]) -> Iterator[Row]:
    moment: datetime | None = None
    for row in rows:
        moment = row.created_at or moment
        yield replace(row, created_at=moment) if isinstance(row, BadRow) else row

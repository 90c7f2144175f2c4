"""A page of Polar's customers, and who can be asked for one."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from polar_attio_pipeline.polar.models import BadRow, CustomerRow
from polar_attio_pipeline.sync.records import Customer

PAGE = 100
"""The most rows that one answer holds; a larger limit is clamped without a word (Polar's server)."""

Row = Customer | BadRow

Shown = Callable[[CustomerRow | BadRow, datetime], Row]
"""Takes a row as Polar gave it, and when; returns it as the core knows customers."""


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
    def keys(self) -> list[str]:
        """What tells each row from others when the list is read twice."""
        return [key(row) for row in self.rows]

    @property
    def newest(self) -> datetime | None:
        """When the first row was created; None when no row has a time."""
        return next((row.created_at for row in self.rows if row.created_at), None)

    @property
    def ties(self) -> int:
        """How many rows at its end may come in another order: teams without an address, created at one instant."""
        return len(list(itertools.takewhile(_may_tie, reversed(self.rows))))

    @property
    def oldest(self) -> datetime | None:
        """When the last row was created; None when no row has a time."""
        return next((row.created_at for row in reversed(self.rows) if row.created_at), None)


Fetch = Callable[[int, int], Awaitable[Page]]
"""Takes a page's number, from 1, and its limit; raises LostAnswerError with status 500 for a page that holds a row that
Polar cannot serialise."""


class Source(Protocol):
    """Polar's customers, in each way in which they can be read."""

    async def page(self, page: int, limit: int = PAGE) -> Page:
        """Return the page of this number, newest first, from 1, at this many rows a page.

        Raises:
            LostAnswerError: with status 500 where Polar fails, such as for a page with a row that it cannot serialise.
        """
        ...

    async def page_around_bad_rows(self, page: int, limit: int = PAGE) -> Page:
        """Return the page, with a bad row in place of each row that cannot be had; it may be wider than asked for."""
        ...

    async def count(self) -> int:
        """Return how many customers there are."""
        ...

    def export(self) -> AsyncIterator[Sequence[Row]]:
        """Yield every customer in portions, out of one snapshot, in no order and without a type.

        Raises:
            LostAnswerError: the export broke off.
        """
        ...

    async def looked_at(self, customers: Sequence[Customer]) -> list[Row]:
        """Return these customers as Polar shows each by its id, deleted ones left out.

        One that it answers 500 for is a bad row.
        """
        ...


def key(row: Row) -> str:
    """Return what tells a row from others when the list is read twice."""
    return row.id if isinstance(row, Customer) else row.key


def _may_tie(row: Row) -> bool:
    return isinstance(row, Customer) and row.email is None


def with_times(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Give bad rows without a time that of the row before them, else of the one after them: the list is in order."""
    return tuple(_filled(list(_filled(rows))[::-1]))[::-1]


def _filled(rows: Sequence[Row]) -> Iterator[Row]:
    moment: datetime | None = None
    for row in rows:
        moment = row.created_at or moment
        yield replace(row, created_at=moment) if isinstance(row, BadRow) else row

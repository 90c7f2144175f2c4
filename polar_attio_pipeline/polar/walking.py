"""Walks down the list of customers, newest first, without a gap, while rows come and go.

Polar has pages by offset only, so a row that leaves the part already read moves all others up, and the next page would
begin after a row that was in no page. Counting does not show it reliably: a row that arrives at the same time, or a
count that is one change late, makes up for the one that left. So every page overlaps the one before it, and is accepted
only when it holds a row that sorts before everything unread. Pages are cut from one statement each, hence what follows
that row is all there is. Otherwise the walk goes back until it finds such a row.
"""

import itertools
from collections.abc import AsyncIterator
from datetime import datetime

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import PAGE, Fetch, Page, Row, key

_STEP_BACK = 50
_WIDER_OVERLAP = 8
"""Once rows were seen to leave, so many rows of overlap spare the step back the next time."""
_WIDEST_OVERLAP = 25
_SMALLEST_PAGE = 50
_PATIENCE = 4
"""Times that a page which ends before the count says so is asked for."""

_MOST_REQUESTS = 100
"""So many requests, beside four times what the list needs, and it is no list that one can walk down."""


class Walk:
    """One way down the list.

    Attributes:
        requests: Pages asked for.
    """

    def __init__(
        self, fetch: Fetch, *, start: int = 0, newer_than: datetime | None = None, largest: int = PAGE
    ) -> None:
        """Stand somewhere in the list.

        Args:
            fetch: Reads one page of the list.
            start: Rows to leave out; the first page begins there or before.
            newer_than: Rows created after this moment count as read; needed when `start` is not 0.
            largest: The largest page to ask for. Another one moves the edges of all pages.
        """
        self.requests = 0
        self._fetch = fetch
        self._next = start
        self._floor = newer_than
        self._largest = largest
        self._overlap = 1
        self._read: set[str] = set()

    async def pages(self, first: Page | None = None) -> AsyncIterator[Page]:
        """Yield pages until the oldest row was in one. They overlap: rows repeat.

        Args:
            first: The first page, where it was read already.

        Raises:
            TransientError: a page ended too early, again and again, or rows come in no order.
        """
        page = first
        short: list[Page] = []
        back = 0
        while True:
            page = page or await self._ask(max(self._next - back, 0))
            if self.requests > _MOST_REQUESTS + page.total_count // _SMALLEST_PAGE * 4:
                raise _unsteady(page)
            if short and page.total_count <= short[-1].end:
                # The count before was late: it is this one that tells how many there were.
                yield short[-1]
                return
            if page.start > 0 and not self._joins(page):
                back = max(_STEP_BACK, 2 * back)
                self._overlap = min(max(_WIDER_OVERLAP, 2 * self._overlap), _WIDEST_OVERLAP)
            elif not page.full and page.end < page.total_count:
                short.append(page)
                if len(short) == _PATIENCE:
                    raise _cut_short(page)
            else:
                yield page
                if not page.full:
                    return
                self._advance(page)
                short = []
                back = 0
            page = None

    async def _ask(self, offset: int) -> Page:
        self.requests += 1
        number, limit = page_from(offset, largest=self._largest)
        return await self._fetch(number, limit)

    def _joins(self, page: Page) -> bool:
        return any(self._is_read(row) for row in page.rows)

    def _is_read(self, row: Row) -> bool:
        newer = self._floor is not None and row.created_at is not None and row.created_at > self._floor
        return newer or key(row) in self._read

    def _advance(self, page: Page) -> None:
        self._read = {key(row) for row in page.rows}
        self._floor = page.oldest or self._floor
        # Teams without an address that were created at the same instant tie, and Postgres orders them anew for each
        # page. Read again together with the row before them, they come out of one statement.
        ties = len(list(itertools.takewhile(_may_tie, reversed(page.rows))))
        self._next = max(page.end - min(max(self._overlap, ties + 1), _WIDEST_OVERLAP), 0)


def page_from(offset: int, *, largest: int = PAGE) -> tuple[int, int]:
    """Return number and limit of the page that begins at `offset` or before and reaches furthest."""
    limits = range(min(_SMALLEST_PAGE, largest), largest + 1)
    limit = max(limits, key=lambda limit: (offset // limit * limit + limit, limit))
    return offset // limit + 1, limit


def _may_tie(row: Row) -> bool:
    return not isinstance(row, BadRow) and row.email is None


def _cut_short(page: Page) -> TransientError:
    return _unusable(f"breaks off after {page.end} of {page.total_count} rows")


def _unsteady(page: Page) -> TransientError:
    return _unusable(f"of {page.total_count} rows comes in another order each time")


def _unusable(why: str) -> TransientError:
    return TransientError(
        f"Polar's list of customers {why}, so nothing was concluded from it: run this again later.",
        service="Polar",
        request="GET /v1/customers/",
    )

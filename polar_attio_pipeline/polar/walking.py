"""Walks down a list of Polar's, newest first, without a gap, while rows come and go.

Polar has pages by offset only, so a row that leaves the part already read moves all others up, and the next page would
begin after a row that was in no page. Counting does not show it reliably: a row that arrives at the same time, or a
count that is one change late, makes up for the one that left. So every page overlaps the one before it, and is accepted
only when it holds a row that sorts before everything unread. Pages are cut from one statement each, hence what follows
that row is all there is. Otherwise the walk goes back until it finds such a row.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.polar.pages import PAGE

_STEP_BACK = 50
_WIDER_OVERLAP = 8
"""Once rows were seen to leave, so many rows of overlap spare the step back the next time."""
_WIDEST_OVERLAP = 25
_SMALLEST_PAGE = 50
_PATIENCE = 4
"""Times that a page which ends before the count says so is asked for."""

_MOST_REQUESTS = 100
"""So many requests, beside four times what the list needs, and it is no list that one can walk down."""


class Stretch(Protocol):
    """A page of a list that is in order, newest first."""

    @property
    def start(self) -> int:
        """How many rows of the list come before it."""
        ...

    @property
    def end(self) -> int:
        """How many rows of the list come before its end."""
        ...

    @property
    def full(self) -> bool:
        """Whether more rows may follow."""
        ...

    @property
    def total_count(self) -> int:
        """Rows in the whole list, as counted just before the page was read."""
        ...

    @property
    def keys(self) -> Collection[str]:
        """What tells each row from others when the list is read twice."""
        ...

    @property
    def newest(self) -> datetime | None:
        """The moment of the first row; None when no row has one."""
        ...

    @property
    def oldest(self) -> datetime | None:
        """The moment of the last row; None when no row has one."""
        ...

    @property
    def ties(self) -> int:
        """How many rows at its end may come in another order the next time."""
        ...


AnyStretch = TypeVar("AnyStretch", bound=Stretch)


class Walk(Generic[AnyStretch]):
    """One way down the list.

    Attributes:
        requests: Pages asked for.
    """

    def __init__(  # keyword-only
        self,
        fetch: Callable[[int, int], Awaitable[AnyStretch]],
        *,
        start: int = 0,
        newer_than: datetime | None = None,
        largest: int = PAGE,
        what: str = "customers",
    ) -> None:
        """Stand somewhere in the list.

        Args:
            fetch: Reads one page of the list.
            start: Rows to leave out; the first page begins there or before.
            newer_than: Rows created after this moment count as read; needed when `start` is not 0.
            largest: The largest page to ask for. Another one moves the edges of all pages.
            what: What is listed, as in the path of Polar's API.
        """
        self.requests = 0
        self._fetch = fetch
        self._next = start
        self._floor = newer_than
        self._largest = largest
        self._what = what
        self._overlap = 1
        self._read: Collection[str] = ()

    async def pages(self, first: AnyStretch | None = None) -> AsyncIterator[AnyStretch]:
        """Yield pages until the oldest row was in one. They overlap: rows repeat.

        Args:
            first: The first page, where it was read already.

        Raises:
            TransientError: a page ended too early, again and again, or rows come in no order.
        """
        page = first
        short: list[AnyStretch] = []
        back = 0
        while True:
            page = page or await self._ask(max(self._next - back, 0))
            if self.requests > _MOST_REQUESTS + page.total_count // _SMALLEST_PAGE * 4:
                raise _unsteady(page, self._what)
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
                    raise _cut_short(page, self._what)
            else:
                yield page
                if not page.full:
                    return
                self._advance(page)
                short = []
                back = 0
            page = None

    async def _ask(self, offset: int) -> AnyStretch:
        self.requests += 1
        number, limit = page_from(offset, largest=self._largest)
        return await self._fetch(number, limit)

    def _joins(self, page: Stretch) -> bool:
        is_newer = self._floor is not None and page.newest is not None and page.newest > self._floor
        return is_newer or any(key in self._read for key in page.keys)

    def _advance(self, page: Stretch) -> None:
        self._read = frozenset(page.keys)
        self._floor = page.oldest or self._floor
        # Postgres orders rows that tie anew for each page. Read again together with the row before them, they come out
        # of one statement.
        self._next = max(page.end - min(max(self._overlap, page.ties + 1), _WIDEST_OVERLAP), 0)


def page_from(offset: int, *, largest: int = PAGE) -> tuple[int, int]:
    """Return number and limit of the page that begins at `offset` or before and reaches furthest."""
    limits = range(min(_SMALLEST_PAGE, largest), largest + 1)
    limit = max(limits, key=lambda limit: (offset // limit * limit + limit, limit))
    return offset // limit + 1, limit


def _cut_short(page: Stretch, what: str) -> TransientError:
    return _unusable(f"breaks off after {page.end} of {page.total_count} rows", what)


def _unsteady(page: Stretch, what: str) -> TransientError:
    return _unusable(f"of {page.total_count} rows comes in another order each time", what)


def _unusable(why: str, what: str) -> TransientError:
    return TransientError(
        f"Polar's list of {what} {why}, so nothing was concluded from it: run this again later.",
        service="Polar",
        request=f"GET /v1/{what}/",
    )

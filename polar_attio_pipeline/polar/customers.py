"""Reads the customers that were created in a stretch of time, and the whole book."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import PAGE, Page, Row, Source, key
from polar_attio_pipeline.polar.walking import Walk
from polar_attio_pipeline.sync.records import Customer

_PASSES = 4
_FINER = 7
"""By how much each further pass shrinks its pages, so that none of their edges stays where it was."""

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WindowRead:
    """The customers of a stretch of time.

    Attributes:
        customers: Newest first, each once.
        bad_rows: Those of the stretch that could not be read.
        requests: Pages asked for.
        total_count: Customers in the whole book.
    """

    customers: tuple[Customer, ...]
    bad_rows: tuple[BadRow, ...]
    requests: int
    total_count: int


@dataclass(frozen=True, slots=True)
class BookRead:
    """The whole book, complete.

    Attributes:
        customers: By id. Whoever was deleted while the book was read may be among them.
        bad_rows: Those that could not be read.
        requests: Pages asked for.
        total_count: Customers by Polar's own count, when the reading ended.
    """

    customers: dict[str, Customer]
    bad_rows: tuple[BadRow, ...]
    requests: int
    total_count: int


async def read_window(source: Source, start: datetime, end: datetime) -> WindowRead:
    """Read the customers with `start <= created_at < end`.

    Everybody who was alive and visible throughout is found. It costs one request when the newest page reaches back
    to `start`, else about two times the binary logarithm of the number of newer pages, and the pages of the stretch.

    Args:
        source: The list.
        start: Aware.
        end: Aware.

    Raises:
        ApiError: Polar could not be read.
    """
    search = _Search(source, end)
    offset, first = await search.run()
    walk = Walk(source, start=offset, newer_than=end - _INSTANT)
    found: dict[str, Row] = {}
    total_count = 0
    async for page in walk.pages(first):
        total_count = page.total_count
        found.update((key(row), row) for row in page.rows if row.created_at is None or start <= row.created_at < end)
        if page.oldest and page.oldest < start:
            break
    customers = [row for row in found.values() if isinstance(row, Customer)]
    return WindowRead(
        customers=tuple(sorted(customers, key=lambda customer: customer.created_at, reverse=True)),
        bad_rows=tuple(row for row in found.values() if isinstance(row, BadRow)),
        requests=search.requests + walk.requests,
        total_count=total_count,
    )


class _Search:
    """Finds the page where what was created before a moment begins: doubling, then halving."""

    def __init__(self, source: Source, moment: datetime) -> None:
        self.requests = 0
        self._source = source
        self._moment = moment
        self._pages: dict[int, Page] = {}

    async def run(self) -> tuple[int, Page | None]:
        """Return where to begin to read, and the page there if it was read on the way."""
        newer, older = 0, 1
        while not await self._reaches(older):
            newer, last = older, self._pages[older].max_page
            if older >= last:
                older += 1
                break
            older = min(2 * older, last)
        while older - newer > 1:
            middle = (newer + older) // 2
            if await self._reaches(middle):
                older = middle
            else:
                newer = middle
        return max((older - 1) * PAGE - 1, 0), self._pages.get(older)

    async def _reaches(self, number: int) -> bool:
        self.requests += 1
        page = self._pages[number] = await self._source.page(number, PAGE)
        return page.oldest is None or page.oldest < self._moment


async def read_book(source: Source, *, progress: Callable[[int, int], None] | None = None) -> BookRead:
    """Read every customer.

    Args:
        source: The list.
        progress: Told after each page how many of how many are read.

    Raises:
        TransientError: the list would not hold together, or Polar is down. What was read must not be concluded from.
        FatalError: Polar cannot be read until a person acts.
    """
    book = Book(source)
    customers: dict[str, Customer] = {}
    async for fresh in book.pages():
        customers.update((customer.id, customer) for customer in fresh)
        if progress:
            progress(len(customers), book.total_count)
    return BookRead(
        customers=customers,
        bad_rows=tuple(book.bad_rows.values()),
        requests=book.requests,
        total_count=book.total_count,
    )


class Book:
    """The whole book, page by page; keeps nothing but ids.

    After a walk to the oldest row it begins again at the newest, until a page brings nobody new and there are at least
    as many as Polar counts. That costs one request when nothing happened, finds who came meanwhile, and becomes a
    second walk, over pages with other edges, when somebody is missing. There may be more than Polar counts: whoever was
    deleted after being read. That cannot hide a loss, since a walk loses nobody who is alive throughout.

    Attributes:
        bad_rows: By key.
        total_count: Polar's count in its newest answer.
        complete: Whether the book holds together; an iteration that ends without an error has made it so.
    """

    def __init__(self, source: Source) -> None:
        self.bad_rows: dict[str, BadRow] = {}
        self.total_count = 0
        self.complete = False
        self._source = source
        self._walks: list[Walk] = []
        self._known: set[str] = set()

    @property
    def requests(self) -> int:
        """Pages asked for."""
        return sum(walk.requests for walk in self._walks)

    async def pages(self) -> AsyncIterator[list[Customer]]:
        """Yield customers as they are read, each once, newest first but for those who came meanwhile.

        Raises:
            TransientError: the book does not hold together after several walks, or Polar is down.
            FatalError: Polar cannot be read until a person acts.
        """
        for number in range(_PASSES):
            walk = Walk(self._source, largest=PAGE - number * _FINER)
            self._walks.append(walk)
            async for page in walk.pages():
                fresh = self._take(page)
                yield fresh
                if number > 0 and not fresh and self._adds_up():
                    break
            if number > 0 and self._adds_up():
                self.complete = True
                return
        raise TransientError(
            f"Polar counts {self.total_count} customers, but its list shows {len(self._known)} however often it is "
            "read, so nothing was concluded from it: run this again later.",
            service="Polar",
            request="GET /v1/customers/",
        )

    def _adds_up(self) -> bool:
        return len(self._known) >= self.total_count

    def _take(self, page: Page) -> list[Customer]:
        fresh = {key(row): row for row in page.rows if key(row) not in self._known}
        self._known.update(fresh)
        self.bad_rows.update((row.key, row) for row in fresh.values() if isinstance(row, BadRow))
        self.total_count = page.total_count
        return [row for row in fresh.values() if isinstance(row, Customer)]

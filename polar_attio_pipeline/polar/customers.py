"""Reads the customers that were created in a stretch of time, and all customers."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from polar_attio_pipeline.http.errors import ApiError, LostAnswerError
from polar_attio_pipeline.polar.errors import is_hopeless, is_server_error
from polar_attio_pipeline.polar.export import Export
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import Fetch, Row, Source, key
from polar_attio_pipeline.polar.searching import Search
from polar_attio_pipeline.polar.walking import Walk
from polar_attio_pipeline.polar.ways import (
    log_bad_rows,
    log_export_is_read,
    log_pages_are_read,
    log_pages_are_split,
)
from polar_attio_pipeline.polar.whole import walked
from polar_attio_pipeline.sync.records import Customer

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class WindowRead:
    """The customers of a stretch of time.

    Attributes:
        customers: Newest first, each once.
        bad_rows: Those of the stretch that could not be read.
        requests: Made for pages and for the export, looks at single customers not counted.
        total_count: Customers in all customers.
    """

    customers: tuple[Customer, ...]
    bad_rows: tuple[BadRow, ...]
    requests: int
    total_count: int


async def read_window(source: Source, start: datetime, end: datetime) -> WindowRead:
    """Read the customers with `start <= created_at < end`.

    Every customer that was alive and visible throughout is found. It costs one request when the newest page reaches
    back to `start`, else about two times the binary logarithm of the number of newer pages, and the pages of the
    stretch.

    Where a row that Polar cannot serialise is in the way, the export is read instead, or where that is impossible too,
    smaller and smaller pages.

    Args:
        source: Polar.
        start: Aware.
        end: Aware.

    Raises:
        ApiError: Polar could not be read.
    """
    try:
        return await _window_of_pages(source.page, start, end)
    except LostAnswerError as error:
        if not is_server_error(error):
            raise
        log_export_is_read(error)
    try:
        return await _window_of_export(source, start, end)
    except ApiError as error:
        if is_hopeless(error):
            raise
        log_pages_are_split(error)
    return await _window_of_pages(source.page_around_bad_rows, start, end)


async def _window_of_pages(fetch: Fetch, start: datetime, end: datetime) -> WindowRead:
    search = Search(fetch, end)
    offset, first = await search.run()
    walk = Walk(fetch, start=offset, newer_than=end - _INSTANT)
    found: dict[str, Row] = {}
    total_count = 0
    async for page in walk.pages(first):
        total_count = page.total_count
        found.update((key(row), row) for row in page.rows if _is_within(row, start, end))
        if page.oldest and page.oldest < start:
            break
    return _window(found.values(), search.requests + walk.requests, total_count)


async def _window_of_export(source: Source, start: datetime, end: datetime) -> WindowRead:
    export = Export(source, lambda row: _is_within(row, start, end))
    found: dict[str, Row] = {}
    async for rows in export.rows():
        found.update((key(row), row) for row in rows)
    log_bad_rows(found.values())
    return _window(found.values(), export.requests, export.total_count)


def _is_within(row: Row, start: datetime, end: datetime) -> bool:
    return row.created_at is None or start <= row.created_at < end


def _window(rows: Iterable[Row], requests: int, total_count: int) -> WindowRead:
    found = list(rows)
    customers = [row for row in found if isinstance(row, Customer)]
    return WindowRead(
        customers=tuple(sorted(customers, key=lambda customer: customer.created_at, reverse=True)),
        bad_rows=tuple(row for row in found if isinstance(row, BadRow)),
        requests=requests,
        total_count=total_count,
    )


class Listing:
    """All customers, portion by portion; keeps nothing but ids.

    The export holds them all in one request, but for their type. It stands when it agrees with Polar's count and newest
    customers before and after it. Where it does not, or cannot be read, the list is walked down page by page.

    Where a row that Polar cannot serialise is in the way of the walk, the export is read if it was not, or where that
    is impossible too, smaller and smaller pages.

    Attributes:
        bad_rows: By key.
        total_count: Polar's count in its newest answer.
    """

    def __init__(self, source: Source, *, export_first: bool) -> None:
        """Prepare the reading.

        Args:
            source: Polar.
            export_first: Whether the export is read first: one request, which does not say the type; otherwise pages.
        """
        self.bad_rows: dict[str, BadRow] = {}
        self.total_count = 0
        self._source = source
        self._export_first = export_first
        self._known: set[str] = set()
        self._export = Export(source, lambda _: True, known=self._known if export_first else None)
        self._is_complete = False

    @property
    def ids(self) -> Collection[str]:
        """The ids of all customers read so far; of bad rows, where it is readable."""
        return self._known

    async def pages(self) -> AsyncIterator[list[Customer]]:
        """Yield customers as they are read, each once, newest first but for those that came meanwhile.

        Those out of the export come in no order.

        Raises:
            TransientError: the listing does not hold together after several walks, or Polar is down.
            FatalError: Polar cannot be read until a person acts.
        """
        ways = (
            (self._exported(otherwise=log_pages_are_read), self._paged(otherwise=log_pages_are_split))
            if self._export_first
            else (self._paged(otherwise=log_export_is_read), self._exported(otherwise=log_pages_are_split))
        )
        for way in (*ways, self._walked(self._source.page_around_bad_rows)):
            async for fresh in way:
                yield fresh
            if self._is_complete:
                return

    async def newcomers(self) -> AsyncIterator[list[Customer]]:
        """Yield the customers who came since the others were read: one request where that is at most a page.

        A newest page that Polar cannot show leaves them for the next reading.

        Raises:
            ApiError: Polar could not be read.
        """
        came: set[str] = set()
        try:
            async for page in Walk(self._source.page).pages():
                known_before = [one for one in map(key, page.rows) if one in self._known and one not in came]
                came.update(map(key, page.rows))
                yield self._fresh(page.rows)
                if known_before:
                    return
        except LostAnswerError as error:
            if not is_server_error(error):
                raise

    async def _exported(self, *, otherwise: Callable[[ApiError], None]) -> AsyncIterator[list[Customer]]:
        """Yield the customers of the export; `otherwise` takes why it cannot be used."""
        try:
            async for rows in self._export.rows():
                yield self._fresh(rows)
        except ApiError as error:
            if is_hopeless(error):
                raise
            otherwise(error)
            # What does not parse in an export may do so in a page.
            self._known.difference_update(self.bad_rows)
            self.bad_rows.clear()
            return
        self._is_complete = True
        self.total_count = self._export.total_count
        log_bad_rows(self.bad_rows.values())

    async def _paged(self, *, otherwise: Callable[[ApiError], None]) -> AsyncIterator[list[Customer]]:
        """Yield the customers of the pages; `otherwise` takes the answer to a page that holds a bad row."""
        try:
            async for fresh in self._walked(self._source.page):
                yield fresh
        except LostAnswerError as error:
            if not is_server_error(error):
                raise
            otherwise(error)

    async def _walked(self, fetch: Fetch) -> AsyncIterator[list[Customer]]:
        async for page in walked(fetch, known=self._known, what="customers"):
            self.total_count = page.total_count
            yield self._fresh(page.rows)
        self._is_complete = True

    def _fresh(self, rows: Iterable[Row]) -> list[Customer]:
        fresh = {key(row): row for row in rows if key(row) not in self._known}
        self._known.update(fresh)
        self.bad_rows.update((row.key, row) for row in fresh.values() if isinstance(row, BadRow))
        return [row for row in fresh.values() if isinstance(row, Customer)]

"""Reads a list to its end, each row once, although it changes meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from datetime import datetime, timedelta

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.polar.entries import Entry, EntryPage, Value
from polar_attio_pipeline.polar.pages import PAGE
from polar_attio_pipeline.polar.walking import AnyStretch, Walk

Fetch = Callable[[int, int, datetime | None], Awaitable[EntryPage[Value]]]
"""Takes a page's number, from 1, its limit, and the moment before which its rows begin, where only those are wanted."""

_WALKS = 4
_FINER = 7
"""By how much each further walk shrinks its pages, so that none of their edges stays where it was."""

_INSTANT = timedelta(microseconds=1)


async def whole_list(fetch: Fetch[Value], *, what: str) -> AsyncIterator[list[Entry[Value]]]:
    """Yield the rows of a list as they are read, each once.

    Each page begins at the moment where the one before it ended, so rows that come or go cannot push another one out of
    sight. Then the newest page is read once more: that costs one request when nothing happened. Where there are fewer
    rows than Polar counts, or more of one moment than a page holds, the list is walked down by overlapping pages.
    A list of one page comes out of one statement and needs no second look.

    Args:
        fetch: Reads one page.
        what: What is listed, as in the path of Polar's API.

    Raises:
        LostAnswerError: with status 500 where a row cannot be serialised, or Polar fails.
        ApiError: Polar could not be read, or its list does not hold together after several walks.
    """
    known: set[str] = set()

    def fresh(page: EntryPage[Value]) -> list[Entry[Value]]:
        added = {entry.key: entry for entry in page.entries if entry.key not in known}
        known.update(added)
        return list(added.values())

    async def from_newest(number: int, limit: int) -> EntryPage[Value]:
        return await fetch(number, limit, None)

    pages = 0
    is_last = False
    async for page in _back_in_time(fetch):
        yield fresh(page)
        pages += 1
        is_last = not page.full
    if pages == 1 and is_last:
        return
    async for page in walked(from_newest, known=known, what=what, is_read=is_last):
        yield fresh(page)


async def walked(
    fetch: Callable[[int, int], Awaitable[AnyStretch]], *, known: Collection[str], what: str, is_read: bool = False
) -> AsyncIterator[AnyStretch]:
    """Yield pages of one walk after another, until a page brings no new row and there are as many as Polar counts.

    There may be more than Polar counts: those that left after they were read. That cannot hide a loss, since a walk
    loses no row that is there throughout. Each further walk is over pages with other edges.

    Args:
        fetch: Reads one page, by its number, from 1, and its limit.
        known: The keys of all rows read so far; the caller adds those of each page before it asks for the next one.
        what: What is listed, as in the path of Polar's API.
        is_read: Whether the list was read to its end before, so that the first walk only looks for what came meanwhile.

    Raises:
        LostAnswerError: with status 500 where a row cannot be serialised, or Polar fails.
        TransientError: the list does not hold together after several walks, or Polar is down.
    """
    total = 0
    for number in range(_WALKS):
        async for page in Walk(fetch, largest=PAGE - number * _FINER, what=what).pages():
            before, total = len(known), page.total_count
            yield page
            if is_read and len(known) == before and len(known) >= total:
                return
        if is_read and len(known) >= total:
            return
        is_read = True
    raise TransientError(
        f"Polar counts {total} {what}, but its list shows {len(known)} however often it is read, so nothing was "
        "concluded from it: run this again later.",
        service="Polar",
        request=f"GET /v1/{what}/",
    )


async def _back_in_time(fetch: Fetch[Value]) -> AsyncIterator[EntryPage[Value]]:
    """Yield pages, each of rows as old as the last one of the page before or older.

    They end with a page that is not full, or where no further one can be asked for: rows of one moment fill a page, a
    row has no moment, or Polar did not heed the moment that it was given.
    """
    before: datetime | None = None
    while True:
        page = await fetch(1, PAGE, before)
        if before and page.newest and page.newest >= before:
            return
        yield page
        until = page.oldest + _INSTANT if page.oldest else None
        if not page.full or until is None or until == before:
            return
        before = until

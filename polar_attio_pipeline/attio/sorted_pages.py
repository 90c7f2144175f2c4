"""Reads a long list of records page by page while others write, and around records that Attio fails for.

Attio has pages by offset only. So each page begins with the last record of the one before: where it does not, records
have left the part already read, those behind it have moved up, and the reading goes back. That holds in whichever order
pages are answered, so several may be asked for at once: the first record of a page is one that was read, and all that
follow it were cut from one list.

A record that Attio fails to show makes each page that holds it fail. The reading then goes on in smaller pages up to
that record and continues behind it. It cannot join there, so it makes sure that the record before the gap
and the failure itself are still in their places.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from polar_attio_pipeline.attio.ahead import Ahead, Fetch
from polar_attio_pipeline.attio.isolation import MOST_REQUESTS, ONE_ATTEMPT, TO_BE_SURE, Record, may_lie_in_the_data
from polar_attio_pipeline.attio.models import record_id
from polar_attio_pipeline.http.errors import TransientError

_log = logging.getLogger(__name__)

PAGE = 500
"""Records in an answer; Attio's default, and the most that anybody is known to ask for."""

_SIZES = (PAGE - 1, 100, 20, 4, 1)
"""New records in a page. Each size is at most five times the next one."""
_PAGES_OF_EACH_SIZE = 5

_LONGEST_GAP = 2 * PAGE
"""Attio that shows none of so many records is failing, whatever else it answers."""

_MOST_READS = 20
"""So many requests, beside four for each page on the way, and Attio orders the records anew each time."""

Insist = Callable[[], Awaitable[None]]
"""Raises a TransientError if Attio fails for everything, and returns if it answers other requests."""


@dataclass(slots=True)
class _Gap:
    """Places that were left out, one after another.

    Attributes:
        start: The first place.
        stop: The place after the last one.
        asked: Offset and limit of the last request that failed.
        neighbour: The id of the record before it, once that was looked at again.
    """

    start: int
    stop: int
    asked: tuple[int, int]
    neighbour: str | None = None


class _Size:
    """How many new records a page is to have: fewer after each failure, more again behind it."""

    def __init__(self) -> None:
        self._step = 0
        self._pages = 0

    @property
    def records(self) -> int:
        return _SIZES[self._step]

    @property
    def is_whole(self) -> bool:
        return self._step == 0

    @property
    def is_smallest(self) -> bool:
        return self._step == len(_SIZES) - 1

    def reset(self) -> None:
        self._step = self._pages = 0

    def shrink(self) -> None:
        self._step += 1
        self._pages = 0

    def count_page(self) -> None:
        """Note a page that was read; after so many of one size, what failed in the larger size lies behind."""
        self._pages += 1
        if self._pages == _PAGES_OF_EACH_SIZE:
            self._step = max(0, self._step - 1)
            self._pages = 0


class SortedPages:
    """One reading of a sorted list.

    Args:
        fetch: Reads records from a place on, in an order that stays.
        what: What is listed, for sentences.
        unsteady: Returns the error for a list that comes in another order each time, given the records read.
        insist: Where given, records that Attio fails for are left out; otherwise such an answer is raised.
        expected: How many records there probably are: so far, pages are asked for ahead.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        what: str,
        unsteady: Callable[[int], TransientError],
        insist: Insist | None = None,
        expected: int = 0,
    ) -> None:
        self._fetch = fetch
        self._ahead = Ahead(fetch, page=PAGE, expected=expected)
        self._what = what
        self._unsteady = unsteady
        self._insist = insist
        self._seen: set[str] = set()
        self._next = 0
        self._furthest = 0
        self._gap: _Gap | None = None
        self._overlaps = False
        self._size = _Size()
        self._reads = 0
        self._isolating = 0
        self._failure: TransientError | None = None

    async def pages(self) -> AsyncIterator[list[Record]]:
        """Yield the records, each once.

        Raises:
            TransientError: it went back again and again, or Attio failed in another way than for single records.
        """
        try:
            async with aclosing(self._in_turn()) as pages:
                async for fresh in pages:
                    yield fresh
        finally:
            self._ahead.drop()

    async def _in_turn(self) -> AsyncGenerator[list[Record], None]:
        while True:
            self._bound()
            limit = self._limit()
            try:
                records = await self._ahead.read(self._next, limit, self._attempts())
            except TransientError as error:
                await self._make_smaller(error)
                continue
            if not await self._joins(records):
                self._go_back()
                continue
            self._report_gap(records)
            fresh = [record for record in records if _identity(record) not in self._seen]
            self._seen.update(map(_identity, fresh))
            if fresh:
                yield fresh
            if len(records) < limit:
                return
            self._go_on(records)

    def _bound(self) -> None:
        self._furthest = max(self._furthest, self._next)
        if self._reads >= _MOST_READS + 4 * (self._furthest // (PAGE - 1)):
            raise self._failure or self._unsteady(self._furthest + 1)
        if self._size.is_whole:
            self._reads += 1
        else:
            self._isolating += 1

    def _limit(self) -> int:
        return PAGE if self._size.is_whole else self._size.records + self._overlaps

    def _attempts(self) -> int | None:
        if self._failure is None:
            return None
        return TO_BE_SURE if self._is_last_resort() else ONE_ATTEMPT

    def _is_last_resort(self) -> bool:
        return self._size.is_smallest or self._isolating >= MOST_REQUESTS

    async def _make_smaller(self, error: TransientError) -> None:
        """Ask for fewer records next; where that is one, or no request is left for it, leave them out."""
        if self._insist is None or not may_lie_in_the_data(error):
            raise error
        if self._size.is_whole:
            self._reads -= 1
            self._isolating += 1
        leave_out = self._is_last_resort()
        if leave_out or self._failure is None:
            await self._insist()
        self._failure = error
        if leave_out:
            self._leave_out(error)
        else:
            self._size.shrink()

    def _leave_out(self, error: TransientError) -> None:
        start = self._gap.start if self._gap else self._next + self._overlaps
        asked = self._next, self._limit()
        self._next = sum(asked)
        self._gap = _Gap(start, self._next, asked)
        self._overlaps = False
        self._size.reset()
        if self._next - start > _LONGEST_GAP:
            raise error

    async def _joins(self, records: list[Record]) -> bool:
        if self._gap:
            return await self._is_in_place(self._gap)
        return self._next == 0 or bool(records and _identity(records[0]) in self._seen)

    async def _is_in_place(self, gap: _Gap) -> bool:
        """Tell whether what was left out is where it was, so that the records behind it are too."""
        before = await self._again(gap.start - 1, 1) if gap.start else []
        if before is None or not self._seen.issuperset(map(_identity, before)):
            return False
        gap.neighbour = record_id(before[0]) if before else None
        return await self._again(*gap.asked) is None

    async def _again(self, offset: int, limit: int) -> list[Record] | None:
        """Return records; None where Attio fails for them."""
        self._isolating += 1
        try:
            return await self._fetch(offset, limit, ONE_ATTEMPT)
        except TransientError as error:
            if not may_lie_in_the_data(error):
                raise
            return None

    def _go_back(self) -> None:
        self._next = max(0, self._next - PAGE)
        self._gap = None
        self._overlaps = False
        self._size.reset()

    def _go_on(self, records: list[Record]) -> None:
        self._next += len(records) - 1
        self._gap = None
        self._overlaps = True
        if self._size.is_whole:
            # What failed lies behind: a page that fails from now on is another accident, or holds another record.
            self._failure = None
        self._size.count_page()

    def _report_gap(self, behind: list[Record]) -> None:
        if self._gap is None:
            return
        first, last = self._gap.start + 1, self._gap.stop
        _log.warning(
            "Attio fails for each list with %s of its %s, oldest first (after record %s, before record %s), so "
            "this reading leaves that out: look between these two records in Attio.",
            f"number {first}" if first == last else f"one of the numbers {first} to {last}",
            self._what,
            self._gap.neighbour or "none",
            (record_id(behind[0]) if behind else None) or "none",
        )


def _identity(record: object) -> str:
    return record_id(record) or repr(record)

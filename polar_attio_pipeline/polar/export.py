"""Reads customers from Polar's export, which also shows the rows that Polar's list cannot."""

import logging
from collections.abc import AsyncIterator, Callable, Container, Sequence
from dataclasses import dataclass
from datetime import datetime

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.errors import is_server_error
from polar_attio_pipeline.polar.pages import Row, Source, key
from polar_attio_pipeline.polar.paths import EXPORT
from polar_attio_pipeline.sync.records import Customer

_log = logging.getLogger(__name__)

_TRIES = 2
_MOST_LOOKS = 50
"""Rows without an address that are looked at one by one: those that Polar cannot serialise are among them."""


@dataclass(frozen=True, slots=True)
class _Count:
    """What Polar says of its customers beside the export.

    Attributes:
        total: How many there are.
        newest: The newest ones; empty where they were not or could not be read.
    """

    total: int
    newest: Sequence[Row] = ()

    @property
    def since(self) -> datetime | None:
        """When the newest customer was created; None where that is not known."""
        return next((row.created_at for row in self.newest if row.created_at), None)


class Export:
    """One reading of the export, compared with Polar's own count: a listing that is cut short is an error.

    Where every customer is wanted, the newest page is read before and after it, and counts as well. It shows the
    customers who came meanwhile, so that the export has to hold all others: neither those who came nor a row that is
    missing by chance make up for rows that were cut off. If customers were deleted meanwhile, the numbers do not agree
    either, and the export is read again.

    A customer without an address is a team, or a row that Polar cannot serialise (measured: an individual without an
    address). So up to fifty of them are looked at by id; all others are customers without an address.

    Attributes:
        requests: Made so far, but for looks at single customers.
        total_count: Customers by Polar's own count when the reading ended.
    """

    def __init__(self, source: Source, wanted: Callable[[Row], bool], *, known: Container[str] | None = None) -> None:
        """Prepare the reading.

        Args:
            source: Polar.
            wanted: Tells the rows to yield.
            known: Where every customer is wanted, the keys of all rows yielded so far, kept by the reader. None to
                compare numbers only.
        """
        self.requests = 0
        self.total_count = 0
        self._source = source
        self._wanted = wanted
        self._known = known
        self._suspects: dict[str, Customer] = {}

    async def rows(self) -> AsyncIterator[list[Row]]:
        """Yield the rows in portions, in no order; the same row may come twice.

        Raises:
            LostAnswerError: the export is no export, is cut, or does not agree with Polar's count.
            ApiError: Polar could not be read.
        """
        before = await self._count()
        yield list(before.newest)
        for number in range(1, _TRIES + 1):
            seen = came = 0
            try:
                self.requests += 1
                async for rows in self._source.export():
                    seen += len(rows)
                    came += sum(_is_newer(row, before.since) for row in rows) if before.since else 0
                    yield [row for row in rows if self._wanted(row) and not self._is_suspect(row)]
                after = await self._count()
                later = [row for row in after.newest if self._is_new(row) and key(row) not in self._suspects]
                yield later
                self.total_count = after.total
                self._check(seen=seen, came=came, later=len(later), before=before, after=after)
                break
            except LostAnswerError as error:
                if not seen or number == _TRIES:
                    raise
                _log.info("%s It is read again.", error)
                before = await self._count()
        if self._suspects:
            yield await self._source.looked_at(list(self._suspects.values()))

    def _check(self, *, seen: int, came: int, later: int, before: _Count, after: _Count) -> None:
        if not (before.newest and after.newest):
            agrees = seen >= min(before.total, after.total)
        else:
            agrees = seen - came >= before.total and seen + later >= after.total
        if not agrees:
            raise LostAnswerError(
                f"Polar's export holds {seen} customers, but Polar counts {before.total} before it and {after.total} "
                f"after it (GET {EXPORT}).",
                service="Polar",
                request=f"GET {EXPORT}",
            )

    async def _count(self) -> _Count:
        """Return Polar's count together with the newest customers, or alone where these cannot be shown."""
        if self._known is not None:
            self.requests += 1
            try:
                page = await self._source.page(1)
            except LostAnswerError as error:
                if not is_server_error(error):
                    raise
                # A row that Polar cannot serialise is among the newest, and will be the next time.
                self._known = None
            else:
                return _Count(page.total_count, page.rows)
        self.requests += 1
        return _Count(await self._source.count())

    def _is_new(self, row: Row) -> bool:
        return self._known is None or key(row) not in self._known

    def _is_suspect(self, row: Row) -> bool:
        if not isinstance(row, Customer) or row.email is not None or not self._is_new(row):
            return False
        if len(self._suspects) < _MOST_LOOKS:
            self._suspects[row.id] = row
        return row.id in self._suspects


def _is_newer(row: Row, moment: datetime) -> bool:
    return row.created_at is not None and row.created_at > moment

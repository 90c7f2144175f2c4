"""Reads customers from Polar's export, which also shows the rows that Polar's list cannot."""

import logging
from collections.abc import AsyncIterator, Callable

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.pages import Row, Source
from polar_attio_pipeline.polar.paths import EXPORT
from polar_attio_pipeline.sync.records import Customer

_log = logging.getLogger(__name__)

_TRIES = 2
_MOST_LOOKS = 50
"""Rows without an address that are looked at one by one: those that Polar cannot serialise are among them."""


class Export:
    """One reading of the export, compared with Polar's own count: a listing that is cut short is an error.

    A customer without an address is a team, or a row that Polar cannot serialise (measured: an individual without an
    address). So up to fifty of them are looked at by id.

    Attributes:
        requests: Made so far, but for looks at single customers.
        total_count: Customers by Polar's own count when the reading ended.
    """

    def __init__(self, source: Source, wanted: Callable[[Row], bool]) -> None:
        """Prepare the reading.

        Args:
            source: Polar.
            wanted: Tells the rows to yield.
        """
        self.requests = 0
        self.total_count = 0
        self._source = source
        self._wanted = wanted
        self._suspects: dict[str, Customer] = {}

    async def rows(self) -> AsyncIterator[list[Row]]:
        """Yield the rows in portions, in no order; the same row may come twice.

        Raises:
            LostAnswerError: the export is no export, is cut, or is shorter than Polar's count.
            ApiError: Polar could not be read.
        """
        for number in range(1, _TRIES + 1):
            seen = 0
            try:
                before = await self._count()
                self.requests += 1
                async for rows in self._source.export():
                    seen += len(rows)
                    yield [row for row in rows if self._wanted(row) and not self._is_suspect(row)]
                self.total_count = await self._count()
                if seen < min(before, self.total_count):
                    raise _too_short(seen, self.total_count)
                break
            except LostAnswerError as error:
                if not seen or number == _TRIES:
                    raise
                _log.info("%s It is read again.", error)
        if self._suspects:
            yield await self._source.looked_at(list(self._suspects.values()))

    async def _count(self) -> int:
        self.requests += 1
        return await self._source.count()

    def _is_suspect(self, row: Row) -> bool:
        if not isinstance(row, Customer) or row.email is not None:
            return False
        if len(self._suspects) < _MOST_LOOKS:
            self._suspects[row.id] = row
        return row.id in self._suspects


def _too_short(seen: int, total: int) -> LostAnswerError:
    return LostAnswerError(
        f"Polar's export holds {seen} customers, but Polar counts {total} (GET {EXPORT}).",
        service="Polar",
        request=f"GET {EXPORT}",
    )

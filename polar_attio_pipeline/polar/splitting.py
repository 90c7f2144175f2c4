"""Finds the rows that Polar cannot serialise: one of them turns every page that holds it into a 500 (measured)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.errors import is_server_error
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.polar.pages import Fetch, Page, Row, key, with_times
from polar_attio_pipeline.sync.outcomes import WHOLE_ROW

_LARGEST = 50
_SMALLER = {50: 25, 25: 5, 5: 1}
_SUSPICIOUS = 5
"""So many single rows that fail before any succeeds may mean that the service is down, not that rows are bad."""

_READINGS = 3

STRETCH_SECONDS = 20 * 60
"""A stretch in which every row is bad is read in half of this time. What takes longer is a service that fails by
chance, and for which no row is to blame."""

IsWell = Callable[[], Awaitable[bool]]
"""Tells whether the service answers a request of another kind."""


async def read_around_bad_rows(fetch: Fetch, *, start: int, limit: int, is_well: IsWell) -> Page | None:
    """Read a stretch in ever smaller pages, until each row that fails is alone.

    The stretch is widened to multiples of 50. Its parts are read one after another; if the list changed meanwhile,
    which its count shows, they are read again, up to three times.

    Args:
        fetch: Reads one page.
        start: Rows before the stretch.
        limit: Rows of the stretch.
        is_well: Asked once, after a few rows of which none can be had.

    Returns:
        The stretch with a bad row where a row cannot be had; None when nothing can be had, the service is down, or it
        fails by chance for longer than `STRETCH_SECONDS`.
    """
    until = asyncio.get_running_loop().time() + STRETCH_SECONDS
    first = start // _LARGEST * _LARGEST
    last = -(-(start + limit) // _LARGEST) * _LARGEST
    parts = await _read_parts(fetch, first, last, is_well, until)
    readings = 1
    while parts and not _agree(parts) and readings < _READINGS:
        parts = await _read_parts(fetch, first, last, is_well, until)
        readings += 1
    return _joined(parts, first, last) if parts and any(parts.values()) else None


def _agree(parts: dict[int, Page | None]) -> bool:
    return len({part.total_count for part in parts.values() if part}) <= 1


async def _read_parts(
    fetch: Fetch, first: int, last: int, is_well: IsWell, until: float
) -> dict[int, Page | None] | None:
    due = [(start, _LARGEST) for start in reversed(range(first, last, _LARGEST))]
    parts: dict[int, Page | None] = {}
    clock = asyncio.get_running_loop().time
    while due:
        if clock() > until:
            return None
        start, size = due.pop()
        try:
            parts[start] = await fetch(start // size + 1, size)
        except LostAnswerError as error:
            if not is_server_error(error):
                raise
            if size == 1:
                parts[start] = None
            else:
                smaller = _SMALLER[size]
                due += [(part, smaller) for part in reversed(range(start, start + size, smaller))]
        if len(parts) == _SUSPICIOUS and not any(parts.values()):
            if not await is_well():
                return None
            # The service may have come back only now, and then none of these rows is bad.
            parts = {start: await _single(fetch, start) for start in parts}
    return parts


async def _single(fetch: Fetch, start: int) -> Page | None:
    try:
        return await fetch(start + 1, 1)
    except LostAnswerError as error:
        if not is_server_error(error):
            raise
        return None


def _joined(parts: dict[int, Page | None], first: int, last: int) -> Page:
    total = [part.total_count for part in parts.values() if part][-1]
    rows = {key(row): row for row in _rows(parts, total)}
    return Page(
        start=first,
        limit=last - first,
        rows=with_times(tuple(rows.values())),
        total_count=total,
        max_page=-(-total // (last - first)),
    )


def _rows(parts: dict[int, Page | None], total: int) -> Iterator[Row]:
    for start, part in sorted(parts.items(), key=lambda item: item[0]):
        if part:
            yield from part.rows
        else:
            yield BadRow(
                # Counted from the oldest row, its place stays the same while newer ones come in.
                key=f"{total - start} from the end",
                id=None,
                field=WHOLE_ROW,
                message=f"Polar answers 500 for number {start + 1} of its list of customers, newest first: open it in "
                "Polar's dashboard and give it an address, or delete it.",
                created_at=None,
            )

"""Polar read for a pass: hours or the whole book, with the outcome of every row that does not parse."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import Book, read_window
from polar_attio_pipeline.polar.models import BadRow
from polar_attio_pipeline.sync.outcomes import Outcome, unreadable
from polar_attio_pipeline.sync.records import Customer


@dataclass(frozen=True, slots=True)
class ReadTimes:
    """When a reading began, by two clocks.

    Attributes:
        here: By this machine's clock, to be compared with what this machine recorded.
        polar: By Polar's clock, to be compared with created_at: ours may be minutes off.
    """

    here: datetime
    polar: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What a pass read of Polar.

    Attributes:
        customers: The customers, newest first.
        unreadable: The outcomes of rows that do not parse, each with a time inside what was read.
        requests: Requests made.
        times: When the reading began.
    """

    customers: Sequence[Customer]
    unreadable: Sequence[Outcome]
    requests: int
    times: ReadTimes


class WholeBook:
    """Every customer of Polar, page by page."""

    def __init__(self, client: PolarClient) -> None:
        self._book = Book(client)

    def pages(self) -> AsyncIterator[Sequence[Customer]]:
        """Yield the customers as they are read, each once; to be read to its end, once.

        Raises:
            ApiError: Polar could not be read, or its list does not hold together.
        """
        return self._book.pages()

    def unreadable(self) -> Sequence[Outcome]:
        """Return the outcomes of the rows found so far that do not parse."""
        return _outcomes(self._book.bad_rows.values())


async def read_hours(client: PolarClient, starts: Sequence[datetime]) -> Reading:
    """Read the customers created in some hours, in one go from the first to the last.

    Args:
        client: Polar.
        starts: The hours, oldest first; those between them are read as well.

    Raises:
        ApiError: Polar could not be read.
    """
    here = datetime.now(UTC)
    read = await read_window(client, starts[0], starts[-1] + HOUR)
    times = ReadTimes(here, here + timedelta(seconds=client.api.server_offset or 0))
    return Reading(read.customers, _outcomes(read.bad_rows, otherwise=starts[-1]), read.requests, times)


def _outcomes(rows: Iterable[BadRow], *, otherwise: datetime | None = None) -> list[Outcome]:
    return [
        unreadable(row.id or row.key, field=row.field, message=row.message, created_at=row.created_at or otherwise)
        for row in rows
    ]

"""Values for the tests of the cursor: hours by number, facts of half past ten on the first day."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from polar_attio_pipeline.defs.sensors.cursor import Cursor, CustomerRef, Facts, Failing, Request, Waiting

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOW = START + 10 * HOUR + 30 * MINUTE
"""Half past ten: hours 0 to 9 have ended, hour 10 is running."""


def hour(number: int) -> datetime:
    return START + HOUR * number


def cursor(
    watermark: int = 0,
    *,
    waiting: Mapping[int, Waiting] | None = None,
    seen: Iterable[str] = (),
    requests: Iterable[Request] = (),
    failing: Mapping[int, Failing] | None = None,
    streak: int = 0,
    streak_at: datetime | None = None,
) -> Cursor:
    return Cursor(
        START,
        hour(watermark),
        waiting={hour(number): one for number, one in (waiting or {}).items()},
        seen=frozenset(seen),
        requests=tuple(requests),
        failing={hour(number): one for number, one in (failing or {}).items()},
        streak=streak,
        streak_at=streak_at,
    )


def facts(
    *,
    now: datetime = NOW,
    newest: Iterable[CustomerRef] = (),
    read_at: Mapping[datetime, datetime] | None = None,
    in_flight: Iterable[datetime] = (),
    overlap: timedelta = 2 * HOUR,
    start: datetime = START,
    absent: Mapping[datetime, frozenset[str]] | None = None,
    recorded: Iterable[str] | None = (),
) -> Facts:
    return Facts(
        now=now,
        start=start,
        newest=tuple(newest),
        read_at=read_at or {},
        in_flight=set(in_flight),
        overlap=overlap,
        absent=absent or {},
        recorded=None if recorded is None else frozenset(recorded),
    )


def read(*numbers: int, at: datetime = NOW) -> dict[datetime, datetime]:
    """Hours that succeeded, and when Polar was read for that."""
    return dict.fromkeys(map(hour, numbers), at)


def customer(number: int, created_at: datetime) -> CustomerRef:
    return CustomerRef(f"customer-{number}", created_at)


def request(*numbers: int, at: datetime = NOW) -> Request:
    return Request(tuple(map(hour, numbers)), at)


def failing(count: int = 0, *, attempts: int | None = None, since: datetime = NOW, retry: datetime = NOW) -> Failing:
    return Failing(count, count if attempts is None else attempts, since, retry)


def numbers(hours: Iterable[datetime]) -> list[int]:
    return [int((one - START) / HOUR) for one in hours]


SETTLED = cursor(8)
"""All is well: hours 8 and 9 were closed on time, and wait for their second reading."""
CLOSED = {hour(8): hour(9) + 6 * MINUTE, hour(9): hour(10) + 6 * MINUTE}

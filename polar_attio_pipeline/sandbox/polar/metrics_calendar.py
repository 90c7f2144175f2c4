"""The intervals of Polar's charts, as Postgres cuts time into them (`date_trunc`) in a time zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from polar_attio_pipeline.sandbox.polar.metrics_params import TimeInterval
from polar_attio_pipeline.sandbox.polar.periods import after

_HOUR = timedelta(hours=1)


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day begins there, UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def last_moment(day: date, zone: ZoneInfo) -> datetime:
    """Return the last microsecond of a day there, UTC."""
    return datetime.combine(day, time.max, zone).astimezone(UTC)


def beginning(moment: datetime, interval: TimeInterval, zone: ZoneInfo) -> datetime:
    """Return when the interval began that holds this moment, UTC; weeks begin on Monday."""
    local = moment.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    if interval == "hour":
        return local.astimezone(UTC)
    local = local.replace(hour=0, fold=0)
    if interval == "week":
        local -= timedelta(days=local.weekday())
    elif interval == "month":
        local = local.replace(day=1)
    elif interval == "year":
        local = local.replace(month=1, day=1)
    return local.astimezone(UTC)


def beginnings(start: date, end: date, interval: TimeInterval, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield when each interval begins that holds part of the days from start to end, both included, UTC."""
    moment, last = beginning(first_moment(start, zone), interval, zone), last_moment(end, zone)
    while moment <= last:
        yield moment
        # Hours follow each other in time, all others on the calendar: a day may have 23 hours.
        moment = moment + _HOUR if interval == "hour" else after(moment.astimezone(zone), interval).astimezone(UTC)

"""Arithmetic of hours in UTC, and the keys that Dagster gives to hourly partitions."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)

_KEY = "%Y-%m-%d-%H:%M"


def floor(moment: datetime) -> datetime:
    """Return the start of the hour that a moment lies in, UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def key(hour: datetime) -> str:
    """Return the partition key of the hour that a moment lies in: "2026-11-23-14:00"."""
    return floor(hour).strftime(_KEY)


def parse(partition_key: str) -> datetime:
    """Return the start of the hour that a partition key names.

    Raises:
        ValueError: it is no key of an hour.
    """
    return floor(datetime.strptime(partition_key, _KEY).replace(tzinfo=UTC))


def parse_all(partition_keys: Iterable[str]) -> list[datetime]:
    """Return the starts of some hours, oldest first."""
    return sorted(map(parse, partition_keys))


def between(first: datetime, last: datetime) -> list[datetime]:
    """Return the hours from `first` to `last`, both included; none if `last` comes first."""
    return [first + HOUR * step for step in range(int((last - first) / HOUR) + 1)]

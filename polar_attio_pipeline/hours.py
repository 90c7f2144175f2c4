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


def named(first: str, last: str) -> list[datetime]:
    """Return the hours from one partition key to another, both included.

    Args:
        first: Empty for no hours at all.
        last: Empty for the first one alone.

    Raises:
        ValueError: that is no range of hours; the text says why.
    """
    if not first and last:
        raise ValueError(f"{last} is the last hour of a range without a first one: name that too.")
    try:
        hours = between(parse(first), parse(last or first)) if first else []
    except ValueError:
        raise ValueError(f"{first} to {last or first} are no hours: write them like 2026-11-23-14:00 (UTC).") from None
    if first and not hours:
        raise ValueError(f"The range is empty: {last} is before {first}.")
    return hours


def between(first: datetime, last: datetime) -> list[datetime]:
    """Return the hours from `first` to `last`, both included; none if `last` comes first."""
    return [first + HOUR * step for step in range(int((last - first) / HOUR) + 1)]

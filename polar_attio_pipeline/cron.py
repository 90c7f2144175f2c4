"""Cron expressions as people write them into a setting: whether each field makes sense, said in words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

DAILY = "35 3 * * *"
"""When all customers are reconciled while Polar's events say what changes in between."""

HOURLY = "35 * * * *"
"""And when nothing else than a reconciliation finds a change."""

_DAYS_OF_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_SHAPE = "write minute, hour, day, month and weekday in UTC, such as '35 3 * * *'"
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    names: Mapping[str, int] = field(default_factory=dict)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, start=1)}),
    _Field("weekday", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),
)


def checked(cron: str) -> str:
    """Return a cron expression of five fields with single spaces, every field checked.

    A field is `*`, a number, a range such as `1-5`, either of the last two or `*` with a step such as `*/10`, or a list
    of these; months and weekdays have their three-letter English names as well.

    Raises:
        ValueError: a field makes no sense, or no such moment ever comes; the text says which and what to write.
    """
    parts = cron.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"it has not the five fields of a cron expression: {_SHAPE}")
    _, _, days, months, _ = (_values(part, field) for part, field in zip(parts, _FIELDS, strict=True))
    if all(min(days) > _DAYS_OF_MONTHS[month - 1] for month in months):
        raise ValueError(f"day {parts[2]} never comes in month {parts[3]}: {_SHAPE}")
    return " ".join(parts)


def effective(cron: str, *, without_events: bool = False) -> str:
    """Return when reconciliations are due.

    Args:
        cron: What the setting says; empty where it leaves that to whether events can be read.
        without_events: Whether Polar's events are known not to be readable.
    """
    return cron or (HOURLY if without_events else DAILY)


def _values(part: str, field: _Field) -> set[int]:
    return {value for item in part.lower().split(",") for value in _range(item, field)}


def _range(item: str, field: _Field) -> range:
    match = _ITEM.fullmatch(item)
    if not match or (match["first"] == "*" and match["last"]):
        raise _senseless(item, field)
    step = int(match["step"] or 1)
    if not 1 <= step <= field.highest:
        raise ValueError(f"the step of {field.name} {item} is not in 1-{field.highest}: {_SHAPE}")
    if match["first"] == "*":
        return range(field.lowest, field.highest + 1, step)
    first = _number(match["first"], item, field)
    # A step without a range counts from there to the end.
    last = _number(match["last"], item, field) if match["last"] else field.highest if match["step"] else first
    if last < first:
        two = f"{first}-{field.highest},{field.lowest}-{last}"
        raise ValueError(f"{field.name} {item} runs backwards: write two ranges, such as {two}")
    return range(first, last + 1, step)


def _number(text: str, item: str, field: _Field) -> int:
    value = field.names.get(text, int(text) if text.isdigit() else None)
    if value is None or not field.lowest <= value <= field.highest:
        raise _senseless(item, field)
    return value


def _senseless(item: str, field: _Field) -> ValueError:
    return ValueError(f"{field.name} {item} is not in {field.lowest}-{field.highest}: {_SHAPE}")

"""Attio's dates and times: ISO 8601 in, UTC and nanoseconds out."""

import re
from datetime import UTC, datetime, timedelta, timezone

_ISO = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d\d:?\d\d)?)?)?)?"
)


def stamp(moment: datetime) -> str:
    """Format an aware time as Attio does; such strings sort as the times do."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def parse_timestamp(text: str) -> str | None:
    """Return Attio's form of an ISO 8601 time; UTC where no zone is given. None if it is no time."""
    found = _ISO.fullmatch(text)
    if not found:
        return None
    part = {name: int(value) for name, value in found.groupdict().items() if value and name not in ("zone", "fraction")}
    try:
        moment = datetime(
            part["year"],
            part.get("month", 1),
            part.get("day", 1),
            part.get("hour", 0),
            part.get("minute", 0),
            part.get("second", 0),
            tzinfo=_zone(found["zone"]),
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{(found['fraction'] or '').ljust(9, '0')}Z"


def parse_date(text: str) -> str | None:
    """Return the UTC day of an ISO 8601 date or time. None if it is neither."""
    timestamp = parse_timestamp(text)
    return timestamp[:10] if timestamp else None


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)

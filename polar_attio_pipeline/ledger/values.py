"""Values as text, such that they come back exactly, from any database and in any later version."""

import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from polar_attio_pipeline.sync.records import PersonName
from polar_attio_pipeline.sync.writes import RecordedValue


def dump(value: RecordedValue) -> str:
    """Return a value as JSON with its type, in ASCII: no database refuses it or changes it.

    Types are `text`, `boolean`, `number` (written as text), `date`, `timestamp`, `name` and `texts`, a list of texts.
    """
    return json.dumps(to_plain(value))


def to_plain(value: RecordedValue) -> dict[str, Any]:
    """Return a value as what `dump` writes as JSON."""
    kind, plain = _plain(value)
    return {"type": kind, "value": plain}


def load(text: str) -> RecordedValue:
    """Return the value that was dumped.

    Raises:
        ValueError: no version that this one knows has written the text.
    """
    return from_plain(json.loads(text))


def load_if_any(text: str | None) -> RecordedValue | None:
    """Return the value as it was before `dump`; None where there was none.

    Raises:
        ValueError: as `load`.
    """
    return None if text is None else load(text)


def from_plain(stored: object) -> RecordedValue:
    """Return the value that was made plain.

    Raises:
        ValueError: no version that this one knows has done that.
    """
    match stored:
        case {"type": "boolean", "value": bool(value)} | {"type": "text", "value": str(value)}:
            return value
        case {"type": "number", "value": str(value)}:
            return _decimal(value)
        case {"type": "timestamp", "value": str(value)}:
            return datetime.fromisoformat(value)
        case {"type": "date", "value": str(value)}:
            return date.fromisoformat(value)
        case {"type": "name", "value": {"first": str(first), "last": str(last), "full": str(full)}}:
            return PersonName(first, last, full)
        case {"type": "texts", "value": list(values)}:
            return tuple(str(value) for value in values)
        case _:
            raise ValueError(f"unknown type of value: {_kind(stored)}")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"no number: {text}") from None


def _plain(value: RecordedValue) -> tuple[str, Any]:
    match value:
        case bool() | str():
            return "boolean" if isinstance(value, bool) else "text", value
        case Decimal():
            return "number", str(value)
        case datetime():  # before `date`, of which it is one
            return "timestamp", value.isoformat()
        case date():
            return "date", value.isoformat()
        case PersonName(first, last, full):
            return "name", {"first": first, "last": last, "full": full}
        case tuple():
            return "texts", list(value)


def _kind(stored: Any) -> Any:
    return stored.get("type") if isinstance(stored, dict) else type(stored).__name__

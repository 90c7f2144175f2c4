"""Values on the wire, type by type. A type that is new to the mapping gets its two functions here, in `CODECS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from polar_attio_pipeline.sync.records import PersonName, Value, ValueType


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one attribute type are written and read.

    Attributes:
        encode: Returns the value as Attio takes it; raises TypeError for a value of another type.
        decode: Reads one of Attio's value objects; None for an empty value. Raises KeyError, TypeError or ValueError
            for one of another shape.
    """

    encode: Callable[[Value], Any]
    decode: Callable[[Mapping[str, Any]], Value | None]


def encode(value_type: ValueType, value: Value | None) -> list[Any]:
    """Return a value as Attio takes it: a list, the one form that its specification has for every type.

    An empty one clears the attribute (seen in two production writers; null is refused).

    Raises:
        TypeError: the value is none of this type; a mistake in the mapping.
    """
    return [] if value is None else [CODECS[value_type].encode(value)]


def decode(value_type: ValueType, entry: Mapping[str, Any]) -> Value | None:
    """Read one of Attio's value objects; None for an empty value.

    Raises:
        KeyError: it has not the properties of this type.
        TypeError: a property is of another type.
        ValueError: a property cannot be read.
    """
    return CODECS[value_type].decode(entry)


def _write_checkbox(value: Value) -> bool:
    if not isinstance(value, bool):
        raise _unwritable(value, ValueType.CHECKBOX)
    return value


def _write_text(value: Value) -> str:
    if not isinstance(value, str):
        raise _unwritable(value, ValueType.TEXT)
    return value


def _write_timestamp(value: Value) -> str:
    if not isinstance(value, datetime):
        raise _unwritable(value, ValueType.TIMESTAMP)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _write_date(value: Value) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date().isoformat()
    if not isinstance(value, date):
        raise _unwritable(value, ValueType.DATE)
    return value.isoformat()


def _write_name(value: Value) -> dict[str, str]:
    if not isinstance(value, PersonName):
        raise _unwritable(value, ValueType.NAME)
    return {"first_name": value.first, "last_name": value.last, "full_name": value.full}


def _write_number(value: Value) -> float:
    """Return a number as JSON has it: of more than fifteen digits, a float would lose some."""
    if not isinstance(value, Decimal):
        raise _unwritable(value, ValueType.NUMBER)
    return float(value)


def _write_currency(value: Value) -> str:
    # As text, which Attio takes too (docs.attio.com): money is never a float.
    if not isinstance(value, Decimal):
        raise _unwritable(value, ValueType.CURRENCY)
    return format(value, "f")


def _write_option(value: Value) -> str:
    if not isinstance(value, str):
        raise _unwritable(value, ValueType.SELECT)
    return value


def _unwritable(value: Value, value_type: ValueType) -> TypeError:
    return TypeError(f"{type(value).__name__} is not written to an attribute of type {value_type}")


def _read_checkbox(entry: Mapping[str, Any]) -> bool | None:
    value = entry["value"]
    if value is not None and not isinstance(value, bool):
        raise TypeError("a checkbox is true or false")
    return value


def _read_text(entry: Mapping[str, Any]) -> str | None:
    value = entry["value"]
    if value is not None and not isinstance(value, str):
        raise TypeError("the value is text")
    return value


def _read_timestamp(entry: Mapping[str, Any]) -> datetime | None:
    """Read a timestamp. Attio has nine digits after the second, `datetime` keeps six: the rest is cut off."""
    text = _read_text(entry)
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _read_date(entry: Mapping[str, Any]) -> date | None:
    text = _read_text(entry)
    return None if text is None else date.fromisoformat(text[:10])


def _read_number(entry: Mapping[str, Any]) -> Decimal | None:
    return _decimal(entry["value"])


def _read_currency(entry: Mapping[str, Any]) -> Decimal | None:
    return _decimal(entry["currency_value"])


def _decimal(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("the value is a number")
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("the value is a number") from None


def _read_option(entry: Mapping[str, Any]) -> str | None:
    option = entry["option"]
    if option is None:
        return None
    if not isinstance(option, Mapping) or not isinstance(option["title"], str):
        raise TypeError("an option has a title")
    return option["title"]


def _read_name(entry: Mapping[str, Any]) -> PersonName | None:
    first, last, full = (entry.get(part) or "" for part in ("first_name", "last_name", "full_name"))
    if not all(isinstance(part, str) for part in (first, last, full)):
        raise TypeError("a name's parts are text")
    return PersonName(first, last, full) if first or last or full else None


CODECS: Mapping[ValueType, Codec] = {
    ValueType.CHECKBOX: Codec(_write_checkbox, _read_checkbox),
    ValueType.TEXT: Codec(_write_text, _read_text),
    ValueType.TIMESTAMP: Codec(_write_timestamp, _read_timestamp),
    ValueType.DATE: Codec(_write_date, _read_date),
    ValueType.NAME: Codec(_write_name, _read_name),
    ValueType.NUMBER: Codec(_write_number, _read_number),
    ValueType.CURRENCY: Codec(_write_currency, _read_currency),
    ValueType.SELECT: Codec(_write_option, _read_option),
}

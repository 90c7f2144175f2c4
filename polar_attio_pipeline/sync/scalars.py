"""A single value of Polar's, such as one of its metadata, in the type of an attribute: strictly, or not at all."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from polar_attio_pipeline.sync.records import Scalar, Value, ValueType

_DECIMALS = Decimal("0.0001")
"""Attio keeps four decimals of a number (docs.attio.com)."""

_MOST_DIGITS = 15
"""Numbers are sent as JSON numbers, which many programs read as floats: those keep fifteen digits."""

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Unfit:
    """A value that an attribute cannot hold.

    Attributes:
        why: The end of a sentence that begins with where the value is from. It never holds the value.
    """

    why: str


def convert(said: Scalar | None, kind: ValueType) -> Value | Unfit:
    """Return what Polar says in the type of an attribute.

    Text that people enter in Polar's dashboard is converted where it has one meaning in that type: `12.5` is a number,
    `true` a truth value, `2026-11-30` a date. Everything else is unfit, such as `yes`, `1,000` or `30.11.2026`.

    Args:
        said: The value; None where it is of a kind that Polar's metadata cannot have (Polar's API specification).
        kind: The type of the attribute.

    Raises:
        KeyError: no such attribute is written with single values.
    """
    if said is None:
        return Unfit("is neither text nor a number nor true or false")
    return CONVERSIONS[kind](said.strip() if isinstance(said, str) else said)


def _text(said: Scalar) -> Value | Unfit:
    if isinstance(said, str):
        return said
    if isinstance(said, bool):
        return "true" if said else "false"
    number = _exactly(said)
    if not number.is_finite():
        return Unfit("is not a finite number")
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _number(said: Scalar) -> Value | Unfit:
    if isinstance(said, bool) or (isinstance(said, str) and not _NUMBER.fullmatch(said)):
        return Unfit("is not a number")
    number = _exactly(said)
    if not number.is_finite():
        return Unfit("is not a finite number")
    too_long = Unfit(f"has more than {_MOST_DIGITS} digits, of which some would be lost")
    if number and number.adjusted() >= _MOST_DIGITS:
        return too_long
    rounded = number.quantize(_DECIMALS, ROUND_HALF_EVEN)
    digits = "".join(map(str, rounded.as_tuple().digits)).strip("0")
    return too_long if len(digits) > _MOST_DIGITS else rounded + 0  # which is never a zero with a sign


def _checkbox(said: Scalar) -> Value | Unfit:
    if isinstance(said, bool):
        return said
    known = _TRUTH.get(said.lower()) if isinstance(said, str) else None
    return Unfit("is neither true nor false") if known is None else known


def _date(said: Scalar) -> Value | Unfit:
    if isinstance(said, str) and _DATE.fullmatch(said):
        try:
            return date.fromisoformat(said)
        except ValueError:
            return Unfit("is a day that no calendar has")
    moment = _timestamp(said)
    return moment.date() if isinstance(moment, datetime) else Unfit("is not a date such as 2026-11-30")


def _timestamp(said: Scalar) -> Value | Unfit:
    example = "2026-11-30T14:00:00Z"
    unfit = Unfit(f"is not a time such as {example}")
    if not isinstance(said, str) or _DATE.fullmatch(said):
        return unfit
    try:
        moment = datetime.fromisoformat(said)
        return moment.astimezone(UTC) if moment.tzinfo else Unfit(f"is a time without a zone, unlike {example}")
    except (ValueError, OverflowError):
        return unfit


def _exactly(number: Scalar) -> Decimal:
    """Return a number with the digits that Polar has sent."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


CONVERSIONS: Mapping[ValueType, Callable[[Scalar], Value | Unfit]] = {
    ValueType.TEXT: _text,
    ValueType.NUMBER: _number,
    ValueType.CHECKBOX: _checkbox,
    ValueType.DATE: _date,
    ValueType.TIMESTAMP: _timestamp,
    ValueType.SELECT: _text,
}
"""The types that a single value can be written to. A currency is none: the value does not say which one it is in."""

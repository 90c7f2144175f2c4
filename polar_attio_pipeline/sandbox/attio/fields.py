"""Which fields of which types can be filtered, and with which operators (docs.attio.com, and measured)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import contains, eq, ge, gt, le, lt
from typing import Any

from polar_attio_pipeline.sandbox.attio.contacts import root_domain
from polar_attio_pipeline.sandbox.attio.output import LOCATION_KEYS, dump_email
from polar_attio_pipeline.sandbox.attio.schema import Option
from polar_attio_pipeline.sandbox.attio.times import parse_date, parse_timestamp

Test = Callable[[Any], bool]

_STRING = ("$eq", "$contains", "$starts_with", "$ends_with")
_TEXT = (*_STRING, "$in")
_NAME = (*_STRING, "$not_empty")
_EXACT = ("$eq",)
_REFERENCE = ("$eq", "$in")
_ORDER = ("$eq", "$lt", "$lte", "$gt", "$gte")

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "$eq": eq,
    "$in": lambda held, operands: held in operands,
    "$contains": contains,
    "$starts_with": lambda held, operand: bool(held.startswith(operand)),
    "$ends_with": lambda held, operand: bool(held.endswith(operand)),
    "$lt": lt,
    "$lte": le,
    "$gt": gt,
    "$gte": ge,
    "$not_empty": lambda held, _: bool(held),
}


@dataclass(frozen=True)
class Field:
    """One field of a type's values.

    Attributes:
        read: Takes the field out of a stored value.
        operators: Those that the field has.
        operand: Brings a filter's operand into the field's form; None refuses it.
        indexed: Equality can be answered by the store's index.
        equal: What `$eq` means.
    """

    read: Callable[[Any], Any]
    operators: tuple[str, ...]
    operand: Callable[[Any], Any]
    indexed: bool = False
    equal: Callable[[Any, Any], bool] = eq

    def test(self, operator: str, raw: Any) -> Test | None:
        """Return the comparison with an operand, or None if the field does not take the operand."""
        compare = self.equal if operator == "$eq" else _COMPARE[operator]
        operand = self._operand(operator, raw)
        if operand is None:
            return None
        return lambda held: held is not None and compare(held, operand)

    def _operand(self, operator: str, raw: Any) -> Any:
        if operator == "$not_empty":
            return raw if raw is True else None
        if operator != "$in":
            return self.operand(raw)
        operands = [self.operand(item) for item in raw] if isinstance(raw, list) else [None]
        return None if None in operands else frozenset(operands)


def fields_of(attribute_type: str) -> Mapping[str, Field]:
    """Return a type's fields that can be filtered, the one that shorthand means first; empty if there is none."""
    return _FIELDS.get(attribute_type, {})


def _string(raw: Any) -> str | None:
    return raw.casefold() if isinstance(raw, str) else None


def _number(raw: Any) -> float | None:
    return raw if isinstance(raw, int | float) and not isinstance(raw, bool) else None


def _boolean(raw: Any) -> bool | None:
    return {"true": True, "false": False, True: True, False: False}.get(raw) if isinstance(raw, str | bool) else None


def _timestamp(raw: Any) -> str | None:
    return parse_timestamp(raw) if isinstance(raw, str) else None


def _date(raw: Any) -> str | None:
    return parse_date(raw) if isinstance(raw, str) else None


def _option(value: Option) -> tuple[str, str]:
    return value.title.casefold(), value.id


def _email(part: str) -> Callable[[Any], str]:
    return lambda value: dump_email(value)[part]


def _part(place: int) -> Callable[[Any], str | None]:
    return lambda value: _string(value[place])


_FIELDS: Mapping[str, Mapping[str, Field]] = {
    "text": {"value": Field(_string, _TEXT, _string, indexed=True)},
    "email-address": {
        "email_address": Field(_string, _STRING, _string, indexed=True),
        "email_domain": Field(_email("email_domain"), _STRING, _string),
        "email_root_domain": Field(_email("email_root_domain"), _STRING, _string),
        "email_local_specifier": Field(_email("email_local_specifier"), _STRING, _string),
    },
    "domain": {
        "domain": Field(_string, _NAME, _string, indexed=True),
        "root_domain": Field(root_domain, _NAME, _string),
    },
    "personal-name": {
        "full_name": Field(_part(2), _NAME, _string),
        "first_name": Field(_part(0), _NAME, _string),
        "last_name": Field(_part(1), _NAME, _string),
    },
    "phone-number": {
        "phone_number": Field(lambda value: value.number, _STRING, _string),
        "country_code": Field(lambda value: _string(value.country), _EXACT, _string),
    },
    "location": {
        key: Field(_part(place), _STRING, _string)
        for place, key in enumerate(LOCATION_KEYS)
        if key in ("locality", "region", "country_code", "postcode")
    },
    "record-reference": {
        "target_record_id": Field(lambda value: value.record_id, _REFERENCE, _string, indexed=True),
        "target_object": Field(lambda value: value.object_slug, _EXACT, _string),
    },
    "actor-reference": {
        "referenced_actor_id": Field(lambda value: value.id, _EXACT, _string),
        "referenced_actor_type": Field(lambda value: value.type, _EXACT, _string),
    },
    "select": {"option": Field(_option, _EXACT, _string, equal=contains)},
    "checkbox": {"value": Field(lambda value: value, _EXACT, _boolean, indexed=True)},
    "number": {"value": Field(lambda value: value, _ORDER, _number)},
    "rating": {"value": Field(lambda value: value, _ORDER, _number)},
    "currency": {"currency_value": Field(lambda value: value, _ORDER, _number)},
    "date": {"value": Field(lambda value: value, _ORDER, _date)},
    "timestamp": {"value": Field(lambda value: value, _ORDER, _timestamp)},
}

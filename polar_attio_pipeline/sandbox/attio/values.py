"""Reads values in the forms that Attio's API takes; refuses the others with Attio's errors."""

import re
from collections.abc import Callable
from typing import Any

from polar_attio_pipeline.sandbox.attio.contacts import Phone, host_of, is_domain, is_email, parse_phone
from polar_attio_pipeline.sandbox.attio.errors import bad_request, invalid_input, invalid_value, wrong_type
from polar_attio_pipeline.sandbox.attio.options import option_not_found
from polar_attio_pipeline.sandbox.attio.output import LOCATION_KEYS
from polar_attio_pipeline.sandbox.attio.references import parse_reference
from polar_attio_pipeline.sandbox.attio.schema import Attribute, Option
from polar_attio_pipeline.sandbox.attio.store import Actor, Store
from polar_attio_pipeline.sandbox.attio.times import parse_date, parse_timestamp

_MAX_TEXT_BYTES = 10_000_000
_NAME_PARTS = ("first_name", "last_name", "full_name")
_LATITUDE = re.compile(r"[-+]?([1-8]?\d(\.\d+)?|90(\.0+)?)")
_LONGITUDE = re.compile(r"[-+]?(180(\.0+)?|((1[0-7]\d)|([1-9]?\d))(\.\d+)?)")


def parse_values(store: Store, attribute: Attribute, raw: Any) -> list[Any]:
    """Return the values of one attribute of a write; an empty list clears it.

    Raises:
        AttioError: null, a bare value for a multiselect attribute, several for another, or a value that the
            attribute's type does not take; 400.
    """
    if raw is None:
        raise invalid_value(attribute.slug, invalid_input([]))
    if attribute.is_multiselect and not isinstance(raw, list):
        raise invalid_value(attribute.slug, wrong_type([], "array", raw))
    items = raw if isinstance(raw, list) else [raw]
    if len(items) > 1 and not attribute.is_multiselect:
        raise invalid_value(attribute.slug, invalid_input([], "Expected a single value"))
    if any(item is None for item in items):
        raise invalid_value(attribute.slug, invalid_input([]))
    return [_parse(store, attribute, item) for item in items]


def _parse(store: Store, attribute: Attribute, raw: Any) -> Any:
    if attribute.type == "record-reference":
        return parse_reference(store, attribute, raw)
    parser = _PARSERS.get(attribute.type)
    if parser is None:
        raise bad_request(
            "system_edit_unauthorized", f'Values of attribute with slug "{attribute.slug}" cannot be written.'
        )
    return parser(attribute, raw)


def _field(attribute: Attribute, raw: Any, name: str) -> Any:
    if not isinstance(raw, dict):
        return raw
    if name not in raw:
        raise invalid_value(attribute.slug, wrong_type([name], "string"))
    return raw[name]


def _text(attribute: Attribute, raw: Any) -> str:
    value = _field(attribute, raw, "value")
    if not isinstance(value, str):
        raise invalid_value(attribute.slug, wrong_type(["value"], "string", value))
    if len(value.encode(errors="surrogatepass")) > _MAX_TEXT_BYTES:
        raise invalid_value(attribute.slug, invalid_input(["value"], "Value is larger than 10MB"))
    return value


def _checkbox(attribute: Attribute, raw: Any) -> bool:
    value = _field(attribute, raw, "value")
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise invalid_value(attribute.slug, wrong_type(["value"], "boolean", value))
    return value


def _number(attribute: Attribute, raw: Any) -> float:
    value = _field(attribute, raw, "value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid_value(attribute.slug, wrong_type(["value"], "number", value))
    return round(value, 4)


def _rating(attribute: Attribute, raw: Any) -> float:
    value = _number(attribute, raw)
    if value not in range(6):
        raise invalid_value(attribute.slug, invalid_input(["value"], "A rating is a whole number from 0 to 5"))
    return value


def _currency(attribute: Attribute, raw: Any) -> float:
    value = _field(attribute, raw, "currency_value")
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid_value(attribute.slug, wrong_type(["currency_value"], "number", value))
    return round(value, 4)


def _date(attribute: Attribute, raw: Any) -> str:
    return _time(attribute, raw, parse_date)


def _timestamp(attribute: Attribute, raw: Any) -> str:
    return _time(attribute, raw, parse_timestamp)


def _time(attribute: Attribute, raw: Any, parse: Callable[[str], str | None]) -> str:
    value = _field(attribute, raw, "value")
    parsed = parse(value) if isinstance(value, str) else None
    if parsed is None:
        raise invalid_value(attribute.slug, invalid_input(["value"], f"Invalid {attribute.type}"))
    return parsed


def _select(attribute: Attribute, raw: Any) -> Option:
    value = _field(attribute, raw, "option")
    if not isinstance(value, str):
        raise invalid_value(attribute.slug, wrong_type(["option"], "string", value))
    option = attribute.option(value)
    if option is None:
        raise option_not_found(value)
    return option


def _email(attribute: Attribute, raw: Any) -> str:
    value = _field(attribute, raw, "email_address")
    if not isinstance(value, str) or not is_email(value):
        raise invalid_value(attribute.slug)
    return value


def _domain(attribute: Attribute, raw: Any) -> str:
    value = _field(attribute, raw, "domain")
    host = host_of(value) if isinstance(value, str) else ""
    if not is_domain(host):
        raise invalid_value(attribute.slug, invalid_input(["domain"], "Invalid domain"))
    return host


def _phone(attribute: Attribute, raw: Any) -> Phone:
    value = _field(attribute, raw, "original_phone_number")
    country = raw.get("country_code") if isinstance(raw, dict) else None
    phone = parse_phone(value, country) if isinstance(value, str) else None
    if phone is None:
        raise invalid_value(attribute.slug, invalid_input(["original_phone_number"], "Invalid phone number"))
    return phone


def _name(attribute: Attribute, raw: Any) -> tuple[str, str, str]:
    if isinstance(raw, str):
        last, comma, first = (part.strip() for part in raw.partition(","))
        return (first, last, f"{first} {last}".strip()) if comma else (raw, "", raw)
    if not isinstance(raw, dict):
        raise invalid_value(attribute.slug, wrong_type([], "object", raw))
    errors = [
        wrong_type([part], "string", raw[part]) if part in raw else wrong_type([part], "string")
        for part in _NAME_PARTS
        if not isinstance(raw.get(part), str)
    ]
    if errors:
        raise invalid_value(attribute.slug, *errors)
    return raw["first_name"], raw["last_name"], raw["full_name"]


def _location(attribute: Attribute, raw: Any) -> tuple[str | None, ...]:
    if isinstance(raw, str):
        parts: list[str | None] = [part.strip() for part in raw.split(",")]
        locality, region, *_ = [*parts, None]
        return tuple({"locality": locality, "region": region}.get(key) for key in LOCATION_KEYS)
    if not isinstance(raw, dict):
        raise invalid_value(attribute.slug, wrong_type([], "object", raw))
    errors = [wrong_type([key], "string") for key in LOCATION_KEYS if key not in raw]
    errors += [
        wrong_type([key], "string", raw[key]) for key in LOCATION_KEYS if not isinstance(raw.get(key), str | None)
    ]
    if errors:
        raise invalid_value(attribute.slug, *errors)
    for key, pattern in (("latitude", _LATITUDE), ("longitude", _LONGITUDE), ("country_code", re.compile("[A-Z]{2}"))):
        if raw[key] is not None and not pattern.fullmatch(raw[key]):
            raise invalid_value(attribute.slug, invalid_input([key], "Invalid"))
    return tuple(raw[key] for key in LOCATION_KEYS)


def _actor(attribute: Attribute, raw: Any) -> Actor:
    kind = raw.get("referenced_actor_type") if isinstance(raw, dict) else None
    actor_id = raw.get("referenced_actor_id") if isinstance(raw, dict) else None
    if kind != "workspace-member" or not isinstance(actor_id, str):
        raise invalid_value(attribute.slug, invalid_input(["referenced_actor_type"]))
    return Actor("workspace-member", actor_id)


_PARSERS: dict[str, Callable[[Attribute, Any], Any]] = {
    "text": _text,
    "checkbox": _checkbox,
    "number": _number,
    "rating": _rating,
    "currency": _currency,
    "date": _date,
    "timestamp": _timestamp,
    "select": _select,
    "email-address": _email,
    "domain": _domain,
    "phone-number": _phone,
    "personal-name": _name,
    "location": _location,
    "actor-reference": _actor,
}

"""Reads the definition of a custom attribute, and changes to one."""

from collections.abc import Mapping, Sequence
from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import (
    AttioError,
    bad_request,
    conflict,
    invalid_body,
    invalid_input,
    wrong_type,
)
from polar_attio_pipeline.sandbox.attio.schema import TYPES, Attribute, ObjectType
from polar_attio_pipeline.sandbox.attio.store import Store

_NOT_CREATABLE = ("interaction", "personal-name", "status")
_MULTISELECT = ("select", "record-reference", "actor-reference", "email-address", "phone-number", "domain")
_CODES = """
ARS AUD BRL BGN CAD CLP CNY COP CZK DKK EUR HKD HUF ISK INR ILS JPY KES KRW MYR MXN NTD NZD NGN NOK XPF PEN PHP PLN GBP
RWF SAR SGD ZAR SEK CHF THB AED UYU USD
"""
_CURRENCIES = tuple(_CODES.split())
"""As Attio's specification of 2026-02 lists them."""

_CURRENCY_DISPLAYS = ("code", "name", "narrowSymbol", "symbol")
_REQUIRED: Mapping[str, tuple[str, type | tuple[type, ...]]] = {
    "title": ("string", str),
    "description": ("string", (str, type(None))),
    "api_slug": ("string", str),
    "type": ("string", str),
    "is_required": ("boolean", bool),
    "is_unique": ("boolean", bool),
    "is_multiselect": ("boolean", bool),
    "config": ("object", dict),
}
CREATE_KEYS = (*_REQUIRED, "default_value", "relationship")
CHANGE_KEYS = (
    "title",
    "description",
    "api_slug",
    "is_required",
    "is_unique",
    "default_value",
    "config",
    "is_archived",
)


def new_attribute(store: Store, object_type: ObjectType, data: Mapping[str, Any]) -> Attribute:
    """Return the attribute that a body's `data` defines.

    Raises:
        AttioError: one of the eight required fields is missing or wrong, or the definition is not possible (400), or
            the slug is taken, be it by an archived attribute (409).
    """
    errors = [error for name in _REQUIRED for error in _field_errors(name, data)]
    if errors:
        raise invalid_body(*errors)
    kind = data["type"]
    if kind in _NOT_CREATABLE:
        raise bad_request("validation_type", f'Attributes of type "{kind}" cannot be created on an object.')
    if data["is_multiselect"] and kind not in _MULTISELECT:
        raise bad_request("validation_type", f'Attributes of type "{kind}" cannot be multiselect.')
    _refuse_impossible(data)
    _check_slug(object_type, data["api_slug"], None)
    attribute = Attribute(
        id=store.new_id(),
        slug=data["api_slug"],
        title=data["title"],
        type=kind,
        created_at=store.now(),
        description=data["description"],
        is_required=data["is_required"],
        is_multiselect=data["is_multiselect"],
    )
    _configure(store, attribute, data["config"])
    return attribute


def change(store: Store, object_type: ObjectType, attribute: Attribute, data: Mapping[str, Any]) -> None:
    """Change an attribute as a body's `data` says.

    Raises:
        AttioError: a field is wrong, the change is not possible (400), or the new slug is taken (409).
    """
    known = {name: data[name] for name in data if name in _REQUIRED}
    errors = [error for name in known for error in _field_errors(name, data)]
    if not isinstance(data.get("is_archived", False), bool):
        errors.append(wrong_type(["data", "is_archived"], "boolean", data["is_archived"]))
    if errors:
        raise invalid_body(*errors)
    _refuse_impossible(data)
    _check_slug(object_type, data.get("api_slug"), attribute)
    attribute.title = data.get("title", attribute.title)
    attribute.description = data.get("description", attribute.description)
    attribute.slug = data.get("api_slug", attribute.slug)
    attribute.is_required = data.get("is_required", attribute.is_required)
    attribute.is_archived = data.get("is_archived", attribute.is_archived)
    _configure(store, attribute, data.get("config", {}))


def _field_errors(name: str, data: Mapping[str, Any]) -> list[dict[str, Any]]:
    expected, types = _REQUIRED[name]
    path = ["data", name]
    if name not in data:
        return [wrong_type(path, expected)]
    value = data[name]
    if not isinstance(value, types):
        return [wrong_type(path, expected, value)]
    return _choice_errors(path, value, TYPES) if name == "type" else []


def _refuse_impossible(data: Mapping[str, Any]) -> None:
    if data.get("is_unique"):
        # Measured on people and companies, on POST and PATCH.
        raise bad_request("validation_type", "Cannot set attribute as unique.")
    if data.get("default_value") is not None:
        raise bad_request("validation_type", "Default values are not supported on this object.")
    if data.get("relationship") is not None:
        raise bad_request("validation_type", "Relationships are not supported by this workspace.")


def _check_slug(object_type: ObjectType, slug: str | None, attribute: Attribute | None) -> None:
    if slug is not None and object_type.find(slug) not in (None, attribute):
        raise _slug_conflict()


def _slug_conflict() -> AttioError:
    return conflict(
        "slug_conflict",
        "An attribute with the same API slug already exists on this Object. Please choose a different API slug.",
    )


def _choice_errors(path: list[str], given: object, options: Sequence[str]) -> list[dict[str, Any]]:
    if given in options:
        return []
    listed = " | ".join(f"'{option}'" for option in options)
    message = f"Invalid enum value. Expected {listed}, received '{given}'"
    return [{"code": "invalid_option", "path": path, "message": message, "options": list(options)}]


def _configure(store: Store, attribute: Attribute, config: Mapping[str, Any]) -> None:
    if attribute.type == "currency" and (config or attribute.currency_code is None):
        currency = config.get("currency")
        given = currency if isinstance(currency, dict) else {}
        code, display = given.get("default_currency_code"), given.get("display_type")
        if not isinstance(code, str) or not isinstance(display, str):
            raise invalid_body(invalid_input(["data", "config", "currency"]))
        at = ["data", "config", "currency"]
        errors = _choice_errors([*at, "default_currency_code"], code, _CURRENCIES)
        errors += _choice_errors([*at, "display_type"], display, _CURRENCY_DISPLAYS)
        if errors:
            raise invalid_body(*errors)
        attribute.currency_code, attribute.currency_display = code, display
    reference = config.get("record_reference")
    allowed = reference.get("allowed_objects") if isinstance(reference, dict) else None
    if attribute.type == "record-reference" and isinstance(allowed, list):
        attribute.allowed_object_ids = tuple(store.object_type(str(named)).id for named in allowed)

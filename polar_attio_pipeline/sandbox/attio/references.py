"""Reads a record reference: by id, by a unique attribute, or by a bare domain or address."""

from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import bad_request, invalid_input, invalid_value, wrong_type
from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType
from polar_attio_pipeline.sandbox.attio.store import Reference, Store

_BARE = {"companies": "domains", "people": "email_addresses"}


def parse_reference(store: Store, attribute: Attribute, raw: Any) -> Reference:
    """Return the record that a written value points at.

    Raises:
        AttioError: the form is wrong, or there is no such record, or more than one; 400.
    """
    allowed = [
        object_type
        for object_type in store.objects
        if attribute.allowed_object_ids is None or object_type.id in attribute.allowed_object_ids
    ]
    if isinstance(raw, str):
        return _bare(store, attribute, allowed, raw)
    if not isinstance(raw, dict):
        raise invalid_value(attribute.slug, wrong_type([], "object", raw))
    named = raw.get("target_object")
    target = next((found for found in allowed if named in (found.slug, found.id)), None)
    if target is None:
        raise invalid_value(attribute.slug, invalid_input(["target_object"]))
    if "target_record_id" in raw:
        record_id = raw["target_record_id"]
        if not isinstance(record_id, str) or record_id not in store.records(target):
            raise _missing(target, record_id)
        return Reference(target.slug, record_id)
    return _by_attribute(store, attribute, target, raw)


def _bare(store: Store, attribute: Attribute, allowed: list[ObjectType], text: str) -> Reference:
    if len(allowed) != 1:
        raise invalid_value(attribute.slug, invalid_input([]))
    return _only(store, allowed[0], allowed[0].attribute(_BARE[allowed[0].slug]), text)


def _by_attribute(store: Store, attribute: Attribute, target: ObjectType, raw: dict[str, Any]) -> Reference:
    keys = [key for key in raw if key != "target_object"]
    matching = target.find(keys[0]) if len(keys) == 1 else None
    if matching is None or not matching.is_unique:
        raise invalid_value(attribute.slug, wrong_type(["target_record_id"], "string"))
    given = raw[keys[0]]
    first = given[0] if isinstance(given, list) and len(given) == 1 else given
    text = next(iter(first.values())) if isinstance(first, dict) and len(first) == 1 else first
    if not isinstance(text, str):
        raise invalid_value(attribute.slug, invalid_input([keys[0]]))
    return _only(store, target, matching, text)


def _only(store: Store, target: ObjectType, matching: Attribute, text: str) -> Reference:
    found = tuple(store.holders(matching, text))
    if len(found) != 1:
        raise _missing(target, text)
    return Reference(target.slug, found[0])


def _missing(target: ObjectType, named: Any) -> Exception:
    return bad_request("value_not_found", f'Cannot find exactly one record of object "{target.slug}" by "{named}".')

"""What a write does to a record: all of it, or nothing and an error."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from polar_attio_pipeline.sandbox.attio.errors import AttioError, bad_request, invalid_body, wrong_type
from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType
from polar_attio_pipeline.sandbox.attio.store import Actor, Record, Reference, Store, Version, index_key
from polar_attio_pipeline.sandbox.attio.values import parse_values

Mode = Literal["append", "prepend", "replace"]
"""What happens to a multiselect attribute's values: upserts add to the matching attribute (docs.attio.com), PATCH puts
new ones first, PUT makes the list what was sent (measured)."""

Parsed = Mapping[Attribute, list[Any]]


def parse(store: Store, object_type: ObjectType, values: Mapping[str, Any], actor: Actor) -> Parsed:
    """Read the values of a write, by attribute.

    Raises:
        AttioError: an attribute is unknown, archived or read-only (Attio itself may write the latter), or does not
            take its value; 400.
    """
    parsed: dict[Attribute, list[Any]] = {}
    for key, raw in values.items():
        attribute = object_type.find(key)
        if attribute is None or attribute.is_archived:
            raise bad_request("value_not_found", f'Cannot find attribute with slug/ID "{key}".')
        if attribute.computed or not (attribute.is_writable or actor.type == "system"):
            raise bad_request("system_edit_unauthorized", f'Attribute with slug "{attribute.slug}" cannot be written.')
        parsed[attribute] = parse_values(store, attribute, raw)
    return parsed


def check_unique(store: Store, parsed: Parsed, record_id: str | None) -> None:
    """Refuse values of unique attributes that another record holds.

    Raises:
        AttioError: one is taken; 400 (not 409) with the wording of 2026.
    """
    for attribute, values in parsed.items():
        if not attribute.is_unique:
            continue
        holders = {holder for value in values for holder in store.holders(attribute, value)}
        if holders - {record_id}:
            raise bad_request(
                "uniqueness_conflict",
                f'A value provided for attribute with slug "{attribute.slug}" conflicts with one already in the '
                "system. This attribute has a uniqueness constraint. Please ensure all values for this attribute do "
                "not exist on another record.",
            )


def create(store: Store, object_type: ObjectType, parsed: Parsed, actor: Actor, created_at: str) -> Record:
    """Add a record.

    Raises:
        AttioError: a required attribute has no value; 400.
    """
    for attribute in object_type.live():
        if attribute.is_required and not parsed.get(attribute):
            raise _missing_value(attribute)
    record = Record(store.new_id(), object_type, created_at, actor)
    for attribute, values in parsed.items():
        versions = tuple(Version(value, created_at, actor) for value in _distinct(values))
        if versions and not attribute.inverse_of:
            record.active[attribute] = versions
    store.insert(record)
    pointer = Version(Reference(object_type.slug, record.id), created_at, actor)
    for attribute, values in parsed.items():
        if attribute.inverse_of:
            _write_inverse(store, attribute.inverse_of, {value.record_id for value in values}, pointer, "replace")
    return record


def update(store: Store, record: Record, parsed: Parsed, actor: Actor, mode: Callable[[Attribute], Mode]) -> None:
    """Write values to a record.

    A single value is written anew even if it is the one that holds; whether Attio does so is unknown, and this way
    a needless write shows in the history.

    Raises:
        AttioError: a required attribute would be cleared; 400.
    """
    for attribute, values in parsed.items():
        if attribute.is_required and not values:
            raise _missing_value(attribute)
    now = store.now()
    pointer = Version(Reference(record.object_type.slug, record.id), now, actor)
    for attribute, values in parsed.items():
        if attribute.inverse_of:
            wanted = {value.record_id for value in values}
            _write_inverse(store, attribute.inverse_of, wanted, pointer, mode(attribute))
            continue
        fresh = tuple(Version(value, now, actor) for value in _distinct(values))
        held = record.active.get(attribute, ())
        if attribute.is_multiselect and fresh:
            fresh = _merged(held, fresh, mode(attribute))
        store.put(record, attribute, fresh, now)


def matches(store: Store, object_type: ObjectType, attribute: Attribute, parsed: Parsed) -> list[Record]:
    """Return the records that an upsert would write to.

    Raises:
        AttioError: the matching attribute has no value in the payload; 400.
    """
    values = parsed.get(attribute)
    if not values:
        raise _missing_value(attribute)
    ids = dict.fromkeys(holder for value in values for holder in store.holders(attribute, value))
    return [store.record(object_type, record_id) for record_id in ids]


def matching_attribute(object_type: ObjectType, slug_or_id: str) -> Attribute:
    """Return the attribute that an upsert matches on.

    Raises:
        AttioError: it is unknown or not unique; 400.
    """
    attribute = object_type.find(slug_or_id)
    if attribute is None or attribute.is_archived:
        raise bad_request("value_not_found", f'No attribute was found for matching_attribute slug/ID "{slug_or_id}".')
    if not attribute.is_unique:
        raise bad_request(
            "matching_attribute_definition_not_unique",
            "The matching attribute specified is not a unique attribute.",
        )
    return attribute


def values_of(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `data.values` of a body.

    Raises:
        AttioError: it is missing or no object; 400.
    """
    values = data.get("values")
    if not isinstance(values, dict):
        found = [values] if "values" in data else []
        raise invalid_body(wrong_type(["data", "values"], "object", *found))
    return values


def _merged(held: tuple[Version, ...], fresh: tuple[Version, ...], mode: Mode) -> tuple[Version, ...]:
    by_key = {index_key(version.value): version for version in held}
    if mode == "replace":
        return tuple(by_key.get(index_key(version.value), version) for version in fresh)
    new = tuple(version for version in fresh if index_key(version.value) not in by_key)
    return new + held if mode == "prepend" else held + new


def _distinct(values: Iterable[Any]) -> list[Any]:
    by_key: dict[Any, Any] = {}
    for value in values:
        by_key.setdefault(index_key(value), value)
    return list(by_key.values())


def _write_inverse(store: Store, attribute: Attribute, wanted: set[str], pointer: Version, mode: Mode) -> None:
    owners = next(found for found in store.objects if attribute in found.attributes)
    held = set(store.holders(attribute, pointer.value))
    if mode == "replace" or not wanted:
        for record_id in held - wanted:
            store.put(store.record(owners, record_id), attribute, (), pointer.since)
    for record_id in wanted - held:
        store.put(store.record(owners, record_id), attribute, (pointer,), pointer.since)


def _missing_value(attribute: Attribute) -> AttioError:
    return bad_request("missing_value", f'Required value for attribute with ID "{attribute.id}" was not provided.')

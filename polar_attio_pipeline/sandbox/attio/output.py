"""Records and values as the API shows them. Built anew for each answer, so that a large workspace stays small."""

from collections.abc import Callable, Mapping
from typing import Any

from polar_attio_pipeline.sandbox.attio.contacts import root_domain
from polar_attio_pipeline.sandbox.attio.schema import Attribute, ObjectType, dump_option
from polar_attio_pipeline.sandbox.attio.store import Record, Store, Version

LOCATION_KEYS = (
    "line_1",
    "line_2",
    "line_3",
    "line_4",
    "locality",
    "region",
    "postcode",
    "country_code",
    "latitude",
    "longitude",
)


def dump_record(store: Store, workspace_id: str, home: str, record: Record) -> dict[str, Any]:
    """Return a record with every attribute that is not archived; an unset one is an empty list.

    Args:
        store: Where it is.
        workspace_id: Whose it is.
        home: Address of the workspace for people.
        record: What to show.
    """
    object_type = record.object_type
    noun = object_type.singular_noun.lower()
    return {
        "id": {"workspace_id": workspace_id, "object_id": object_type.id, "record_id": record.id},
        "created_at": record.created_at,
        "web_url": f"{home}/{noun}/{record.id}",
        "values": {
            attribute.slug: [
                dump_version(workspace_id, object_type, attribute, version)
                for version in store.versions(record, attribute)
            ]
            for attribute in object_type.attributes
            if not attribute.is_archived
        },
    }


def dump_history(store: Store, workspace_id: str, record: Record, attribute: Attribute) -> list[dict[str, Any]]:
    """Return every value that an attribute ever held, oldest first."""
    past = [(past.version, past.until) for past in record.past if past.attribute is attribute]
    active = [(version, None) for version in store.versions(record, attribute)]
    ordered = sorted([*past, *active], key=lambda dated: dated[0].since)
    return [dump_version(workspace_id, record.object_type, attribute, version, until) for version, until in ordered]


def dump_version(
    workspace_id: str, object_type: ObjectType, attribute: Attribute, version: Version, until: str | None = None
) -> dict[str, Any]:
    """Return one value object."""
    value, since, actor = version
    kind = attribute.type
    return {
        "active_from": since,
        "active_until": until,
        "created_by_actor": {"type": actor.type, "id": actor.id},
        **_dump(workspace_id, object_type, attribute, value),
        "attribute_type": kind,
    }


def _dump(workspace_id: str, object_type: ObjectType, attribute: Attribute, value: Any) -> dict[str, Any]:
    if attribute.type == "select":
        return {"option": dump_option(workspace_id, object_type.id, attribute, value)}
    if attribute.type == "currency":
        return {"currency_code": attribute.currency_code, "currency_value": value}
    dumper = _DUMPERS.get(attribute.type)
    return dumper(value) if dumper else {"value": value}


def dump_email(original: str) -> dict[str, str]:
    """Return an address's fields: lower-case, with the input kept beside them (measured)."""
    address = original.lower()
    local, _, domain = address.rpartition("@")
    return {
        "original_email_address": original,
        "email_address": address,
        "email_domain": domain,
        "email_root_domain": root_domain(domain),
        "email_local_specifier": local,
    }


_DUMPERS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "email-address": dump_email,
    "personal-name": lambda value: dict(zip(("first_name", "last_name", "full_name"), value, strict=True)),
    "record-reference": lambda value: {"target_object": value.object_slug, "target_record_id": value.record_id},
    "domain": lambda value: {"domain": value, "root_domain": root_domain(value)},
    "actor-reference": lambda value: {"referenced_actor_type": value.type, "referenced_actor_id": value.id},
    "phone-number": lambda value: {
        "country_code": value.country,
        "original_phone_number": value.original,
        "phone_number": value.number,
    },
    "location": lambda value: dict(zip(LOCATION_KEYS, value, strict=True)),
}

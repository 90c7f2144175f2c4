"""Attio's JSON, read tolerantly and written exactly.

Values are read by their properties and by the type of their attribute, never by their own `attribute_type` label:
docs.attio.com shows that label wrong for some types.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Person, PersonName, Value, ValueType

EMAILS = "email_addresses"
"""The slug of the addresses. A system attribute: no workspace can rename it."""

COMPANY = "company"
"""The slug of the company that a person belongs to. A system attribute too."""

_ACTORS: frozenset[Actor] = frozenset(get_args(Actor))


class AttributeDefinition(BaseModel):
    """One attribute of an object, as `GET /v2/objects/people/attributes` lists it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    api_slug: str
    type: str
    title: str = ""
    is_writable: bool = True
    is_archived: bool = False
    is_unique: bool = False
    is_multiselect: bool = False
    is_required: bool = False
    id: dict[str, str] = Field(default_factory=dict)


class SelfInfo(BaseModel):
    """What `GET /v2/self` says about the token. A revoked one is answered 200 with `active: false`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    active: bool
    scope: str | None = None
    workspace_id: str | None = None
    workspace_name: str | None = None
    workspace_slug: str | None = None

    def grants(self, scope: str) -> bool:
        """Tell whether the token has a scope; `x:read-write` includes `x:read`, and only the wider is listed."""
        granted = (self.scope or "").split()
        return scope in granted or f"{scope}-write" in granted


def parse_definitions(rows: Iterable[Any]) -> list[AttributeDefinition]:
    """Return the attributes that can be read; one of an unknown shape is none that the sync could write."""
    definitions = []
    for row in rows:
        try:
            definitions.append(AttributeDefinition.model_validate(row))
        except ValidationError:
            continue
    return definitions


def record_id(record: object) -> str | None:
    """Return a record's id; None where it has none that can be read."""
    named = record.get("id") if isinstance(record, dict) else None
    found = named.get("record_id") if isinstance(named, dict) else None
    return found if isinstance(found, str) and found else None


def decode_person(
    record: object,
    *,
    targets: Sequence[Target],
    slugs: Mapping[str, str],
    workspace_slug: str | None = None,
) -> Person:
    """Reduce a record to what matching and planning look at.

    Args:
        record: One element of `data`, as Attio returns it.
        targets: The attributes to read; all others are dropped.
        slugs: The workspace's slug for each attribute key.
        workspace_slug: Makes the link to the record where Attio's answer has none.

    Returns:
        The person. A value of an unknown shape is never fatal: it counts as text that a
        workspace member typed, so that no policy but `ALWAYS` writes over what could not be read.

    Raises:
        ValueError: it is no record: it has no id, or no values that can be read.
    """
    known = record_id(record)
    if known is None or not isinstance(record, dict):
        raise ValueError("no record id")
    values, url, company = _values(record), record.get("web_url"), company_of(record)
    return Person(
        record_id=known,
        url=url if isinstance(url, str) and url else _link(workspace_slug, known),
        emails=_emails(values.get(EMAILS)),
        values={
            target.attribute.key: held
            for target in targets
            if (held := _held(values.get(slugs[target.attribute.key]), target.type)) is not None
        },
        company=str(company.value) if company and company.actor != "system" else None,
    )


def company_of(record: object) -> CurrentValue | None:
    """Return the record id of a person's company and who set it; None where there is none."""
    current = _current(_values(record).get(COMPANY)) if isinstance(record, dict) else []
    target = current[0].get("target_record_id") if current else None
    return CurrentValue(target, _actor(current[0])) if isinstance(target, str) and target else None


def company_reference(record_id: str) -> list[dict[str, str]]:
    """Return a company as Attio takes it for a person."""
    return [{"target_object": "companies", "target_record_id": record_id}]


def encode(value_type: ValueType, value: Value) -> list[Any]:
    """Return a value as Attio takes it: a list, the one form that its specification has for every type.

    Raises:
        TypeError: the value is none of this type; a mistake in the mapping.
    """
    match value_type, value:
        case ValueType.NAME, PersonName(first, last, full):
            return [{"first_name": first, "last_name": last, "full_name": full}]
        case (ValueType.CHECKBOX, bool()) | (ValueType.TEXT, str()):
            return [value]
        case ValueType.TIMESTAMP, datetime():
            return [value.astimezone(UTC).isoformat().replace("+00:00", "Z")]
        case ValueType.DATE, datetime():
            return [value.astimezone(UTC).date().isoformat()]
        case ValueType.DATE, date():
            return [value.isoformat()]
        case _:
            raise TypeError(f"{type(value).__name__} is not written to an attribute of type {value_type}")


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    values = record.get("values") or {}
    if not isinstance(values, dict):
        raise ValueError("no values")  # noqa: TRY004  # of an answer, not of an argument
    return values


def _link(workspace_slug: str | None, record_id: str) -> str:
    return f"https://app.attio.com/{workspace_slug}/person/{record_id}" if workspace_slug else ""


def _emails(entries: Any) -> tuple[str, ...]:
    addresses = (entry.get("email_address") for entry in _current(entries))
    return tuple(dict.fromkeys(address.lower() for address in addresses if isinstance(address, str)))


def _current(entries: Any) -> list[dict[str, Any]]:
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("active_until") is None]


def _held(entries: Any, value_type: ValueType) -> CurrentValue | None:
    current = _current(entries)
    if not current:
        return None
    entry = current[0]
    try:
        value = _name(entry) if value_type is ValueType.NAME else _plain(entry["value"], value_type)
    except (KeyError, TypeError, ValueError):
        return CurrentValue(_raw(entry), "workspace-member")
    return None if value is None or value == "" else CurrentValue(value, _actor(entry))


def _raw(entry: Mapping[str, Any]) -> str:
    about = {"active_from", "active_until", "created_by_actor", "attribute_type"}
    return json.dumps({key: value for key, value in entry.items() if key not in about}, ensure_ascii=False)


def _actor(entry: Mapping[str, Any]) -> Actor:
    """Return who wrote it; an unknown kind of actor counts as a person, whose typing is left alone."""
    by = entry.get("created_by_actor")
    kind = by.get("type") if isinstance(by, dict) else None
    return kind if kind in _ACTORS else "workspace-member"


def _name(entry: Mapping[str, Any]) -> PersonName | None:
    first, last, full = (entry.get(part) or "" for part in ("first_name", "last_name", "full_name"))
    if not all(isinstance(part, str) for part in (first, last, full)):
        raise TypeError("a name's parts are text")
    return PersonName(first, last, full) if first or last or full else None


def _plain(value: object, value_type: ValueType) -> Value | None:
    match value_type, value:
        case _, None:
            return None
        case ValueType.CHECKBOX, bool(checked):
            return checked
        case ValueType.TEXT, str(text):
            return text
        case ValueType.DATE, str(text):
            return date.fromisoformat(text[:10])
        case ValueType.TIMESTAMP, str(text):
            return _instant(text)
        case _:
            raise TypeError(f"not a {value_type}")


def _instant(text: str) -> datetime:
    """Read a timestamp. Attio has nine digits after the second, `datetime` keeps six: the rest is cut off."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

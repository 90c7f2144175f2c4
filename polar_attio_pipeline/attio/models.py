"""Attio's JSON, read tolerantly and written exactly.

Values are read by their properties and by the type of their attribute, never by their own `attribute_type` label:
docs.attio.com shows that label wrong for some types.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polar_attio_pipeline.attio.currencies import iso_code
from polar_attio_pipeline.attio.objects import AttioObject, Matching
from polar_attio_pipeline.attio.values import decode
from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.records import Actor, CurrentValue, ValueType

_ACTORS: frozenset[Actor] = frozenset(get_args(Actor))


class AttributeDefinition(BaseModel):
    """One attribute of an object, as `GET /v2/objects/{object}/attributes` lists it."""

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
    config: Any = Field(default=None, repr=False)

    @property
    def currency(self) -> str | None:
        """The currency of a currency attribute, ISO 4217 in capitals: Attio keeps it with the attribute."""
        about = self.config.get("currency") if isinstance(self.config, dict) else None
        return iso_code(about.get("default_currency_code")) if isinstance(about, dict) else None


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


@dataclass(frozen=True, slots=True)
class AttioRecord:
    """One record of any object, reduced to what the sync looks at.

    Attributes:
        record_id: Attio's record id. A cache: a merge in Attio ends it.
        url: Where a human opens the record; empty where that is not known.
        matches: Every value of the matching attribute, in lower case and Attio's order, each once.
        values: What it holds, by attribute key; an unset attribute is absent.
        execution_id: Attio's name for the write that this is the answer to; None of a record that was searched for.
    """

    record_id: str
    url: str
    matches: tuple[str, ...]
    values: Mapping[str, CurrentValue] = field(default_factory=dict)
    execution_id: str | None = field(default=None, compare=False)


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


def decode_record(  # noqa: PLR0913  # keyword-only
    record: object,
    execution_id: str | None = None,
    *,
    attio_object: AttioObject,
    targets: Sequence[Target],
    slugs: Mapping[str, str],
    workspace_slug: str | None = None,
) -> AttioRecord:
    """Reduce a record to what the sync looks at.

    Args:
        record: One element of `data`, as Attio returns it.
        execution_id: Attio's name for the write that it is the answer to.
        attio_object: The object that it belongs to.
        targets: The attributes to read; all others are dropped.
        slugs: The workspace's slug for each attribute key.
        workspace_slug: Makes the link to the record where Attio's answer has none.

    Returns:
        The record. A value of an unknown shape is never fatal: it counts as text that a
        workspace member typed, so that no policy but `ALWAYS` writes over what could not be read.

    Raises:
        ValueError: it is no record: it has no id, or no values that can be read.
    """
    known = record_id(record)
    if known is None or not isinstance(record, dict):
        raise ValueError("no record id")
    values, url = _values(record), record.get("web_url")
    return AttioRecord(
        record_id=known,
        url=url if isinstance(url, str) and url else _link(workspace_slug, attio_object.noun, known),
        matches=_matches(values.get(attio_object.matching.slug), attio_object.matching),
        values={
            target.attribute.key: current
            for target in targets
            if (current := _current_value(values.get(slugs[target.attribute.key]), target)) is not None
        },
        execution_id=execution_id,
    )


def reference_of(record: object, slug: str) -> CurrentValue | None:
    """Return the record id that a reference points at, and who set it; None where there is none."""
    current = _current(_values(record).get(slug)) if isinstance(record, dict) else []
    target = current[0].get("target_record_id") if current else None
    return CurrentValue(target, _actor(current[0])) if isinstance(target, str) and target else None


def matches_of(record: object, matching: Matching) -> tuple[CurrentValue, ...]:
    """Return every value of the matching attribute, in lower case and Attio's order, and who added it."""
    entries = _current(_values(record).get(matching.slug)) if isinstance(record, dict) else []
    named = ((entry.get(matching.field), entry) for entry in entries)
    return tuple(CurrentValue(text.lower(), _actor(entry)) for text, entry in named if isinstance(text, str))


def spelled_matches(record: object, matching: Matching) -> list[str]:
    """Return every value of the matching attribute as it was entered, in Attio's order: what a list is sent as.

    Attio keeps the spelling beside the address (measured).

    Raises:
        ValueError: one of them cannot be read.
    """
    entries = _current(_values(record).get(matching.slug)) if isinstance(record, dict) else []
    spelled = [entry.get(f"original_{matching.field}") or entry.get(matching.field) for entry in entries]
    texts = [text for text in spelled if isinstance(text, str)]
    if len(texts) < len(spelled):
        raise ValueError("a value without text")
    return texts


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    values = record.get("values") or {}
    if not isinstance(values, dict):
        raise ValueError("no values")  # noqa: TRY004  # of an answer, not of an argument
    return values


def _link(workspace_slug: str | None, noun: str, record_id: str) -> str:
    return f"https://app.attio.com/{workspace_slug}/{noun}/{record_id}" if workspace_slug else ""


def _matches(entries: Any, matching: Matching) -> tuple[str, ...]:
    texts = (entry.get(matching.field) for entry in _current(entries))
    return tuple(dict.fromkeys(text.lower() for text in texts if isinstance(text, str)))


def _current(entries: Any) -> list[dict[str, Any]]:
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and entry.get("active_until") is None]


def _current_value(entries: Any, target: Target) -> CurrentValue | None:
    current = _current(entries)
    if not current:
        return None
    entry = current[0]
    try:
        value = decode(target.type, entry)
    except (KeyError, TypeError, ValueError):
        return CurrentValue(_raw(entry), "workspace-member")
    if value is None or value == "":
        return None
    other = _other_currency(entry, target)
    return CurrentValue(f"{value} {other}" if other else value, _actor(entry))


def _other_currency(entry: Mapping[str, Any], target: Target) -> str | None:
    """Return the currency of an amount that is in another one than its attribute, which makes it another amount.

    Attio's specification has the currency with the attribute and repeats it with each value; what it shows of values
    that are older than the attribute's currency is not documented. Such an amount equals none that is wanted, so that
    it is written anew, and then it is in the attribute's currency.
    """
    if target.type is not ValueType.CURRENCY or target.currency is None:
        return None
    found = iso_code(entry.get("currency_code"))
    return found if found != target.currency else None


def _raw(entry: Mapping[str, Any]) -> str:
    about = {"active_from", "active_until", "created_by_actor", "attribute_type"}
    return json.dumps({key: value for key, value in entry.items() if key not in about}, ensure_ascii=False)


def _actor(entry: Mapping[str, Any]) -> Actor:
    """Return who wrote it; an unknown kind of actor counts as a person, whose typing is left alone."""
    by = entry.get("created_by_actor")
    kind = by.get("type") if isinstance(by, dict) else None
    return kind if kind in _ACTORS else "workspace-member"

"""People as a page shows them, and as a person adds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from polar_attio_pipeline.sandbox.attio.output import LOCATION_KEYS

_PLAIN_FIELDS = (
    "value",
    "email_address",
    "full_name",
    "domain",
    "phone_number",
    "currency_value",
    "target_record_id",
    "referenced_actor_id",
)


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as a page shows it: simple values by slug, a list where there are several; unset ones are absent."""

    id: str
    url: str
    emails: tuple[str, ...]
    name: str | None
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person to add. `name` is the full name; `values` are other values in the forms that the API takes."""

    emails: Sequence[str]
    name: str | None = None
    values: Mapping[str, Any] | None = None
    created_at: datetime | None = None


def view(record: Mapping[str, Any]) -> PersonView:
    """Reduce a person, as the API shows it, to what a page shows."""
    values = _simple(record["values"])
    return PersonView(
        id=record["id"]["record_id"],
        url=record["web_url"],
        emails=tuple(value["email_address"] for value in record["values"].get("email_addresses", ())),
        name=values.get("name"),
        values=values,
    )


def values_of(person: NewPerson) -> dict[str, Any]:
    """Return a new person's values in the forms that the API takes; the last word of a name is the last name."""
    values: dict[str, Any] = {"email_addresses": list(person.emails)}
    if person.name:
        first, _, last = person.name.rpartition(" ")
        values["name"] = {"first_name": first or last, "last_name": last if first else "", "full_name": person.name}
    return {**values, **(person.values or {})}


def _simple(values: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    plain = {slug: [_plain(value) for value in held] for slug, held in values.items() if held}
    return {slug: held[0] if len(held) == 1 else held for slug, held in plain.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    named = next((value[name] for name in _PLAIN_FIELDS if name in value), None)
    if named is not None:
        return named
    if "option" in value:
        return value["option"]["title"]
    return ", ".join(str(value[key]) for key in LOCATION_KEYS if value.get(key))

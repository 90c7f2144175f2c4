"""Both sides at a moment, taken down without the code that reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld

ID = "polar_customer_id"

Value = tuple[Any, str, str]
"""What holds, who wrote it, since when."""


@dataclass(frozen=True)
class Somebody:
    """An Attio person: addresses in one spelling, and every value with its author."""

    emails: frozenset[str]
    values: Mapping[str, tuple[Value, ...]]

    def value(self, slug: str) -> Any:
        return self.values[slug][0][0] if slug in self.values else None

    @property
    def polar_id(self) -> str | None:
        held = self.value(ID)
        return held.strip().lower() if isinstance(held, str) and held.strip() else None


@dataclass(frozen=True)
class State:
    """Both sides at a moment: Attio's people by record id, Polar's customers oldest first.

    `addresses` and `names` are what each customer is known by: its own, or its owner's if it is a team that has no
    address and that nobody in Attio is known to be.
    """

    people: Mapping[str, Somebody]
    customers: Mapping[str, Customer]
    addresses: Mapping[str, str | None]
    names: Mapping[str, str | None]

    def with_id(self, customer_id: str) -> set[str]:
        return {record_id for record_id, person in self.people.items() if person.polar_id == customer_id}

    def with_address(self, address: str | None) -> set[str]:
        return {record_id for record_id, person in self.people.items() if address in person.emails}


def same_spelling(address: str) -> str:
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


def look(polar: PolarWorld, attio: AttioWorld) -> State:
    """Take down both sides."""
    attio.records.settle()
    people = {}
    for record in attio.store.records(attio.people_type).values():
        shown: dict[str, list[dict[str, Any]]] = attio.dump(record)["values"]
        values = {
            slug: tuple((_content(each), each["created_by_actor"]["type"], each["active_from"]) for each in held)
            for slug, held in shown.items()
            if held
        }
        emails = frozenset(same_spelling(each["email_address"]) for each in shown["email_addresses"])
        people[record.id] = Somebody(emails, values)
    known = {person.polar_id for person in people.values()}
    addresses: dict[str, str | None] = {}
    names: dict[str, str | None] = {}
    rows = sorted(polar.customers.values(), key=lambda row: (row.created_at, row.id))
    for row in rows:
        owner = next((member for member in polar.members.get(row.id, ()) if member.role == "owner"), None)
        by_owner = owner if not row.email and row.id not in known else None
        address = row.email or (by_owner.email if by_owner else None)
        addresses[row.id] = same_spelling(address) if address else None
        names[row.id] = row.name if row.email else (by_owner.name if by_owner else None)
    return State(people, {row.id: row for row in rows}, addresses, names)


def _content(shown: Mapping[str, Any]) -> Any:
    if "full_name" in shown:
        return shown["first_name"], shown["last_name"], shown["full_name"]
    about = {"active_from", "active_until", "created_by_actor", "attribute_type"}
    if "currency_value" in shown:
        return Decimal(str(shown["currency_value"]))
    if "option" in shown:
        return shown["option"]["title"]
    content = {key: value for key, value in shown.items() if key not in about}
    return content["value"] if content.keys() == {"value"} else repr(content)

"""What the page shows: a few of Polar's customers and of Attio's people, newest first, with their counterparts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from polar_attio_pipeline.sandbox.attio.people import view
from polar_attio_pipeline.sandbox.attio.schema import Attribute
from polar_attio_pipeline.sandbox.attio.store import Record
from polar_attio_pipeline.sandbox.page_billing import held_by
from polar_attio_pipeline.sandbox.page_links import POLAR_ID, Links
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.traffic import Traffic
from polar_attio_pipeline.sandbox.world import Sandbox

TALLIED = 2000
"""The largest number of customers who are all compared at every look."""

_NEWEST_FIRST = ("-created_at", "email")
_EDITABLE_STANDARD = ("name", "email_addresses", "job_title", "description")
_EDITABLE_TYPES = (
    "text",
    "number",
    "checkbox",
    "date",
    "timestamp",
    "select",
    "currency",
    "personal-name",
    "email-address",
)

_BILLING = ("polar_status", "polar_products", "polar_mrr")
"""Slugs of the attributes that the page shows beside a person's name."""

Row = TypeVar("Row")


class Look(BaseModel):
    """What somebody looks at.

    Attributes:
        customers: What to search Polar for, in names, addresses and ids.
        people: What to search Attio for.
        customers_limit: How many customers to show.
        people_limit: How many people to show.
        customer: The id of a customer to show in any case, with its person.
        person: The id of a person to show in any case, with its customer.
    """

    customers: str = ""
    people: str = ""
    customers_limit: int = Field(default=50, ge=1, le=1000)
    people_limit: int = Field(default=50, ge=1, le=1000)
    customer: str | None = None
    person: str | None = None


def both_sides(sandbox: Sandbox, look: Look) -> dict[str, Any]:
    """Return both lists. Safe in any thread; only what is shown is read under the locks."""
    with sandbox.polar.lock:
        sandbox.polar.settle()
        customers = list(sandbox.polar.view.ordered(_NEWEST_FIRST)[0])
    with sandbox.attio.settled():
        people = list(sandbox.attio.store.records(sandbox.attio.people_type).values())
    people.reverse()
    found_customers = _search(customers, look.customers, _words_of_customer)
    found_people = _search(people, look.people, _person_words(sandbox))
    with sandbox.polar.lock, sandbox.attio.lock:
        shown = _Shown(sandbox)
        customer, person = shown.selected(look)
        return {
            "customers": _column(found_customers, look.customers_limit, customer, shown.customer),
            "people": _column(found_people, look.people_limit, person, shown.person),
            "selected": {"customer": customer and customer.id, "person": person and person.id},
            "attributes": [_definition(attribute) for attribute in shown.editable],
            "is_set_up": shown.links.id_attribute is not None,
            "tally": shown.links.tally() if len(customers) <= TALLIED else None,
        }


def shown_customers(sides: Mapping[str, Any]) -> list[str]:
    """Return the ids of the customers in what `both_sides` returned."""
    customers = sides["customers"]
    return [row["id"] for row in (*customers["rows"], customers["pinned"]) if row is not None]


def traffic_totals(traffic: Traffic) -> dict[str, dict[str, int]]:
    """Return, for each service, what arrived."""
    return {
        service: {
            "requests": traffic.count(service=service),
            "writes": traffic.count(service=service, kind="write"),
            "refused": traffic.count(service=service, status=429),
            "most_in_flight": traffic.most_in_flight(service),
        }
        for service in ("polar", "attio")
    }


class _Shown:
    """Rows as the page shows them."""

    def __init__(self, sandbox: Sandbox) -> None:
        people = sandbox.attio.people_type
        self.links = Links(sandbox)
        self._sandbox = sandbox
        self.editable = [
            attribute
            for attribute in people.live()
            if attribute.slug in _EDITABLE_STANDARD or (not attribute.is_system and attribute.type in _EDITABLE_TYPES)
        ]

    def selected(self, look: Look) -> tuple[Customer | None, Record | None]:
        """Return who was selected, with the counterpart, as far as they are there."""
        customer = self._sandbox.polar.customers.get(look.customer or "")
        if customer is not None:
            return customer, self._record(self.links.link(customer).person_id)
        person = self._record(look.person)
        return (self.links.customer_of(person) if person else None), person

    def customer(self, row: Customer) -> dict[str, Any]:
        """Return a customer and how its person differs."""
        link, owner = self.links.link(row), self.links.owner(row)
        return {
            "id": row.id,
            "name": row.name,
            "email": row.email,
            "type": row.type,
            "owner": owner and {"name": owner.name, "email": owner.email},
            "external_id": row.external_id,
            "country": (row.billing_address or {}).get("country"),
            "created_at": row.created_at.isoformat(),
            "broken": not row.serialisable,
            "state": link.state,
            "notes": link.notes,
            "person": link.person_id,
            **held_by(self._sandbox.polar.billing, row.id),
        }

    def person(self, record: Record) -> dict[str, Any]:
        """Return a person, with who wrote what."""
        attio = self._sandbox.attio
        dumped = attio.dump(record)
        values: Mapping[str, list[dict[str, Any]]] = dumped["values"]
        person = view(dumped)
        customer = self.links.customer_of(record)
        return {
            "id": record.id,
            "url": person.url,
            "name": person.name,
            "name_by": _written_by(values["name"]),
            "emails": person.emails,
            "company": self._company(values["company"]),
            "polar_id": person.values.get(POLAR_ID),
            "is_customer": person.values.get("polar_customer") is True,
            "billing": [
                _billing(slug, person.values[slug], values[slug]) for slug in _BILLING if slug in person.values
            ],
            "fields": [
                {
                    **_definition(attribute),
                    "text": _text(person.values[attribute.slug]),
                    "currency": held[0].get("currency_code"),
                    "by": _written_by(held),
                }
                for attribute in self.editable
                if (held := values[attribute.slug])
            ],
            "created_at": record.created_at,
            "created_by": record.created_by.type,
            "customer": customer and customer.id,
        }

    def _record(self, record_id: str | None) -> Record | None:
        attio = self._sandbox.attio
        return attio.store.records(attio.people_type).get(record_id or "")

    def _company(self, held: list[dict[str, Any]]) -> str | None:
        if not held:
            return None
        attio = self._sandbox.attio
        companies = attio.companies_type
        company = attio.store.record(companies, held[0]["target_record_id"])
        names = company.active.get(companies.attribute("name"), ())
        return names[0].value if names else None


def _column(
    found: Sequence[Row], limit: int, selected: Row | None, show: Callable[[Row], dict[str, Any]]
) -> dict[str, Any]:
    rows = list(islice(found, limit))
    is_below = selected is not None and not any(row is selected for row in rows)
    return {
        "total": len(found),
        "rows": [show(row) for row in rows],
        "pinned": show(selected) if is_below and selected is not None else None,
    }


def _search(rows: list[Row], wanted: str, words: Callable[[Row], Iterable[str | None]]) -> list[Row]:
    needle = wanted.strip().casefold()
    if not needle:
        return rows
    return [row for row in rows if any(needle in text.casefold() for text in words(row) if text)]


def _words_of_customer(row: Customer) -> Iterable[str | None]:
    return row.name, row.email, row.id, row.external_id


def _person_words(sandbox: Sandbox) -> Callable[[Record], Iterable[str | None]]:
    people = sandbox.attio.people_type
    name, emails, polar_id = people.attribute("name"), people.attribute("email_addresses"), people.find(POLAR_ID)

    def words(record: Record) -> Iterable[str | None]:
        yield record.id
        yield from (version.value[2] for version in record.active.get(name, ()))
        yield from (version.value for version in record.active.get(emails, ()))
        if polar_id is not None:
            yield from (str(version.value) for version in record.active.get(polar_id, ()))

    return words


def _definition(attribute: Attribute) -> dict[str, str]:
    return {"slug": attribute.slug, "title": attribute.title, "type": attribute.type}


def _written_by(held: list[dict[str, Any]]) -> str | None:
    return held[0]["created_by_actor"]["type"] if held else None


def _billing(slug: str, value: Any, held: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the page shows of a billing attribute; `currency` is None where it is no amount."""
    currency = held[0].get("currency_code")
    return {"slug": slug, "value": value if currency else _text(value), "currency": currency}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)

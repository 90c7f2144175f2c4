"""What must be true after a reconciliation, said without the code that decides.

Written from the promise alone: it looks at both worlds before and after, and shares nothing with `matching`,
`planning`, `mapping` or `emails`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sync.outcomes import Outcome, Result

ID = "polar_customer_id"
OURS = {"polar_customer", ID}
OTHERS_WIN = {"workspace-member", "system"}
REFUSED_ENDINGS = (".test", ".invalid", ".example", ".localhost")

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


def expected_failures(before: State) -> dict[str, set[str]]:
    """Say for each customer which reasons it may fail for; an empty set is one that must succeed."""
    reasons: dict[str, set[str]] = {}
    taken_addresses: set[str] = set()
    taken_people: set[str] = set()
    for customer_id in before.customers:
        address = before.addresses[customer_id]
        by_id, by_address = before.with_id(customer_id), before.with_address(address)
        found = _settled_reasons(before, customer_id, by_id, by_address)
        if not found and not (by_id and (address is None or by_id <= by_address)):
            assert address is not None
            if address in taken_addresses or (by_address & taken_people):
                found = {"shared_email", "two_records"} if by_id else {"shared_email"}
            elif not by_address and address.endswith(REFUSED_ENDINGS):
                found = {"refused_by_attio"}
            taken_addresses.add(address)
            taken_people |= by_address
        reasons[customer_id] = found
    return reasons


def check(before: State, after: State, outcomes: Mapping[str, Outcome]) -> None:
    """Hold the outcomes and what became of both sides against the promise."""
    assert outcomes.keys() == before.customers.keys()
    assert after.customers == before.customers
    written: dict[str, str] = {}
    for customer_id, allowed in expected_failures(before).items():
        outcome = outcomes[customer_id]
        reason = outcome.reason.value if outcome.reason else None
        assert (reason in allowed) if allowed else (reason is None), (customer_id, reason, allowed)
        if reason is None:
            written[customer_id] = _one_person(customer_id, outcome, before, after)
    _nobody_lost_or_made_up(before, after, outcomes, written)
    for record_id, person in after.people.items():
        owner = next((customer_id for customer_id, held in written.items() if held == record_id), None)
        was = before.people.get(record_id)
        if owner is None:
            assert was == person, "a person that is no customer's was touched"
        else:
            _values_follow_the_policies(before, owner, was, person)


def _settled_reasons(before: State, customer_id: str, by_id: set[str], by_address: set[str]) -> set[str]:
    address = before.addresses[customer_id]
    if address and address.endswith("@anonymized.polar.sh"):
        return {"anonymised"}
    if len(by_id) > 1:
        return {"copied_id"}
    if by_id:
        return {"two_records"} if by_address and not by_id <= by_address else set()
    if address is None:
        return {"no_email"}
    if len(by_address) > 1:
        return {"repeated_email"}
    holder = next((before.people[record_id].polar_id for record_id in by_address), None)
    return {"shared_email"} if holder in before.customers else set()


def _one_person(customer_id: str, outcome: Outcome, before: State, after: State) -> str:
    (record_id,) = after.with_id(customer_id)
    assert outcome.record_id == record_id
    address = before.addresses[customer_id]
    assert address is None or address in after.people[record_id].emails
    assert after.people[record_id].value("polar_customer") is True
    return record_id


def _nobody_lost_or_made_up(
    before: State, after: State, outcomes: Mapping[str, Outcome], written: Mapping[str, str]
) -> None:
    assert before.people.keys() <= after.people.keys()
    created = {key for key, outcome in outcomes.items() if outcome.result is Result.CREATED}
    assert {written[key] for key in created} == after.people.keys() - before.people.keys()
    assert len(set(written.values())) == len(written)
    for key in created:
        assert not before.with_id(key)
        assert not before.with_address(before.addresses[key])


def _values_follow_the_policies(before: State, customer_id: str, was: Somebody | None, person: Somebody) -> None:
    address = before.addresses[customer_id]
    held = was or Somebody(frozenset(), {})
    assert person.emails == held.emails | ({address} if address else set())
    said = _what_polar_says(before.customers[customer_id], before.names[customer_id])
    if was:
        emails = person.values.get("email_addresses", ())
        assert set(held.values.get("email_addresses", ())) <= set(emails)
        for slug in held.values.keys() - said.keys() - {"email_addresses", "company", *OURS}:
            assert person.values[slug] == held.values[slug], slug
    for slug, wanted in said.items():
        old, new = held.values.get(slug), person.values.get(slug)
        if wanted is None or (old and (old[0][1] in OTHERS_WIN or _equal(old[0][0], wanted))):
            assert new == old, slug
        else:
            assert new is not None, slug
            assert _equal(new[0][0], wanted), slug


def _what_polar_says(customer: Customer, name: str | None) -> dict[str, Any]:
    """What each optional attribute should hold; a name is compared by its full form."""
    return {
        "name": name.strip() if name and name.strip() and "@" not in name else None,
        "polar_customer_url": f"https://polar.sh/dashboard/sandbox/customers/{customer.id}",
        "polar_customer_since": customer.created_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "polar_external_id": customer.external_id,
        "polar_customer_type": customer.type,
        "polar_country": customer.billing_address["country"] if customer.billing_address else None,
    }


def _equal(held: Any, wanted: Any) -> bool:
    if isinstance(held, tuple):  # a name: first, last, full
        return bool(held[2] == wanted)
    return held == wanted or str(held).startswith(f"{wanted}.")  # a time has fractions of a second


def _content(shown: Mapping[str, Any]) -> Any:
    if "full_name" in shown:
        return shown["first_name"], shown["last_name"], shown["full_name"]
    about = {"active_from", "active_until", "created_by_actor", "attribute_type"}
    content = {key: value for key, value in shown.items() if key not in about}
    return content["value"] if content.keys() == {"value"} else repr(content)

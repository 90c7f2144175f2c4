"""What must be true once the faults are over, read off both worlds. It shares nothing with the code under test."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld

MARK, ID = "polar_customer", "polar_customer_id"
EMAILS = "email_addresses"

SAME_MOMENT = timedelta(minutes=5)
"""A value that a human typed so shortly before it was written over met a write that was already decided: Attio has no
conditional write, so nobody can help it."""

_REFUSED = (".test", ".invalid", ".example", ".localhost")
_ANONYMISED = "@anonymized.polar.sh"
_ABOUT = {"active_from", "active_until", "created_by_actor", "attribute_type"}

Said = Mapping[str, list[Customer]]
"""Every state of every customer that Polar ever held, by id, oldest first."""


@dataclass
class Verdict:
    """What is not as it should be, each with a sentence.

    Attributes:
        lost: Writable customers who are not in Attio as one person.
        doubled: Customers who are several people, and people who are nobody's.
        wrong: Values that are neither Polar's nor anybody's to keep.
        overwritten: What a human typed and the pipeline wrote over.
        raced: The same within `SAME_MOMENT`.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    overwritten: list[str] = field(default_factory=list)
    raced: list[str] = field(default_factory=list)

    @property
    def is_true(self) -> bool:
        """Whether Attio is as it should be."""
        return not (self.lost or self.doubled or self.wrong or self.overwritten)


@dataclass(frozen=True)
class _Value:
    content: Any
    actor: str
    since: str
    until: str | None


@dataclass(frozen=True)
class _Person:
    """A person of Attio with the history of every value, oldest first."""

    record_id: str
    created_by: str
    history: Mapping[str, list[_Value]]

    def held(self, slug: str) -> list[_Value]:
        return [value for value in self.history.get(slug, ()) if value.until is None]

    def content(self, slug: str) -> Any:
        return next((value.content for value in self.held(slug)), None)

    @property
    def emails(self) -> set[str]:
        return {str(value.content).lower() for value in self.held(EMAILS)}

    @property
    def polar_ids(self) -> set[str]:
        """Every id that it ever held."""
        return {str(value.content) for value in self.history.get(ID, ())}


def judge(polar: PolarWorld, attio: AttioWorld, said: Said) -> Verdict:
    """Compare both worlds, now."""
    with polar.lock, attio.lock:
        polar.settle()
        attio.records.settle()
        people = list(_people(attio))
        verdict = Verdict()
        _everybody_is_one_person(polar, people, verdict)
        _nobody_is_made_up(people, said, verdict)
        for person in people:
            _typing_is_kept(person, verdict)
            _nobody_was_robbed(person, polar, said, verdict)
        return verdict


def about_each(polar: PolarWorld, attio: AttioWorld) -> dict[str, list[str]]:
    """Return what is not as it should be about customers, now: for each of them, by id."""
    with polar.lock, attio.lock:
        polar.settle()
        attio.records.settle()
        verdict = Verdict()
        return _everybody_is_one_person(polar, list(_people(attio)), verdict)


def writable(polar: PolarWorld) -> dict[str, str | None]:
    """Return the customers that Attio can take and nobody else has a claim on, with the address of each."""
    addresses = {row.id: _address(polar, row) for row in polar.customers.values()}
    shared = Counter(address for address in addresses.values() if address)
    return {
        customer_id: address
        for customer_id, address in addresses.items()
        if address and shared[address] == 1 and not address.endswith((*_REFUSED, _ANONYMISED))
    }


def _everybody_is_one_person(polar: PolarWorld, people: Iterable[_Person], verdict: Verdict) -> dict[str, list[str]]:
    """Judge the customers; return the sentences by customer too."""
    by_id: dict[str, list[_Person]] = defaultdict(list)
    by_address: dict[str, list[_Person]] = defaultdict(list)
    for person in people:
        by_id[str(person.content(ID))].append(person)
        for address in person.emails:
            by_address[address].append(person)
    must = writable(polar)
    about: dict[str, list[str]] = {}
    for row in polar.customers.values():
        found = by_id[row.id]
        own = Verdict()
        if row.id in must and not found:
            own.lost.append(f"{row.id} is nobody in Attio")
        if len(found) > 1:
            own.doubled.append(f"{row.id} is {len(found)} people")
        if len(found) == 1:
            _values_are_true(polar, row, found[0], own)
        about[row.id] = [*own.lost, *own.doubled, *own.wrong]
        verdict.lost += own.lost
        verdict.doubled += own.doubled
        verdict.wrong += own.wrong
    verdict.doubled += [f"{address} is held by {len(held)}" for address, held in by_address.items() if len(held) > 1]
    return about


def _values_are_true(polar: PolarWorld, row: Customer, person: _Person, verdict: Verdict) -> None:
    if person.content(MARK) is not True:
        verdict.wrong.append(f"{person.record_id} is not marked")
    if row.email and row.email.lower() not in person.emails:
        verdict.wrong.append(f"{person.record_id} lacks the address of {row.id}")
    owner = _owner(polar, row)
    for slug, wanted in _wanted(row, row.name if row.email else owner and owner.name).items():
        held = person.held(slug)
        if wanted is None or (held and held[0].actor in {"workspace-member", "system"}):
            continue
        if slug == "name" and not row.email:
            # A team that is known by its id needs no owner, and its person keeps the name that it has.
            continue
        if not held or not _same(held[0].content, wanted):
            shown = held[0].content if held else "nothing"
            verdict.wrong.append(f"{slug} of {person.record_id} is {shown!r}, in Polar {wanted!r} ({row.id})")


def _nobody_is_made_up(people: Iterable[_Person], said: Said, verdict: Verdict) -> None:
    for person in people:
        if person.created_by == "api-token" and not person.polar_ids & said.keys():
            verdict.doubled.append(f"{person.record_id} was created for nobody")
        for slug, values in person.history.items():
            for value in values:
                if value.actor == "api-token" and not _was_said(slug, value.content, person, said):
                    verdict.wrong.append(f"{slug} of {person.record_id} was {value.content!r}, which Polar never said")


def _was_said(slug: str, content: Any, person: _Person, said: Said) -> bool:
    rows = [row for customer_id in person.polar_ids for row in said.get(customer_id, ())]
    if slug == EMAILS:
        owners = any(row.email is None for row in rows)
        return owners or any((row.email or "").lower() == str(content).lower() for row in rows)
    if slug in {MARK, ID}:
        return slug == MARK or content in said
    if slug == "name" and any(row.email is None for row in rows):
        return True
    return any(_same(content, _wanted(row, row.name).get(slug)) for row in rows)


def _typing_is_kept(person: _Person, verdict: Verdict) -> None:
    for slug, values in person.history.items():
        if slug in {MARK, ID}:
            continue
        written = [value for value in values if value.actor == "api-token"]
        for typed in values:
            after = next((value for value in written if value.since == typed.until), None)
            if typed.actor != "workspace-member" or after is None:
                continue
            sentence = f"{slug} of {person.record_id}, typed at {typed.since}, was written over at {after.since}"
            age = datetime.fromisoformat(after.since) - datetime.fromisoformat(typed.since)
            (verdict.raced if age < SAME_MOMENT else verdict.overwritten).append(sentence)


def _nobody_was_robbed(person: _Person, polar: PolarWorld, said: Said, verdict: Verdict) -> None:
    """A person who was one customer may become another only when Polar no longer has the first."""
    values = person.history.get(ID, [])
    for old in values:
        new = next((value for value in values if value.since == old.until and value.actor == "api-token"), None)
        if new and new.content != old.content and str(old.content) in polar.customers:
            verdict.wrong.append(f"{person.record_id} was {old.content}, who lives, and became {new.content}")


def _people(attio: AttioWorld) -> Iterator[_Person]:
    attributes = [attribute for attribute in attio.people_type.attributes if not attribute.computed]
    for record in attio.store.records(attio.people_type).values():
        history = {
            attribute.slug: [_value(shown) for shown in attio.value_history(record.id, attribute.slug)]
            for attribute in attributes
        }
        yield _Person(record.id, record.created_by.type, {slug: values for slug, values in history.items() if values})


def _value(shown: Mapping[str, Any]) -> _Value:
    content = {key: value for key, value in shown.items() if key not in _ABOUT}
    first = content.get("full_name", content.get("email_address", content.get("value", content)))
    return _Value(first, shown["created_by_actor"]["type"], shown["active_from"], shown["active_until"])


def _owner(polar: PolarWorld, row: Customer) -> Any:
    return next((member for member in polar.members.get(row.id, ()) if member.role == "owner"), None)


def _address(polar: PolarWorld, row: Customer) -> str | None:
    owner = None if row.email else _owner(polar, row)
    address = row.email or (owner.email if owner else None)
    return address.lower() if address else None


def _wanted(row: Customer, name: str | None) -> dict[str, Any]:
    """What each attribute should hold; None where Polar says nothing, which never erases."""
    return {
        "name": name.strip() if name and name.strip() and "@" not in name else None,
        "polar_customer_url": f"https://polar.sh/dashboard/sandbox/customers/{row.id}",
        "polar_customer_since": row.created_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "polar_external_id": row.external_id,
        "polar_customer_type": row.type,
        "polar_country": row.billing_address["country"] if row.billing_address else None,
    }


def _same(held: Any, wanted: Any) -> bool:
    """Tell whether a value is what Polar says: a time may have fractions of a second, white space is no difference."""
    if wanted is None:
        return False
    return str(held).split() == str(wanted).split() or str(held).startswith(f"{wanted}.")

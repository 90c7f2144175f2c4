"""Writes that are about to be made, and what a later look shows of those that were never answered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from polar_attio_pipeline.sync.companies.domains import domain_key
from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Plan, same_value
from polar_attio_pipeline.sync.records import CurrentValue, Person
from polar_attio_pipeline.sync.writes import (
    COMPANIES,
    COMPANY_KEY,
    DOMAINS_KEY,
    PEOPLE,
    Write,
    WriteAction,
    WrittenValue,
)

_MATCHING_KEYS = {PEOPLE: EMAILS_KEY, COMPANIES: DOMAINS_KEY}
"""The attribute that a new record is known by, for each object."""

_PROOFS = {PEOPLE: {"polar_customer_id", "polar_customer"}, COMPANIES: {"polar_customer"}}
"""One of these a record holds that a pass has made: another one may hold the address or the domain as well."""


@dataclass(frozen=True, slots=True, eq=False)
class Intent:
    """One write that is about to be made. Two of them are never equal, whatever they hold.

    Attributes:
        customer_id: Polar's id of the customer that it is made for; None where it is of no single customer.
        record_id: The record that is to be written; None where it is to be made.
        values: The attributes. The CRM may refuse some of them, and take the rest in one or several requests.
        object_slug: Attio's slug of the object that the record belongs to.
    """

    customer_id: str | None
    record_id: str | None
    values: tuple[WrittenValue, ...]
    object_slug: str = PEOPLE

    @property
    def action(self) -> WriteAction:
        """Whether the write is to make the record."""
        return WriteAction.UPDATE if self.record_id else WriteAction.CREATE

    @property
    def matching_value(self) -> str | None:
        """The address or the domain of a record that is to be made."""
        key = _MATCHING_KEYS[self.object_slug]
        return next((str(value.new) for value in self.values if value.key == key and not self.record_id), None)

    def done(self, record_id: str, answers: Sequence[tuple[Collection[str], str | None]]) -> list[Write]:
        """Return the writes by which it was carried out.

        Args:
            record_id: The record that was written.
            answers: For each request that wrote something, in their order: the keys of what it wrote, and the CRM's
                name for the request.
        """
        writes: list[Write] = []
        for keys, execution_id in answers:
            values = tuple(value for value in self.values if value.key in keys)
            action = WriteAction.UPDATE if writes else self.action
            writes.append(Write(self.customer_id, record_id, values, self.object_slug, action, execution_id))
        return writes

    def replaces(self, earlier: "Intent") -> bool:
        """Tell whether this one writes what an earlier one would have written, to the same record."""
        if self.object_slug != earlier.object_slug:
            return False
        if self.record_id and earlier.record_id:
            same = self.record_id == earlier.record_id
        elif self.customer_id or earlier.customer_id:
            same = self.customer_id == earlier.customer_id
        else:
            same = self.matching_value is not None and self.matching_value == earlier.matching_value
        return same and not {value.key for value in self.values}.isdisjoint(value.key for value in earlier.values)


def intent_of(due: Plan) -> Intent:
    """Return the write by which a plan will be carried out."""
    before = due.match.person
    held = before.values if before else {}
    values = []
    for change in due.changes:
        if change.key == EMAILS_KEY:
            old = (before.emails or None) if before else None
            values.append(WrittenValue(change.key, old, None, change.new))
        else:
            current = held.get(change.key)
            values.append(WrittenValue(change.key, change.old, current.actor if current else None, change.new))
    return Intent(due.customer.id, before.record_id if before else None, tuple(values))


def seen_of_person(intent: Intent, person: Person) -> Write | None:
    """Return what a look at a person shows of a write without an answer; None where it shows nothing of it."""
    held = {**person.values, **({COMPANY_KEY: person.company} if person.company else {})}
    return _seen(intent, person.record_id, held, frozenset(map(email_key, person.emails)))


def seen_of_company(intent: Intent, company: CompanyRecord) -> Write | None:
    """Return what a look at a company shows of a write without an answer; None where it shows nothing of it."""
    return _seen(intent, company.record_id, company.values, frozenset(company.domains))


def _seen(intent: Intent, record_id: str, held: Mapping[str, CurrentValue], matching: frozenset[str]) -> Write | None:
    """Return the values that are there, as written by a program's key; an empty attribute does not say who emptied it.

    So it counts as emptied by the write where the write shows otherwise, or was to do nothing else.
    """
    if intent.record_id not in {None, record_id}:
        return None
    there = tuple(value for value in intent.values if _is_there(value, held, matching))
    if intent.action is WriteAction.CREATE and _PROOFS[intent.object_slug].isdisjoint(value.key for value in there):
        return None
    says_who = [value for value in intent.values if value.new is not None]
    if not there or (says_who and not any(value.new is not None for value in there)):
        return None
    return Write(intent.customer_id, record_id, there, intent.object_slug, intent.action)


def _is_there(value: WrittenValue, held: Mapping[str, CurrentValue], matching: frozenset[str]) -> bool:
    if value.key == EMAILS_KEY:
        if isinstance(value.new, tuple):
            # Some were removed: those that stay were there before, and others may have joined them.
            before = value.old if isinstance(value.old, tuple) else ()
            return matching.isdisjoint({*map(email_key, before)} - {*map(email_key, value.new)})
        return email_key(str(value.new)) in matching
    if value.key == DOMAINS_KEY:
        return domain_key(str(value.new)) in matching
    current = held.get(value.key)
    if value.new is None or current is None:
        return value.new is None and current is None
    return current.actor == "api-token" and not isinstance(value.new, tuple) and same_value(current.value, value.new)

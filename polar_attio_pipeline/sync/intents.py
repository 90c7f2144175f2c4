"""Writes that are about to be made, and what a later look shows of those that were never answered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

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
        planned_at: When it was put on record, UTC; None until it is read from there.
        pass_id: The pass that put it there; None as well.
    """

    customer_id: str | None
    record_id: str | None
    values: tuple[WrittenValue, ...]
    object_slug: str = PEOPLE
    planned_at: datetime | None = None
    pass_id: str | None = None

    @property
    def action(self) -> WriteAction:
        """Whether the write is to make the record."""
        return WriteAction.UPDATE if self.record_id else WriteAction.CREATE

    @property
    def matching_value(self) -> str | None:
        """The address or the domain of a record that is to be made."""
        key = _MATCHING_KEYS[self.object_slug]
        return next((str(value.new) for value in self.values if value.key == key and not self.record_id), None)

    @property
    def keys(self) -> frozenset[str]:
        """Of the attributes."""
        return frozenset(value.key for value in self.values)

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

    def overlaps(self, earlier: "Intent") -> bool:
        """Tell whether this one writes an attribute that an earlier one would have written, to the same record."""
        if self.object_slug != earlier.object_slug:
            return False
        if self.record_id and earlier.record_id:
            same = self.record_id == earlier.record_id
        elif self.customer_id or earlier.customer_id:
            same = self.customer_id == earlier.customer_id
        else:
            same = self.matching_value is not None and self.matching_value == earlier.matching_value
        return same and not self.keys.isdisjoint(earlier.keys)

    def replaces(self, earlier: "Intent") -> bool:
        """Tell whether this one takes the place of an earlier one that it overlaps: nothing shows that it was done.

        A record is made again only after a look has shown that there is none. An update has to write all of the earlier
        one, and to have found none of it there.
        """
        if not self.overlaps(earlier):
            return False
        if not (self.record_id or earlier.record_id):
            return True
        held, matching = _before(self.values, {}, frozenset())
        found = [value for value in earlier.values if value.key in self.keys and _is_there(value, held, matching)]
        return earlier.keys <= self.keys and not found


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


def seen_of_person(intent: Intent, person: Person, later: Sequence[WrittenValue] = ()) -> Write | None:
    """Return what a look at a person shows of a write without an answer; None where it shows nothing of it.

    Args:
        intent: The write.
        person: As the CRM holds it.
        later: What passes have written to the person since, or were about to write, the newest first.
    """
    held = {**person.values, **({COMPANY_KEY: person.company} if person.company else {})}
    return _seen(intent, person.record_id, *_before(later, held, frozenset(map(email_key, person.emails))))


def seen_of_company(intent: Intent, company: CompanyRecord, later: Sequence[WrittenValue] = ()) -> Write | None:
    """Return what a look at a company shows of a write without an answer; None where it shows nothing of it.

    Args:
        intent: The write.
        company: As the CRM holds it.
        later: As for a person.
    """
    return _seen(intent, company.record_id, *_before(later, company.values, frozenset(company.domains)))


def _before(
    later: Sequence[WrittenValue], held: Mapping[str, CurrentValue], matching: frozenset[str]
) -> tuple[dict[str, CurrentValue], frozenset[str]]:
    """Return what a record held before some writes: each of them was planned from a look at it.

    Args:
        later: The writes, the newest first.
        held: What the record holds since.
        matching: Its addresses or domains since.
    """
    before = dict(held)
    for value in later:
        if value.key in _MATCHING_KEYS.values():
            as_key = email_key if value.key == EMAILS_KEY else domain_key
            matching = frozenset(map(as_key, value.old)) if isinstance(value.old, tuple) else frozenset()
        elif value.old is None or isinstance(value.old, tuple):
            before.pop(value.key, None)
        else:
            # Of whom it is not known that it was a program's key: nothing of it is claimed.
            before[value.key] = CurrentValue(value.old, value.old_actor or "system")
    return before, matching


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

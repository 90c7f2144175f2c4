"""What a pass has written to the CRM, with what was there before: the record from which it can be taken back."""

from dataclasses import dataclass
from enum import StrEnum

from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Change, Plan, same_value
from polar_attio_pipeline.sync.records import Actor, Person, Value

PEOPLE = "people"
"""Attio's slug of the object that people are."""

COMPANY_KEY = "company"

RecordedValue = Value | tuple[str, ...]
"""A value as it goes on record; the addresses of a person are several."""


class WriteAction(StrEnum):
    """What a write did to a record; nothing ever deletes one."""

    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """One attribute that was written.

    Attributes:
        key: Of the attribute.
        old: What the record held when the pass looked at it; None where it held nothing.
        old_actor: Who had written that; None where it is not known, as of addresses, or nothing was held.
        new: What was written. Of addresses (`email_addresses`), the one that joined those in `old`; where an undo has
            taken some off, a tuple of all that were left.
    """

    key: str
    old: RecordedValue | None
    old_actor: Actor | None
    new: RecordedValue | None


@dataclass(frozen=True, slots=True)
class Write:
    """One write that the CRM has carried out.

    Attributes:
        customer_id: Polar's id of the customer that it was made for; None where it is of no single customer.
        record_id: The record that was written.
        values: The attributes, all of them written at once.
        object_slug: Attio's slug of the object that the record belongs to.
        action: Whether the write made the record.
        execution_id: The CRM's name for the request; None where no answer gave one.
    """

    customer_id: str | None
    record_id: str
    values: tuple[WrittenValue, ...]
    object_slug: str = PEOPLE
    action: WriteAction = WriteAction.UPDATE
    execution_id: str | None = None


def write_of(done: Plan, person: Person) -> Write:
    """Return the write by which a plan was carried out, as the CRM has answered it."""
    return _write(done, person, done.changes)


def write_seen(done: Plan, person: Person) -> Write:
    """Return what a later look shows of a plan whose write was not answered: the values that the person holds now."""
    return _write(done, person, tuple(change for change in done.changes if _holds(person, change)))


def _write(done: Plan, person: Person, changes: tuple[Change, ...]) -> Write:
    before = done.match.person
    action = WriteAction.UPDATE if before else WriteAction.CREATE
    values = tuple(_written(change, before) for change in changes)
    return Write(done.customer.id, person.record_id, values, action=action)


def _written(change: Change, before: Person | None) -> WrittenValue:
    if change.key == EMAILS_KEY:
        return WrittenValue(change.key, (before.emails or None) if before else None, None, change.new)
    held = before.values.get(change.key) if before else None
    return WrittenValue(change.key, change.old, held.actor if held else None, change.new)


def _holds(person: Person, change: Change) -> bool:
    if change.key == EMAILS_KEY:
        return email_key(str(change.new)) in map(email_key, person.emails)
    held = person.values.get(change.key)
    return same_value(held.value if held else None, change.new)

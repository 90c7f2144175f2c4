"""What a pass has written to the CRM, with what was there before: the record from which it can be taken back."""

from dataclasses import dataclass
from enum import StrEnum

from polar_attio_pipeline.sync.records import Actor, Value

PEOPLE = "people"
"""Attio's slug of the object that people are."""

COMPANIES = "companies"
"""Attio's slug of the object that companies are."""

COMPANY_KEY = "company"
DOMAINS_KEY = "domains"

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

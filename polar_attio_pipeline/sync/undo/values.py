"""The values that taking a pass back works on: what the history has, what a pass did in all, what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.planning import EMAILS_KEY, same_value
from polar_attio_pipeline.sync.records import CurrentValue, Value
from polar_attio_pipeline.sync.writes import RecordedValue

UNDO = "undo"
"""The kind of a pass that takes another one back."""

RecordKey = tuple[str, str]
"""Attio's slug of an object, and the id of one of its records."""


@dataclass(frozen=True, slots=True)
class PastWrite:
    """One attribute that some pass has written, as the history has it.

    Attributes:
        pass_id: The pass that wrote it.
        kind: Of that pass; None where the pass itself is no longer on record.
        object_slug: Of the object.
        record_id: The record that was written.
        customer_id: The customer that it was written for; None where it is of no single customer.
        key: Of the attribute.
        old: What the record held before; None where it held nothing.
        old_actor: Who had written that; None where it is not known.
        new: What was written; None where the attribute was cleared. Of addresses, one that joined those in `old`, or
            all that were left when some were removed.
        created: Whether the write made the record.
    """

    pass_id: str
    kind: str | None
    object_slug: str
    record_id: str
    customer_id: str | None
    key: str
    old: RecordedValue | None
    old_actor: str | None
    new: RecordedValue | None
    created: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a pass is taken back; empty means all of it.

    Attributes:
        customers: Polar's ids of customers.
        attributes: Keys of attributes.
    """

    customers: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()

    def takes(self, write: PastWrite) -> bool:
        """Tell whether a write belongs to the part."""
        return (not self.customers or write.customer_id in self.customers) and (
            not self.attributes or write.key in self.attributes
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """What a pass did to one attribute of a record in all; each address is an attribute of its own here.

    Attributes:
        key: Of the attribute.
        before: What was there before the pass; None for nothing.
        after: What the pass left there; None for nothing.
        taken_back: Whether an undo has taken it back already.
        later: The newest other pass that has written the attribute since; None where there is none.
    """

    key: str
    before: Value | None
    after: Value | None
    taken_back: bool = False
    later: str | None = None


@dataclass(frozen=True, slots=True)
class RecordEffects:
    """What a pass did to one record.

    Attributes:
        object_slug: Of the object.
        record_id: The record.
        customer_id: The customer that it was written for; None where it is of no single customer.
        created: Whether the pass made the record.
        effects: What it did to each attribute.
    """

    object_slug: str
    record_id: str
    customer_id: str | None
    created: bool
    effects: tuple[Effect, ...]


class Verdict(StrEnum):
    """What becomes of one value, or of a whole record."""

    PUT_BACK = "put back"
    CLEARED = "cleared"
    ALREADY_BACK = "as before the pass already"
    CREATED = "created by the pass, not deleted"
    CHANGED = "changed since"
    WRITTEN_AGAIN = "written again by a later pass"
    ONLY_ADDRESS = "the only address"
    GONE = "the record no longer exists"
    NOT_WRITABLE = "cannot be written any more"
    REFUSED = "refused by Attio"
    NOT_DONE = "not done"


WRITES = frozenset({Verdict.PUT_BACK, Verdict.CLEARED})
"""The verdicts that write."""

LEFT = frozenset(Verdict) - WRITES - {Verdict.ALREADY_BACK, Verdict.CREATED}
"""The verdicts on values that are not as before the pass, and stay so."""


@dataclass(frozen=True, slots=True)
class Item:
    """What becomes of one value.

    Attributes:
        object_slug: Of the object.
        record_id: The record.
        url: Where a person opens it; empty where that is not known.
        customer_id: As in `RecordEffects`.
        key: Of the attribute; empty where it is about the whole record.
        verdict: What becomes of it.
        before: What was there before the pass, and is put back.
        after: What the pass wrote.
        held: What is there now.
        detail: Why, in a sentence; empty where the verdict says everything. It never holds a value.
    """

    object_slug: str
    record_id: str
    url: str
    customer_id: str | None
    key: str
    verdict: Verdict
    before: Value | None = None
    after: Value | None = None
    held: CurrentValue | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record as the CRM holds it now.

    Attributes:
        record_id: The CRM's id.
        url: Where a person opens it; empty where that is not known.
        values: What it holds, by attribute key; an unset attribute is absent.
        addresses: Of a person, every address and who added it, in the CRM's order.
        company: Of a person, the record id of its company, and who chose it.
        execution_id: The CRM's name for the write that this is the answer to; None of a record that was searched for.
    """

    record_id: str
    url: str
    values: Mapping[str, CurrentValue] = field(default_factory=dict)
    addresses: tuple[CurrentValue, ...] = ()
    company: CurrentValue | None = None
    execution_id: str | None = field(default=None, compare=False)


def same(key: str, one: Value | None, other: Value | None, *, exactly: bool = False) -> bool:
    """Tell whether two values of an attribute are one.

    Args:
        key: Of the attribute.
        one: A value; None for nothing.
        other: Another one.
        exactly: Whether white space counts.
    """
    if key == EMAILS_KEY and isinstance(one, str) and isinstance(other, str):
        return email_key(one) == email_key(other)
    return same_value(one, other, exactly=exactly)

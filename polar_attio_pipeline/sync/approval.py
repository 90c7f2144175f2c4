"""What was approved, against what a fresh look finds: a write is made only where the two agree.

A plan that was kept in a file is never carried out as it stands. The customer is read anew, its person looked at anew,
and a new plan made of that. It is carried out if it is the approved one, or the rest of it after a part was written.
Everything else has drifted, and is named with what differs. So nothing is written that was not approved, and nothing
that is no longer true.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.matching import DESCRIPTIONS, ID_KEY
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Action, Change, Plan, same_value
from polar_attio_pipeline.sync.records import CurrentValue, Value


@dataclass(frozen=True, slots=True)
class Approved:
    """What was agreed to write for one customer.

    Attributes:
        customer_id: Polar's id.
        record_id: The person to write to; None for one that is to be created.
        changes: The attributes to write, with what the person held when the plan was made.
    """

    customer_id: str
    record_id: str | None
    changes: tuple[Change, ...]

    @property
    def action(self) -> Action:
        """What was agreed to do."""
        return Action.CREATE if self.record_id is None else Action.UPDATE


class Divergence(StrEnum):
    """How an attribute differs from what was approved; the value is what a person reads."""

    IN_ATTIO = "Attio holds another value now"
    IN_POLAR = "Polar says something else now"
    NOT_APPROVED = "it would be written too, and the plan does not say so"


@dataclass(frozen=True, slots=True)
class Drift:
    """Why what was approved for a customer is not written.

    Attributes:
        customer_id: Polar's id.
        attributes: How attributes differ, by key; empty where it is not they that differ.
        why: What else differs, as a sentence; empty where it is the attributes alone.
        record_id: The person of the plan; None where one was to be created.
    """

    customer_id: str
    attributes: Mapping[str, Divergence] = field(default_factory=dict)
    why: str = ""
    record_id: str | None = None

    @property
    def sentence(self) -> str:
        """What differs, without any value."""
        differing = "; ".join(f"{key}: {how}" for key, how in self.attributes.items())
        return " ".join(filter(None, (self.why, f"{differing}." if differing else "")))


@dataclass(frozen=True, slots=True)
class Held:
    """What a person holds.

    Attributes:
        values: By attribute key.
        emails: Every address.
    """

    values: Mapping[str, CurrentValue]
    emails: tuple[str, ...] = ()

    def shows_done(self, change: Change) -> bool:
        """Tell whether a change has been made already."""
        if change.key == EMAILS_KEY:
            return email_key(str(change.new)) in map(email_key, self.emails)
        return same_value(self._value(change.key), change.new)

    def shows_old(self, change: Change) -> bool:
        """Tell whether an attribute holds what it held before a change."""
        now = (", ".join(self.emails) or None) if change.key == EMAILS_KEY else self._value(change.key)
        return _same(now, change.old)

    def _value(self, key: str) -> Value | None:
        held = self.values.get(key)
        return held.value if held else None


def drift_of(fresh: Plan, approved: Approved) -> Drift | None:
    """Return why a fresh plan must not be carried out; None where it is the approved one, or what is left of it.

    Args:
        fresh: Made just now; it may write nothing.
        approved: What was agreed for its customer.
    """
    if fresh.action in {Action.REJECT, Action.ASK}:
        case = " ".join(DESCRIPTIONS[fresh.match.case])
        return _drift(approved, why=f"It is not certain any more who the customer is. {case}")
    person = fresh.match.person
    if person is None:
        return _drift_of_new(fresh, approved)
    if approved.record_id is None and any(change.key == ID_KEY for change in fresh.changes):
        # Who holds the customer's id was created for it; this person somebody else has added.
        return _drift(
            approved, {EMAILS_KEY: Divergence.IN_ATTIO}, why="A person with the customer's address is in Attio by now."
        )
    found = diverging(approved.changes, fresh.changes, Held(person.values, person.emails))
    if approved.record_id not in {None, person.record_id} and (fresh.writes or found):
        return _drift(approved, why="The customer is another person in Attio now.")
    return _drift(approved, found) if found else None


def _drift_of_new(fresh: Plan, approved: Approved) -> Drift | None:
    if approved.record_id is not None:
        return _drift(approved, why="The person is not in Attio any more, or nothing shows that it is the customer.")
    found = diverging(approved.changes, fresh.changes, Held({}))
    return _drift(approved, found) if found else None


def diverging(approved: Iterable[Change], fresh: Iterable[Change], held: Held) -> dict[str, Divergence]:
    """Return how changes differ from approved ones, by attribute; an approved one may be done already.

    Args:
        approved: What was agreed.
        fresh: What would be written now.
        held: By the person, now.
    """
    due = {change.key: change for change in fresh}
    found: dict[str, Divergence] = {}
    for change in approved:
        now = due.pop(change.key, None)
        if now is None:
            if not held.shows_done(change):
                found[change.key] = Divergence.IN_POLAR if held.shows_old(change) else Divergence.IN_ATTIO
        elif not _same(now.old, change.old):
            found[change.key] = Divergence.IN_ATTIO
        elif not _same(now.new, change.new):
            found[change.key] = Divergence.IN_POLAR
    return found | dict.fromkeys(due, Divergence.NOT_APPROVED)


def drifted(fresh: Plan, drift: Drift) -> Outcome:
    """Return the outcome of a customer whose plan is not carried out. It is of the approval, and not for the ledger."""
    return Outcome(
        customer_id=fresh.customer.id,
        email=fresh.customer.address,
        result=Result.REJECTED,
        created_at=fresh.customer.created_at,
        reason=Reason.DRIFTED,
        detail=drift.sentence,
        record_id=fresh.match.person.record_id if fresh.match.person else None,
        urls=tuple(person.url for person in fresh.match.involved),
    )


def left_out(approved: Approved, why: str) -> Drift:
    """Return the drift of a customer, or of its person, for another reason than its attributes.

    Args:
        approved: What was agreed.
        why: A sentence, without any value.
    """
    return _drift(approved, why=why)


def _same(one: Value | None, other: Value | None) -> bool:
    return type(one) is type(other) and one == other


def _drift(approved: Approved, attributes: Mapping[str, Divergence] | None = None, why: str = "") -> Drift:
    return Drift(approved.customer_id, attributes or {}, why, approved.record_id)

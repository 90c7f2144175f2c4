"""What to write for a customer whose person is known: only what differs, never over a human's typing."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from polar_attio_pipeline.sync.mapping import Policy, Target, Wanted, wanted
from polar_attio_pipeline.sync.matching import AMBIGUOUS, CERTAIN, Case, Match
from polar_attio_pipeline.sync.records import CurrentValue, Customer, PersonName, Value
from polar_attio_pipeline.sync.status import Status

_SAME_INSTANT = timedelta(seconds=1)  # what Attio keeps of the fraction is not documented

EMAILS_KEY = "email_addresses"
STATUS_KEY = "polar_status"


class Action(StrEnum):
    """What a pass does for one customer."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    REJECT = "reject"
    ASK = "ask a human"


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute, what Attio holds and what Polar says.

    `old` is None where nothing is held, `new` where there is nothing any more.
    """

    key: str
    old: Value | None
    new: Value | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass would do for one customer, before it does it.

    Attributes:
        customer: Whom it is about.
        match: Which person it was found to be, and how.
        action: What to do.
        changes: The attributes to write, the address included (`email_addresses`).
        kept: Differences that are left alone, because a human typed the value, Attio enriched it, or nothing of ours is
            there to be cleared.
        left_empty: Why an attribute cannot hold what Polar says, by key.
    """

    customer: Customer
    match: Match
    action: Action
    changes: tuple[Change, ...] = ()
    kept: tuple[Change, ...] = ()
    left_empty: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Value | None]:
        """The attributes to write, without the address."""
        return {change.key: change.new for change in self.changes if change.key != EMAILS_KEY}

    @property
    def writes(self) -> bool:
        """Whether there is anything to write."""
        return self.action in {Action.CREATE, Action.UPDATE}

    @property
    def new_email(self) -> str | None:
        """The address to add; None if the person holds it already."""
        return next((str(change.new) for change in self.changes if change.key == EMAILS_KEY), None)


def plan(customer: Customer, found: Match, targets: tuple[Target, ...], *, overwrite_typed: bool) -> Plan:
    """Compare what Polar says with what Attio holds now, attribute by attribute.

    Args:
        customer: The Polar side.
        found: Who it is in Attio, and what that person holds.
        targets: The attributes of this workspace that may be written.
        overwrite_typed: Whether Polar wins over values that a workspace member typed.
    """
    if found.case in AMBIGUOUS:
        return Plan(customer, found, Action.ASK)
    if found.case not in CERTAIN:
        return Plan(customer, found, Action.REJECT)
    held = found.person.values if found.person else {}
    emails = found.person.emails if found.person else ()
    said = wanted(customer, targets, held=held.keys())
    differing = differences(
        held,
        replace(said, values={**_back_again(held), **said.values}),
        targets,
        overwrite_typed=overwrite_typed,
    )
    address = (
        (Change(EMAILS_KEY, ", ".join(emails) or None, customer.address),)
        if customer.address and found.case in {Case.NEW, Case.EMAIL_CHANGED, Case.REMEMBERED}
        else ()
    )
    changes, kept, empty = address + differing.changes, differing.kept, differing.left_empty
    if found.case is Case.NEW:
        return Plan(customer, found, Action.CREATE, changes, left_empty=empty)
    return Plan(customer, found, Action.UPDATE if changes else Action.KEEP, changes, kept, empty)


@dataclass(frozen=True, slots=True)
class Differences:
    """What a record lacks of what Polar says.

    Attributes:
        changes: The attributes to write.
        kept: As in `Plan`, as is `left_empty`.
    """

    changes: tuple[Change, ...]
    kept: tuple[Change, ...]
    left_empty: Mapping[str, str]


def differences(
    held: Mapping[str, CurrentValue], said: Wanted, targets: tuple[Target, ...], *, overwrite_typed: bool
) -> Differences:
    """Compare what Polar says with what a record holds, attribute by attribute.

    Args:
        held: Its values, by attribute key.
        said: What Polar says.
        targets: The attributes of this workspace that may be written.
        overwrite_typed: Whether Polar wins over values that a workspace member typed.
    """
    differing = [
        (target, Change(target.attribute.key, _value(held.get(target.attribute.key)), new))
        for target, new in _by_target(said.values, targets)
        if not same_value(_value(held.get(target.attribute.key)), new, exactly=target.attribute.policy is Policy.ALWAYS)
    ]
    allowed = {
        change.key
        for target, change in differing
        if (change.new is not None or _may_clear(held.get(change.key)))
        and may_write(target.attribute.policy, held.get(change.key), overwrite_typed=overwrite_typed)
    }
    changes = tuple(change for _, change in differing if change.key in allowed)
    kept = tuple(change for _, change in differing if change.key not in allowed)
    kept_keys = {change.key for change in kept}
    empty = {key: why for key, why in said.left_empty.items() if key not in kept_keys}
    return Differences(changes, kept, empty)


def fingerprint(due: Plan, *, salt: str) -> str:
    """Return a hash of what a plan would send, equal only for the same record and the same values.

    Args:
        due: A plan that writes.
        salt: Whatever else decides whether it would be refused again: the workspace's attributes, the day.
    """
    record = due.match.person.record_id if due.match.person else ""
    sent = (salt, due.action, record, due.new_email, sorted((key, repr(value)) for key, value in due.values.items()))
    return hashlib.sha256(repr(sent).encode()).hexdigest()[:32]


def same_value(old: Value | None, new: Value | None, *, exactly: bool = False) -> bool:
    """Tell whether the CRM holds a value already.

    Args:
        old: What it holds.
        new: What is wanted; None where nothing is to be held.
        exactly: Whether white space counts.
    """
    if exactly:
        # The sync searches by its own marks, and a search does not trim white space.
        return type(old) is type(new) and old == new
    if isinstance(old, datetime) and isinstance(new, datetime):
        return abs(old - new) < _SAME_INSTANT
    if isinstance(old, PersonName) and isinstance(new, PersonName):
        # White space inside a name counts for nothing: what Attio keeps of it is not documented.
        return old.full.split() == new.full.split()
    if isinstance(old, str) and isinstance(new, str):
        return old.strip() == new.strip()
    return type(old) is type(new) and old == new


def _back_again(held: Mapping[str, CurrentValue]) -> dict[str, None]:
    """Return what is to be cleared where Polar says nothing: a customer who lives is not deleted."""
    status = held.get(STATUS_KEY)
    return {STATUS_KEY: None} if status and status.value == Status.DELETED.value else {}


def _by_target(values: Mapping[str, Value | None], targets: tuple[Target, ...]) -> list[tuple[Target, Value | None]]:
    return [(target, values[target.attribute.key]) for target in targets if target.attribute.key in values]


def _value(held: CurrentValue | None) -> Value | None:
    return held.value if held else None


def may_write(policy: Policy, held: CurrentValue | None, *, overwrite_typed: bool) -> bool:
    """Tell whether a value may be written over the one that the CRM holds, by who wrote that."""
    if held is None or policy is Policy.ALWAYS:
        return True
    if held.actor == "system" or policy is Policy.WHEN_EMPTY:
        return False
    return policy is Policy.OVER_TYPING or held.actor != "workspace-member" or overwrite_typed


def _may_clear(held: CurrentValue | None) -> bool:
    """Tell whether a pass has written the value: nothing takes the place of what a person or another app entered."""
    return held is None or held.actor == "api-token"

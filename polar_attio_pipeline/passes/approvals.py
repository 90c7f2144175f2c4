"""What passes were stopped for, on record until it is over, and what a person has approved of it.

An approval covers what was shown when it was given. Both are facts in the ledger: ids, links, counts and names of
attributes, no values.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sync.brake import Effect, Example, Touched

STOPPED_FACT = "stopped_passes"
APPROVED_FACT = "approved_changes"


@dataclass(frozen=True, slots=True)
class Confirmable:
    """A change that a person may approve.

    Attributes:
        name: What `polar-attio approve` calls it.
        meaning: What the approval allows, once.
    """

    name: str
    meaning: str


OTHER_OWNER = Confirmable("organization", "go on with another Polar organization or another Attio workspace")
FEWER_CUSTOMERS = Confirmable("fewer-customers", "go on although Polar has far fewer customers than before")
MANY_CHANGES = Confirmable(
    "many-changes", "change as many existing people as the stopped pass has named, and a fifth more"
)
REINSTALL = Confirmable("reinstall", "write to Attio again after `polar-attio uninstall`")
CONFIRMABLE = {one.name: one for one in (OTHER_OWNER, FEWER_CUSTOMERS, MANY_CHANGES, REINSTALL)}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a pass is about.

    Attributes:
        kind: As in the ledger's table `passes`.
        parts: Its hours, or the ids of its customers; none where it is about everything.
    """

    kind: str
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StoppedPass:
    """A pass that a guard has stopped.

    Attributes:
        name: Of the guard's `Confirmable`.
        scope: What it was about; hours and customers of earlier passes that still wait for the same are among it.
        pass_id: Of the newest one.
        at: When that was.
        why: In sentences: what is wrong, without what to do.
        people: How many people it would have changed.
        counts: Of how many of them each attribute.
        examples: Some of them.
    """

    name: str
    scope: Scope
    pass_id: str
    at: datetime
    why: str
    people: int = 0
    counts: Mapping[Touched, int] | None = None
    examples: Sequence[Example] = ()


def waiting(ledger: Ledger) -> list[StoppedPass]:
    """Return what passes were stopped for and what is not over, one for each guard and kind of pass."""
    return _load(ledger.fact(STOPPED_FACT))


def approved(ledger: Ledger) -> list[StoppedPass]:
    """Return what a person has approved and no pass has used up."""
    return _load(ledger.fact(APPROVED_FACT))


def note_stop(ledger: Ledger, stopped: StoppedPass) -> None:
    """Put on record that a pass was stopped, in place of what was on record of its kind; that approval is void."""

    def add(known: list[StoppedPass]) -> list[StoppedPass]:
        parts = stopped.scope.parts.union(*(one.scope.parts for one in known if _is_same(one, stopped)))
        newest = replace(stopped, scope=replace(stopped.scope, parts=parts))
        return [*(one for one in known if not _is_same(one, stopped)), newest]

    _update(ledger, STOPPED_FACT, add)
    if stopped.name == MANY_CHANGES.name:
        _update(ledger, APPROVED_FACT, lambda known: [one for one in known if not _is_same(one, stopped)])


def note_passed(ledger: Ledger, name: str, scope: Scope | None = None, *, by_approval: bool = False) -> None:
    """Put on record that a guard has let a pass through: what it was about waits no longer.

    Args:
        ledger: Where it is on record.
        name: Of the guard's `Confirmable`.
        scope: What the pass is about; everything if not given.
        by_approval: Whether an approval was needed: it stays until `use_up`, so that a pass that fails on its way can
            be started again.
    """

    def without(known: list[StoppedPass]) -> list[StoppedPass]:
        return [left for one in known if (left := _left(one, name, scope))]

    def spared(known: list[StoppedPass]) -> list[StoppedPass]:
        kept = [one for one in known if by_approval and scope and one.scope.kind == scope.kind]
        return [*kept, *without([one for one in known if one not in kept])]

    _update(ledger, STOPPED_FACT, without)
    if name == MANY_CHANGES.name:
        _update(ledger, APPROVED_FACT, spared)


def approve(ledger: Ledger, name: str, *, kind: str | None = None) -> list[StoppedPass]:
    """Approve, once, what passes were stopped for.

    Args:
        ledger: Where it is on record.
        name: Of a `Confirmable`.
        kind: Of which passes; all that wait if not given.

    Returns:
        The stopped passes that are let through now, each kind once. Many changes of people are approved as they were
        shown, so that without such a pass nothing is approved; all else also beforehand.
    """
    stopped = [one for one in waiting(ledger) if one.name == name and kind in {None, one.scope.kind}]
    if name != MANY_CHANGES.name:
        ledger.confirm(name)
    elif stopped:

        def add(known: list[StoppedPass]) -> list[StoppedPass]:
            now = [replace(one, at=datetime.now(UTC)) for one in stopped]
            return [*(one for one in known if not any(_is_same(one, other) for other in now)), *now]

        _update(ledger, APPROVED_FACT, add)
    return stopped


def approval_for(ledger: Ledger, scope: Scope) -> StoppedPass | None:
    """Return what was approved of many changes for a pass, if it is about anything that was stopped."""
    for one in approved(ledger):
        if one.scope.kind == scope.kind and (not one.scope.parts or one.scope.parts & scope.parts):
            return one
    return None


def use_up(ledger: Ledger, scope: Scope) -> None:
    """Note that a pass of this kind has ended well that an approval let through: it counts once."""
    _update(ledger, APPROVED_FACT, lambda known: [one for one in known if one.scope.kind != scope.kind])


def _is_same(one: StoppedPass, other: StoppedPass) -> bool:
    return one.name == other.name and one.scope.kind == other.scope.kind


def _left(one: StoppedPass, name: str, scope: Scope | None) -> StoppedPass | None:
    """Return what still waits of a stopped pass after another one was let through."""
    if one.name != name:
        return one
    if scope is None or not scope.parts:
        return None
    if one.scope.kind != scope.kind:
        return one
    parts = one.scope.parts - scope.parts
    return replace(one, scope=replace(one.scope, parts=parts)) if parts else None


def _update(ledger: Ledger, fact: str, change: Callable[[list[StoppedPass]], list[StoppedPass]]) -> None:
    """Change what is on record; nothing is written where nothing changes."""
    before = ledger.fact(fact)
    if _dump(change(_load(before))) == (before or _dump([])):
        return
    ledger.update_fact(fact, lambda known: _dump(change(_load(known))))


def _dump(stopped: Iterable[StoppedPass]) -> str:
    return json.dumps([_plain(one) for one in sorted(stopped, key=lambda one: (one.name, one.scope.kind))])


def _plain(one: StoppedPass) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.scope.kind,
        "parts": sorted(one.scope.parts),
        "pass_id": one.pass_id,
        "at": one.at.isoformat(),
        "why": one.why,
        "people": one.people,
        "counts": [[touched.key, touched.effect.value, count] for touched, count in (one.counts or {}).items()],
        "examples": [
            [each.customer_id, each.polar_url, each.attio_url, [[one.key, one.effect.value] for one in each.touched]]
            for each in one.examples
        ],
    }


def _load(text: str | None) -> list[StoppedPass]:
    """Return what is on record; nothing where that is no form of ours, so that a guard judges anew."""
    try:
        return [_parse(one) for one in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def _parse(one: Mapping[str, Any]) -> StoppedPass:
    return StoppedPass(
        name=str(one["name"]),
        scope=Scope(str(one["kind"]), frozenset(map(str, one["parts"]))),
        pass_id=str(one["pass_id"]),
        at=datetime.fromisoformat(one["at"]),
        why=str(one["why"]),
        people=int(one["people"]),
        counts={Touched(str(key), Effect(effect)): int(count) for key, effect, count in one["counts"]},
        examples=[
            Example(
                str(customer), str(polar), str(attio), tuple(Touched(str(key), Effect(how)) for key, how in touched)
            )
            for customer, polar, attio, touched in one["examples"]
        ],
    )

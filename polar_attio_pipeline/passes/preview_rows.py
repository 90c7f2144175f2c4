"""A preview as flat rows: one for each field of each customer, with what kind of change it is. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from polar_attio_pipeline.passes.preview import Preview
from polar_attio_pipeline.sync.attributes import BY_KEY, in_order
from polar_attio_pipeline.sync.outcomes import unwritable
from polar_attio_pipeline.sync.planning import EMAILS_KEY, Action, Change, Plan
from polar_attio_pipeline.sync.records import PersonName, Value, ValueType

Row = dict[str, str | None]
"""Has kind, action, customer, case, attio (links), field, old, new, note; always all of them."""

NOTHING = "nothing"
"""What is written for a value that is not there, or is to be cleared."""


class Kind(StrEnum):
    """What kind of change a row is."""

    CREATE = "create"
    SET = "set"
    CHANGE = "change"
    CLEAR = "clear"
    LEFT_ALONE = "left alone"
    LEFT_EMPTY = "left empty"
    REJECT = "reject"
    ASK = "ask a human"


WRITTEN = (Kind.CREATE, Kind.SET, Kind.CHANGE, Kind.CLEAR)
"""The kinds that a pass would write; `CREATE` is a field of a new person."""

_LEFT_ALONE = "left alone: a human typed it, Attio enriched it, or another app wrote it"


def rows(found: Preview) -> Iterator[Row]:
    """Yield one row for each field that differs, and one for each customer that a pass could not write."""
    for plan in found.plans:
        if plan.action in {Action.REJECT, Action.ASK}:
            kind = Kind.ASK if plan.action is Action.ASK else Kind.REJECT
            yield _row(plan, kind, note=unwritable(plan).detail)
        for change in plan.changes:
            yield _row(plan, _kind(plan, change), change)
        for change in plan.kept:
            yield _row(plan, Kind.LEFT_ALONE, change, note=_LEFT_ALONE)
        for key, why in plan.left_empty.items():
            yield {**_row(plan, Kind.LEFT_EMPTY, note=f"left empty: {why}"), "field": key}
    for outcome in found.failed:
        yield {
            "kind": Kind.REJECT.value,
            "action": Action.REJECT.value,
            "customer": outcome.customer_id,
            "case": outcome.reason.value if outcome.reason else None,
            "attio": None,
            "field": None,
            "old": None,
            "new": None,
            "note": outcome.detail,
        }


def by_attribute(changes: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Count the fields to write by attribute and kind, in the order of the mapping; each kind has a number."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in changes:
        if row["kind"] in WRITTEN and row["field"]:
            counts[row["field"], row["kind"] or ""] += 1
    fields = {field for field, _ in counts}
    ordered = [*(fields & {EMAILS_KEY}), *in_order(fields - {EMAILS_KEY})]
    return {field: {kind.value: counts[field, kind.value] for kind in WRITTEN} for field in ordered}


def show(value: Value | None, *, is_money: bool = False) -> str | None:
    """Return a value as text for people; None where nothing is held. An amount of money has two decimals at least."""
    if value is None:
        return None
    if isinstance(value, PersonName):
        return value.full
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        return f"{value:.2f}" if is_money and isinstance(exponent, int) and exponent > -2 else f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _kind(plan: Plan, change: Change) -> Kind:
    if plan.action is Action.CREATE:
        return Kind.CREATE
    if change.new is None:
        return Kind.CLEAR
    return Kind.SET if change.old is None else Kind.CHANGE


def _row(plan: Plan, kind: Kind, change: Change | None = None, *, note: str | None = None) -> Row:
    is_money = change is not None and change.key in BY_KEY and BY_KEY[change.key].types[0] is ValueType.CURRENCY
    return {
        "kind": kind.value,
        "action": plan.action.value,
        "customer": plan.customer.id,
        "case": plan.match.case.value,
        "attio": " ".join(person.url for person in plan.match.involved) or None,
        "field": change.key if change else None,
        "old": show(change.old, is_money=is_money) if change else None,
        "new": (show(change.new, is_money=is_money) or NOTHING) if change else None,
        "note": note,
    }

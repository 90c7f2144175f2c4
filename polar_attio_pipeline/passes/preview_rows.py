"""A preview as flat rows: one for each field of each customer, with what kind of change it is. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from polar_attio_pipeline.passes.preview import Preview
from polar_attio_pipeline.sync.attributes import BY_KEY, in_order
from polar_attio_pipeline.sync.money import decimal_places
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

_DELETED = "the customer was deleted in Polar"

_LEFT_ALONE = "left alone: a human typed it, Attio enriched it, or another app wrote it"


def rows(found: Preview) -> Iterator[Row]:
    """Yield one row for each field that differs, and one for each customer that a pass could not write.

    Fields of people whose customer was deleted come last, with a note that says so.
    """
    places = _places(found.currencies)
    for plan in found.plans:
        if plan.action in {Action.REJECT, Action.ASK}:
            kind = Kind.ASK if plan.action is Action.ASK else Kind.REJECT
            yield _row(plan, kind, note=unwritable(plan).detail)
        for change in plan.changes:
            kind = Kind.CREATE if plan.action is Action.CREATE else _kind(change)
            yield {**_row(plan, kind), **_values(change, places)}
        for change in plan.kept:
            yield {**_row(plan, Kind.LEFT_ALONE, note=_LEFT_ALONE), **_values(change, places)}
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
    for person, changes in found.deletions:
        for change in changes:
            yield {
                "kind": _kind(change).value,
                "action": Action.UPDATE.value,
                "customer": person.customer_id,
                "case": None,
                "attio": person.url,
                **_values(change, places),
                "note": _DELETED,
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


def show(value: Value | None, *, places: int | None = None) -> str | None:
    """Return a value as text for people; None where nothing is held.

    Args:
        value: The value.
        places: Of an amount of money, how many decimals its currency has; those that it has beyond them are shown too.
    """
    if value is None:
        return None
    if isinstance(value, PersonName):
        return value.full
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        text = f"{value:f}" if places is None else f"{value:.{places}f}"
        return text if Decimal(text) == value else f"{value:f}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _places(currencies: Mapping[str, str]) -> dict[str, int]:
    """Return how many decimals amounts are shown with, by attribute key; two where the currency is not known."""
    amounts = [key for key, attribute in BY_KEY.items() if attribute.types[0] is ValueType.CURRENCY]
    known = {key: decimal_places(currencies.get(key, "")) for key in amounts}
    return {key: 2 if places is None else places for key, places in known.items()}


def _kind(change: Change) -> Kind:
    """Return what kind of change is made to a person who exists."""
    if change.new is None:
        return Kind.CLEAR
    return Kind.SET if change.old is None else Kind.CHANGE


def _values(change: Change, places: Mapping[str, int]) -> Row:
    decimals = places.get(change.key)
    return {
        "field": change.key,
        "old": show(change.old, places=decimals),
        "new": show(change.new, places=decimals) or NOTHING,
    }


def _row(plan: Plan, kind: Kind, *, note: str | None = None) -> Row:
    return {
        "kind": kind.value,
        "action": plan.action.value,
        "customer": plan.customer.id,
        "case": plan.match.case.value,
        "attio": " ".join(person.url for person in plan.match.involved) or None,
        "field": None,
        "old": None,
        "new": None,
        "note": note,
    }

"""An explanation of a customer as text for a terminal. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby

from polar_attio_pipeline.cli.subscription_text import in_words
from polar_attio_pipeline.cli.wrapping import wrapped
from polar_attio_pipeline.hours import key
from polar_attio_pipeline.ledger import SKIPPED_BY, ChangeRow, PassRow
from polar_attio_pipeline.passes.explain import Explained, Explanation, NextPass
from polar_attio_pipeline.passes.preview import Preview
from polar_attio_pipeline.passes.preview_rows import NOTHING, WRITTEN, Kind, Row, rows, show
from polar_attio_pipeline.sync.matching import DESCRIPTIONS, person_id
from polar_attio_pipeline.sync.planning import Action, Plan
from polar_attio_pipeline.sync.records import Customer, Person
from polar_attio_pipeline.sync.status import STATUS_RULES

CHANGES = 10
"""Of the history, so many of the newest values; `--json` has all."""

_WROTE = {
    "workspace-member": "a workspace member typed it",
    "system": "Attio itself set it, which the API cannot override",
    "app": "another app wrote it",
    "api-token": "it is only filled where it is empty",
}
"""Why a value that differs is left alone, by who wrote it."""


def text(found: Explanation, *, width: int = 80) -> Iterator[str]:
    """Yield the lines, none of which is longer than the width but for a word that is.

    Args:
        found: Everything that is known.
        width: Of the terminal, in characters.
    """
    for problem in found.problems:
        yield from wrapped(problem, width)
    if len(found.customers) > 1:
        yield from wrapped(f"{found.typed.text} is of {len(found.customers)} customers:", width)
    for number, one in enumerate(found.customers):
        if number or found.problems:
            yield ""
        for label, line in _lines(one, found):
            yield from wrapped(line, width, label=label)
    yield from _others(found, width)


def _lines(one: Explained, found: Explanation) -> Iterator[tuple[str, str]]:
    yield "Customer", " ".join(filter(None, [one.customer_id, one.url]))
    yield "Polar", _in_polar(one)
    if one.created_at:
        yield "", f"Created {_time(one.created_at)}, in the hour {key(one.created_at)}."
    if one.customer:
        yield from _pays(one, one.customer, found.read_at)
    yield from _in_attio(one, found)
    yield from _next_pass(one, found.next_pass)
    yield from _on_record(one)


def _in_polar(one: Explained) -> str:
    if one.customer:
        held = one.customer
        return ", ".join(filter(None, ["Live", held.type, held.address or "without an address", held.name])) + "."
    if one.in_polar is None:
        return "Not known, because Polar did not say."
    since = one.on_record.deleted_since
    return "No such customer (any more)." + (f" A pass noticed that on {_time(since)}." if since else "")


def _pays(one: Explained, customer: Customer, now: datetime) -> Iterator[tuple[str, str]]:
    billing = customer.billing
    if billing and billing.status:
        yield "Pays", f"{billing.status}. {STATUS_RULES[billing.status]}"
    elif one.subscriptions is None:
        yield "Pays", "Not known: its subscriptions were not read."
    else:
        yield "Pays", "It cannot be told from what was read."
    for subscription in one.subscriptions or ():
        yield "", f"- {in_words(subscription, now)}"


def _in_attio(one: Explained, found: Explanation) -> Iterator[tuple[str, str]]:
    if one.plan:
        yield "Attio", f"{one.plan.match.case}: {' '.join(DESCRIPTIONS[one.plan.match.case])}"
        yield from (("", person.url) for person in one.plan.match.involved)
        return
    holders = [person for person in found.people if person_id(person) == one.customer_id]
    if holders:
        yield "Attio", "Held by its Polar id: " + " ".join(person.url for person in holders)
    elif one.on_record.outcome and one.on_record.outcome.attio_url:
        yield "Attio", f"By the ledger: {one.on_record.outcome.attio_url}"
    else:
        yield "Attio", "No person is known for it."


def _next_pass(one: Explained, upcoming: NextPass) -> Iterator[tuple[str, str]]:
    if one.on_record.skipped:
        why = f" ({one.on_record.skipped.why})" if one.on_record.skipped.why else ""
        since = _time(one.on_record.skipped.skipped_at)
        yield "Next pass", f"Writes nothing: left out on purpose since {since}{why}."
    elif one.plan and one.customer_id in upcoming.refused:
        yield "Next pass", _REFUSED
    elif one.plan:
        yield from _planned(one.plan, upcoming)
    elif one.outcome:
        yield "Next pass", f"Writes nothing: {one.outcome.result}. {one.outcome.detail or ''}"
    elif one.in_polar is False:
        yield "Next pass", "Writes to its person in Attio that the customer was deleted, where it does not say so yet."
    else:
        yield "Next pass", "Cannot be said, because a service did not answer."


def _planned(plan: Plan, upcoming: NextPass) -> Iterator[tuple[str, str]]:
    fields = list(rows(Preview([plan], [], 0, currencies=upcoming.currencies)))
    written = [row for row in fields if row["kind"] in WRITTEN]
    yield "Next pass", _SAYS[plan.action]
    for row in written:
        new = f"{row['field']}: {row['new']}"
        yield "", f"- {row['field']}: {row['old'] or NOTHING} -> {row['new']}" if plan.match.person else f"- {new}"
    yield from (("", line) for line in _not_written(plan, fields))
    if upcoming.lacking and plan.writes:
        yield "", f"The workspace has no attribute for: {', '.join(upcoming.lacking)}."


_REFUSED = (
    "Writes nothing: Attio has refused just this before. It is sent again when something of it has changed, and once a "
    "day."
)

_SAYS = {
    Action.CREATE: "Creates the person:",
    Action.UPDATE: "Updates the person:",
    Action.KEEP: "Writes nothing: Attio has everything already.",
    Action.REJECT: "Writes nothing, and names the customer as rejected.",
    Action.ASK: "Writes nothing until a person has decided.",
}


def _not_written(plan: Plan, fields: Iterable[Row]) -> Iterator[str]:
    held = plan.match.person.values if plan.match.person else {}
    for row in fields:
        name = row["field"] or ""
        if row["kind"] == Kind.LEFT_ALONE:
            actor = held[name].actor if name in held else ""
            why = _WROTE.get(actor, "nothing of the sync is there")
            yield f"- {name} stays {row['old'] or NOTHING}, not {row['new']}: {why}."
        elif row["kind"] == Kind.LEFT_EMPTY:
            yield f"- {name}: {row['note']}."


def _on_record(one: Explained) -> Iterator[tuple[str, str]]:
    known, passes = one.on_record.outcome, one.on_record.passes
    if known is None:
        yield "On record", "No outcome: no pass has come to the customer, or its outcome was dropped."
    else:
        reason = f", {known.reason}" if known.reason else ""
        by = _by(known.pass_id, passes.get(known.pass_id))
        yield "On record", f"{known.outcome}{reason} since {_time(known.changed_at)}, {by}."
        if known.tried_at > known.changed_at:
            yield "", f"Tried last {_time(known.tried_at)}."
        if known.detail:
            yield "", known.detail
    yield from _history(one)


def _history(one: Explained) -> Iterator[tuple[str, str]]:
    """Yield the newest values that were written, under the pass that wrote them."""
    changes, passes = one.on_record.changes, one.on_record.passes
    newest = list(reversed(changes[-CHANGES:]))
    for number, (pass_id, written) in enumerate(groupby(newest, key=lambda change: change.pass_id)):
        values = list(written)
        heading = f"{_time(values[0].written_at)}, {_by(pass_id, passes.get(pass_id))}:"
        yield "" if number else "History", heading
        yield from (("", f"- {_change(change)}") for change in values)
    if len(changes) > CHANGES:
        older = len(changes) - CHANGES
        yield "", f"and {older:,} older {'value' if older == 1 else 'values'} (--json has all)"


def _others(found: Explanation, width: int) -> Iterator[str]:
    """Yield the people of Attio that no customer was found for, or only a customer that Polar does not have."""
    told = {person.record_id for one in found.customers if one.plan for person in one.plan.match.involved}
    ids = {one.customer_id for one in found.customers}
    for person in found.people:
        if person.record_id not in told and person_id(person) not in ids:
            yield from wrapped(_alone(person), width, label="Attio")


def _alone(person: Person) -> str:
    held = person_id(person)
    if held:
        return f"{person.url} holds the Polar id {held}, of which nothing else is known."
    return f"{person.url} holds no Polar id, and Polar has no customer with one of its addresses."


def _change(change: ChangeRow) -> str:
    old, new = (
        ", ".join(value) if isinstance(value, tuple) else show(value) for value in (change.old_value, change.new_value)
    )
    return f"{change.attribute}: {old or NOTHING} -> {new or NOTHING}"


def _by(pass_id: str, row: PassRow | None) -> str:
    if pass_id == SKIPPED_BY:
        return f"by {pass_id}"
    what = f"{row.kind}, {row.reason}" if row else "no longer on record"
    return f"by the pass {pass_id[:8]} ({what})"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

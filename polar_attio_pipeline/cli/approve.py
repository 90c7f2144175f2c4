"""`polar-attio approve`."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from polar_attio_pipeline.cli.output import explained_errors, fail
from polar_attio_pipeline.cli.wrapping import width, wrapped
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import CONFIRMABLE, MANY_CHANGES, StoppedPass
from polar_attio_pipeline.passes.connect import ledger_of
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.brake import covered, in_order

_KINDS = {
    "hourly": "pass over hours",
    "changed": "pass over changed customers",
    "reconciliation": "reconciliation",
}
_AGAIN = "Start it again; Dagster's schedules and sensors do so by themselves, after a while."


def approve(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(sorted(CONFIRMABLE))}.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document with everything.")] = False,
) -> None:
    """Allow, once, what a guard has stopped before the first write; without a name, list what can be approved.

    Exits with 0 when it is approved or listed, 1 when there is nothing to approve by that name.
    """
    if what and what not in CONFIRMABLE:
        fail(f"There is nothing to approve by the name {what}: it is one of {', '.join(sorted(CONFIRMABLE))}.")
    with explained_errors():
        settings = Settings()
        ledger = ledger_of(settings)
        let_through = approvals.approve(ledger, what) if what else []
        waiting, approved = approvals.waiting(ledger), approvals.approved(ledger)
    if what == MANY_CHANGES.name and not let_through:
        fail("No pass waits because it would change too many people: there is nothing to approve.")
    if as_json:
        whole = {
            "approved_now": what or None,
            "approvable": {name: _as_json(name, waiting, approved) for name in CONFIRMABLE},
        }
        typer.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    least = settings.polar_attio_change_min_people
    for line in _approved(what, let_through, least) if what else _listed(waiting, approved):
        typer.echo(line)


def _approved(what: str, let_through: Sequence[StoppedPass], least: int) -> Iterator[str]:
    if what != MANY_CHANGES.name:
        yield from wrapped(f"The next pass may {CONFIRMABLE[what].meaning}. {_AGAIN}", width())
        return
    for one in let_through:
        yield f"One {_KINDS.get(one.scope.kind, one.scope.kind)} may change, of people who hold a Polar id already:"
        for touched, count in in_order(one.counts or {}):
            yield f"  {touched.key} {touched.effect} of at most {covered(count, least=least):,} (named: {count:,})"
    yield from wrapped(f"Where it would do more by then, it stops again. {_AGAIN}", width())


def _listed(waiting: Sequence[StoppedPass], approved: Sequence[StoppedPass]) -> Iterator[str]:
    yield "What can be approved by its name, each once:"
    for name, one in CONFIRMABLE.items():
        yield ""
        yield from wrapped(f"{name}: {one.meaning}.", width())
        here = [stopped for stopped in waiting if stopped.name == name]
        for stopped in here:
            kind = _KINDS.get(stopped.scope.kind, "pass")
            since = f"{stopped.at:%Y-%m-%d %H:%M} UTC"
            yield from wrapped(f"A {kind} waits for it since {since}. {stopped.why}", width(), indent="  ")
            if stopped.examples:
                yield "  Such as, each with its links into Polar and Attio:"
            for example in stopped.examples:
                yield from wrapped(f"- {example.in_words()}", width(), indent="    ")
                yield f"      {example.polar_url}"
                yield f"      {example.attio_url}"
        for given in approved:
            if given.name == name:
                kind = _KINDS.get(given.scope.kind, "pass")
                at = f"{given.at:%Y-%m-%d %H:%M} UTC"
                yield from wrapped(f"Approved at {at} for the next {kind}.", width(), indent="  ")
        if not here:
            yield "  No pass waits for it."


def _as_json(name: str, waiting: Sequence[StoppedPass], approved: Sequence[StoppedPass]) -> dict[str, Any]:
    return {
        "allows": CONFIRMABLE[name].meaning,
        "waiting": [_stopped(one) for one in waiting if one.name == name],
        "approved": [_stopped(one) for one in approved if one.name == name],
    }


def _stopped(one: StoppedPass) -> dict[str, Any]:
    return {
        "kind": one.scope.kind or None,
        "hours_or_customers": sorted(one.scope.parts),
        "pass_id": one.pass_id,
        "at": one.at.isoformat(),
        "why": one.why,
        "people": one.people,
        "attributes": [
            {"attribute": touched.key, "effect": touched.effect.value, "people": count}
            for touched, count in in_order(one.counts or {})
        ],
        "examples": [
            {
                "customer": each.customer_id,
                "polar": each.polar_url,
                "attio": each.attio_url,
                "attributes": {touched.key: touched.effect.value for touched in each.touched},
            }
            for each in one.examples
        ],
    }

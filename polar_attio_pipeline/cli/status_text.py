"""How the sync stands, as text for a terminal and as a JSON document. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from polar_attio_pipeline.cli.wrapping import wrapped
from polar_attio_pipeline.hours import key
from polar_attio_pipeline.ledger import PassRow
from polar_attio_pipeline.passes.lifecycle import FINISHED
from polar_attio_pipeline.passes.status import Grid, Standing, Status, hours, owner
from polar_attio_pipeline.sync.outcomes import FAILED, due_in_attio

PASSES = 5
"""Of the newest passes, so many are shown; `--json` has more."""

_REASONS = 6

_BEGINNING, _END = 400, 300
"""Characters of a problem that are shown: the error of a pass may be long; it begins with what is wrong, and ends with
what to do. `--json` has all of it."""


def text(found: Status, *, width: int = 80) -> Iterator[str]:
    """Yield the lines, none of which is longer than the width but for a word that is."""
    yield "Not all is well:" if found.problems else "All is well."
    for problem in found.problems:
        yield from wrapped(f"- {_shortened(problem)}", width)
    yield ""
    for label, line in _lines(found):
        yield from wrapped(line, width, label=label)


def document(found: Status) -> dict[str, Any]:
    """Return everything, in values that JSON has."""
    known, grid = found.standing, found.grid
    return {
        "healthy": not found.problems,
        "problems": list(found.problems),
        "ledger": known.name,
        "services": [{"name": one.name, "problem": one.problem} for one in found.services],
        "customers": {result.value: count for result, count in known.counts.items()},
        "reasons": [asdict(one) for one in known.reasons],
        "waiting_for_approval": list(known.waiting),
        "skipped": known.skipped,
        "deleted": known.deleted,
        "hours": _grid(grid) if grid else None,
        "lease": owner(known.lease),
        "passes": [_pass(row) for row in known.passes],
    }


def _lines(found: Status) -> Iterator[tuple[str, str]]:
    known = found.standing
    for number, service in enumerate(found.services):
        yield (
            "" if number else "Services",
            f"{service.name} {'answers' if service.problem is None else 'cannot be used'}",
        )
    if not found.services:
        yield "Services", "not asked"
    yield "Ledger", known.name
    yield from _customers(known)
    yield from _hours(found.grid)
    yield "At work", owner(known.lease) or "no pass"
    for number, row in enumerate(known.passes[:PASSES]):
        yield "" if number else "Passes", _passed(row)
    if not known.passes:
        yield "Passes", "none yet"


def _customers(known: Standing) -> Iterator[tuple[str, str]]:
    failed, due = sum(known.counts[result] for result in FAILED), due_in_attio(known.counts)
    yield "Customers", f"{due - failed:,} in Attio, {failed:,} not in Attio or out of date"
    reasons = _reasons(known)
    yield from (("", line) for line in reasons[:_REASONS])
    if len(reasons) > _REASONS:
        yield "", f"- and {len(reasons) - _REASONS} more reasons"
    excluded = sum(known.counts.values()) - due
    if excluded:
        yield "", f"{excluded:,} excluded"
    if known.skipped:
        yield "", f"{known.skipped:,} left out by polar-attio skip"
    if known.deleted:
        yield "", f"{known.deleted:,} deleted in Polar, whose history the ledger still keeps"


def _reasons(known: Standing) -> list[str]:
    """Return a line for each reason, the most frequent first; how those came to Attio who are there is no matter."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], str] = {}
    for one in known.reasons:
        reason = (one.outcome if one.outcome in FAILED else "in Attio without a value", one.reason)
        counts[reason] += one.count
        examples[reason] = min(examples.get(reason, one.example), one.example)
    return [
        f"- {count:,} {what}, {reason}, such as {examples[what, reason]}"
        for (what, reason), count in counts.most_common()
    ]


def _hours(grid: Grid | None) -> Iterator[tuple[str, str]]:
    if grid is None:
        yield "Hours", "not known: DAGSTER_HOME names no instance of Dagster that has loaded the pipeline"
        return
    missing = f"missing {hours(grid.missing)}" if grid.missing else "none is missing"
    yield "Hours", f"synced from {key(grid.start)} until {key(grid.watermark)}; {missing}"
    yield "Next", f"hourly pass {_time(grid.next_hourly)}, reconciliation {_time(grid.next_reconciliation)}"


def _passed(row: PassRow) -> str:
    counts = ", ".join(f"{count:,} {result}" for result, count in row.counts.items() if count)
    how = "under way, or killed" if row.ended is None else "finished" if row.ended == FINISHED else "did not finish"
    return f"{_time(row.began_at)} {row.kind} {how}{f': {counts}' if counts else ''}"


def _grid(grid: Grid) -> dict[str, Any]:
    return {
        "start": key(grid.start),
        "watermark": key(grid.watermark),
        "missing": [key(hour) for hour in grid.missing],
        "next_hourly": grid.next_hourly.isoformat(),
        "next_reconciliation": grid.next_reconciliation.isoformat(),
    }


def _pass(row: PassRow) -> dict[str, Any]:
    ended = row.ended_at.isoformat() if row.ended_at else None
    return {**asdict(row), "counts": dict(row.counts), "began_at": row.began_at.isoformat(), "ended_at": ended}


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _shortened(problem: str) -> str:
    whole = " ".join(problem.split())
    if len(whole) <= _BEGINNING + _END:
        return whole
    return f"{whole[:_BEGINNING].rsplit(' ', 1)[0]} ... {whole[-_END:].split(' ', 1)[1]}"

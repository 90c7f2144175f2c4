"""What the Dagster UI shows of a pass: numbers that it plots, and tables with links. No names, no addresses."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.outcomes import Outcome, Result

ROWS_SHOWN = 100
"""Rows of a table in the UI; the ledger holds all of them."""

_ORDER = (Result.REJECTED, Result.AMBIGUOUS, Result.CREATED, Result.UPDATED, Result.UNCHANGED)


def numbers(counts: Mapping[Result, int], *, requests: int, seconds: float) -> dict[str, int | float]:
    """Return the numbers of a pass, each of which the UI plots."""
    return {
        "customers": sum(counts.values()),
        **{result.value: counts.get(result, 0) for result in Result},
        "requests": requests,
        "seconds": round(seconds, 3),
    }


def outcome_table(outcomes: Iterable[Outcome], *, count: int | None = None) -> dg.MarkdownMetadataValue:
    """Return outcomes as a table with links into Attio, those that need a human first; of so many in all."""
    ordered = sorted(outcomes, key=lambda outcome: (_ORDER.index(outcome.result), outcome.customer_id))
    rows = [
        (
            outcome.result.value,
            f"`{outcome.customer_id}`",
            links(outcome.urls),
            _why(outcome),
        )
        for outcome in ordered
    ]
    return table(("outcome", "Polar customer", "Attio", "why, or what was written"), rows, count=count)


def _why(outcome: Outcome) -> str:
    if outcome.reason:
        return outcome.reason.value
    return "everything" if outcome.result is Result.CREATED else ", ".join(outcome.changed)


def marked_table(people: Iterable[Marked]) -> dg.MarkdownMetadataValue:
    """Return people of Attio as a table with links."""
    rows = [(links((person.url,)), f"`{person.customer_id or 'none'}`") for person in people]
    return table(("Attio", "Polar customer id that it holds"), rows)


def links(urls: Iterable[str]) -> str:
    """Return addresses as Markdown links."""
    return " ".join(f"[open]({url})" for url in urls)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, count: int | None = None
) -> dg.MarkdownMetadataValue:
    """Return a Markdown table of the first rows, and how many more there are of `count` in all."""
    if not rows:
        return dg.MarkdownMetadataValue("none")
    lines = [_row(header), _row(["---"] * len(header)), *map(_row, rows[:ROWS_SHOWN])]
    if (more := (count or len(rows)) - ROWS_SHOWN) > 0:
        lines += ["", f"and {more} more, in the ledger table outcomes"]
    return dg.MarkdownMetadataValue("\n".join(lines))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

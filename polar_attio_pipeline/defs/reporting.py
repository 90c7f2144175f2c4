"""What the Dagster UI shows of a pass: numbers that it plots, and tables with links. No names, no addresses."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import dagster as dg

from polar_attio_pipeline.defs.markdown import Markdown, escaped, link, links, row
from polar_attio_pipeline.defs.resources import PolarResource
from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.polar.dashboard import customer_url
from polar_attio_pipeline.sync.comparison import Marked
from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Result, due_in_attio

DESCRIBED = 10
"""Rows of a table in the description of a check, which the UI shows without a click."""

ROWS_SHOWN = 100
"""Rows of a table in the UI; the ledger holds all of them."""

INLINE = 999
"""Characters of Markdown that the UI shows on the page of an asset; it puts a longer text behind a click (read in
dagster-webserver 1.13.27). On the page of a check all Markdown is behind a click, but not the check's description."""

IN_ATTIO = "in Attio and up to date"
NOT_IN_ATTIO = "not in Attio or out of date"
"""The two numbers that, with those who are excluded, add up to the customers; they have the same names everywhere."""

PolarLink = Callable[[str], str]
"""Returns Polar's page of a customer, by its id."""

_ORDER = (
    Result.REJECTED,
    Result.AMBIGUOUS,
    Result.CREATED,
    Result.UPDATED,
    Result.UNCHANGED,
    Result.EXCLUDED,
)

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A row that could not be read may have shown no id."""


def numbers(counts: Mapping[Result, int], *, requests: int, seconds: float) -> dict[str, int | float]:
    """Return the numbers of a pass, each of which the UI plots."""
    return {
        **totals(counts),
        **{result.value: counts.get(result, 0) for result in Result},
        "requests": requests,
        "seconds": round(seconds, 3),
    }


def totals(counts: Mapping[Result, int]) -> dict[str, int]:
    """Return how many customers there are, and in how many of them Attio agrees with Polar."""
    failed = sum(counts.get(result, 0) for result in FAILED)
    customers = sum(counts.values())
    return {"customers": customers, IN_ATTIO: due_in_attio(counts) - failed, NOT_IN_ATTIO: failed}


def hour_state(start: datetime, read_at: datetime) -> str:
    """Say whether an hour was over when Polar was read for it: Dagster's grid of partitions cannot show that.

    Args:
        start: The hour.
        read_at: When Polar was read, by Polar's clock.
    """
    if read_at < start + HOUR:
        return f"open: read until {read_at:%H:%M} UTC, and read again when it is over"
    return f"closed: read at {read_at:%Y-%m-%d %H:%M} UTC, after its end"


def outcome_tables(
    name: str, outcomes: Iterable[Outcome], polar_link: PolarLink, *, total: int | None = None
) -> dict[str, dg.MarkdownMetadataValue]:
    """Return outcomes as tables with links into Polar and Attio, those that need a human first.

    Args:
        name: Of the table that the UI shows without a click: as many rows as it has room for. If there are more rows,
            a second one has them.
        outcomes: The outcomes.
        polar_link: Makes links.
        total: How many outcomes there are, where not all of them are given.
    """
    ordered = sorted(outcomes, key=lambda outcome: (_ORDER.index(outcome.result), outcome.customer_id))
    rows = [
        (outcome.result.value, customer(outcome.customer_id, polar_link), links(outcome.urls), _why(outcome))
        for outcome in ordered[:ROWS_SHOWN]
    ]
    header = ("outcome", "Polar", "Attio", "why, or what was written")
    return _inline(
        name, Table(header, rows, total=len(ordered) if total is None else total, rest="in the ledger table outcomes")
    )


def _why(outcome: Outcome) -> str:
    if outcome.reason:
        return outcome.reason.value
    if outcome.result is Result.EXCLUDED:
        return outcome.detail or ""
    return "everything" if outcome.result is Result.CREATED else ", ".join(outcome.changed)


def marked_table(people: Sequence[Marked], polar_link: PolarLink) -> "Table":
    """Return people of Attio, and the customers whose ids they hold."""
    rows = [
        (links((one.url,)), customer(one.customer_id, polar_link) if one.customer_id else "none")
        for one in people[:ROWS_SHOWN]
    ]
    return Table(("Attio", "Polar id that the person holds"), rows, total=len(people))


def polar_link(polar: PolarResource) -> PolarLink:
    """Return what makes links into the dashboard of Polar, or of its sandbox."""
    return partial(customer_url, api_url=polar.api_url, slug=polar.organization_slug or None)


def customer(customer_id: str, polar_link: PolarLink) -> Markdown:
    """Return a link to a customer, which begins as its id does; the id as it is where that is no id of Polar's."""
    if not _ID.fullmatch(customer_id):
        return escaped(customer_id)
    return link(customer_id[:8], polar_link(customer_id))


@dataclass(frozen=True, slots=True)
class Table:
    """A table in Markdown.

    Attributes:
        header: The names of the columns.
        rows: The first rows; what is no `Markdown` in them is shown as it is.
        total: How many rows there are.
        rest: Where a person finds those that are not shown.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int
    rest: str = ""

    def text(self, shown: int = ROWS_SHOWN) -> str:
        """Return so many rows, and how many more there are."""
        if not self.total:
            return "none"
        rows = self.rows[:shown]
        lines = "\n".join(map(row, (self.header, ["---"] * len(self.header), *rows)))
        left = self.total - len(rows)
        return f"{lines}\n\nand {left} more{self.rest and ', '}{self.rest}" if left else lines


def whole(table: Table) -> dg.MarkdownMetadataValue | dg.TextMetadataValue:
    """Return a table for a place where the UI puts Markdown behind a click, which is not worth it for no rows."""
    return dg.MarkdownMetadataValue(table.text()) if table.total else dg.TextMetadataValue(table.text())


def _inline(name: str, table: Table) -> dict[str, dg.MarkdownMetadataValue]:
    """Return a table that the UI shows without a click, and the whole one if that is longer."""
    everything = table.text()
    if len(everything) <= INLINE:
        return {name: dg.MarkdownMetadataValue(everything)}
    first = replace(table, rest=f"see all {name}, below")
    fitting = [count for count in range(1, INLINE // 20) if len(first.text(count)) <= INLINE]
    return {
        name: dg.MarkdownMetadataValue(first.text(max(fitting, default=0))),
        f"all {name}": dg.MarkdownMetadataValue(everything),
    }

"""What was measured: figures, each beside its target, its floor and the naive way; as a table and as JSON."""

import json
import math
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes:
        case: Which benchmark.
        what: What was measured.
        ours: The number.
        unit: Of it; empty for a count.
        target: What it should not exceed, or for `at="least"` not fall below; None without a target.
        at: Which side of the target is the good one.
        floor: The best that the services' limits, or Dagster, allow; None where there is no such thing.
        naive: The same for one upsert after another of everybody who is listed; None where it has no such thing.
        computed: The naive number is computed from a rate that was measured in the same run.
        size: Customers in the book, for the plots.
        note: How to read it.
    """

    case: str
    what: str
    ours: float
    unit: str = ""
    target: float | None = None
    at: Literal["most", "least"] = "most"
    floor: float | None = None
    naive: float | None = None
    computed: bool = False
    size: int | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        return self.ours <= self.target if self.at == "most" else self.ours >= self.target


_HEADER = ("case", "measured", "ours", "target", "floor", "naive", "naive / ours")


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table, its columns aligned for a terminal."""
    rows = [_HEADER, *map(_cells, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _cells(figure: Figure) -> tuple[str, ...]:
    sign = {True: "met", False: "MISSED", None: ""}[figure.met]
    target = f"{'≤' if figure.at == 'most' else '≥'} {show(figure.target)} {sign}" if figure.target is not None else ""
    naive = f"{show(figure.naive)}{' (computed)' if figure.computed else ''}" if figure.naive is not None else ""
    better = f"{show(round(figure.naive / figure.ours, 1))}" if figure.naive and figure.ours else ""
    if figure.naive and not figure.ours:
        better = "∞"
    measured = f"{figure.what}, {figure.unit}" if figure.unit else figure.what
    floor = show(figure.floor) if figure.floor is not None else ""
    return (figure.case, measured, show(figure.ours), target, floor, naive, better)


def show(number: float | None) -> str:
    """Return a number as people read it: three digits that say something, thousands apart."""
    if number is None:
        return ""
    if number == math.inf:
        return "never"
    if number >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.3g}"


def as_json(figures: Sequence[Figure]) -> str:
    """Return the figures, and where they were measured, as JSON."""
    found = [{**asdict(figure), "met": figure.met} for figure in figures]
    return json.dumps({"measured": conditions(), "figures": found}, indent=2, ensure_ascii=False) + "\n"


def conditions() -> dict[str, Any]:
    """Return where and when this is."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "load": round(os.getloadavg()[0], 1),
    }


def from_json(text: str) -> list[Figure]:
    """Return the figures of a JSON document."""
    return [Figure(**{key: value for key, value in row.items() if key != "met"}) for row in json.loads(text)["figures"]]

"""What lasting faults may cost: their victims, and nobody else. Read off both worlds and off the ledger's file.

It shares nothing with the code under test but the names of a table and four of its columns.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline_tests.faults.oracle import about_each, writable

FAILED = ("rejected", "ambiguous")


@dataclass(frozen=True, slots=True)
class Row:
    """A customer's outcome, as it is on record."""

    outcome: str
    reason: str | None
    detail: str | None


Rows = Mapping[str, Row]
"""By Polar's id."""


def read_rows(database: Path) -> Rows:
    """Return every outcome in a ledger."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT polar_customer_id, outcome, reason, detail FROM outcomes")
        return {customer_id: Row(*rest) for customer_id, *rest in found}


def harmed(polar: PolarWorld, attio: AttioWorld, among: Collection[str]) -> list[str]:
    """Return what is wrong in Attio about customers about whom nothing is bad.

    Args:
        polar: What there should be.
        attio: What there is.
        among: The healthy customers that a pass has had in hand.
    """
    found = about_each(polar, attio)
    return [f"{one}: {sentence}" for one in sorted(among) for sentence in found.get(one, ())]


def blamed(polar: PolarWorld, rows: Rows, among: Collection[str]) -> list[str]:
    """Return the healthy customers who are on record as failed, although Attio can take them."""
    must = writable(polar)
    failed = [one for one in sorted(among) if one in must and one in rows and rows[one].outcome in FAILED]
    return [f"{one} is {rows[one].outcome}: {rows[one].reason}" for one in failed]


def without_outcome(rows: Rows, among: Iterable[str]) -> list[str]:
    """Return the customers of whom nothing is on record, or a failure without a reason or a sentence."""
    found: list[str] = []
    for customer_id in among:
        row = rows.get(customer_id)
        if row is None:
            found.append(f"{customer_id} has no outcome")
        elif row.outcome in FAILED and not (row.reason and row.detail):
            found.append(f"{customer_id} is {row.outcome}, and it does not say why")
    return found

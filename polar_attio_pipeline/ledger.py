"""The ledger: what became of every customer."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from polar_attio_pipeline.storage import connect, naive
from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Reason, Result

LEDGER_COLUMNS = (
    "polar_customer_id",
    "email",
    "outcome",
    "reason",
    "detail",
    "attio_record_id",
    "attio_url",
    "created_at",
    "synced_at",
    "run_id",
)

_FAILED = sorted(result.value for result in FAILED)

PORTION = 1000
"""Outcomes stored at once: opening the file costs tens of milliseconds, whatever goes in."""

# The table has no index: it would be read into memory, 500 bytes a customer, each time the file is opened (measured).
_MERGE = """
MERGE INTO attio_people USING outcomes USING (polar_customer_id)
WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT
"""

_DOUBTFUL = timedelta(days=1)
"""So long after a pass began that never ended, every snapshot may be older than what it wrote; no run lasts longer."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One customer's newest outcome, as stored; times are UTC without a zone."""

    polar_customer_id: str
    email: str | None
    outcome: str
    reason: str | None
    detail: str | None
    attio_record_id: str | None
    attio_url: str | None
    created_at: datetime | None
    synced_at: datetime
    run_id: str


class Ledger:
    """The newest outcome of every customer."""

    def __init__(self, database: Path | str) -> None:
        self.database = database

    def record(self, outcomes: Sequence[Outcome], *, run_id: str) -> None:
        """Store outcomes over what is known of the same customers."""
        if not outcomes:
            return
        now = naive(datetime.now(UTC))
        newest = {outcome.customer_id: outcome for outcome in outcomes}
        frame = pd.DataFrame(
            [
                (
                    outcome.customer_id,
                    outcome.email,
                    outcome.result.value,
                    outcome.reason.value if outcome.reason else None,
                    outcome.detail,
                    outcome.record_id,
                    " ".join(outcome.urls) or None,
                    naive(outcome.created_at),
                    now,
                    run_id,
                )
                for outcome in newest.values()
            ],
            columns=list(LEDGER_COLUMNS),
            dtype=object,
        ).astype({"created_at": "datetime64[us]", "synced_at": "datetime64[us]"})
        with connect(self.database) as connection:
            connection.register("outcomes", frame)
            connection.execute(_MERGE)

    @contextmanager
    def recording(self, run_id: str) -> Iterator[Callable[[Sequence[Outcome]], None]]:
        """Give a pass a function that stores outcomes, in portions; the last when the pass ends, even by an error.

        A pass that is killed leaves a mark, because what it wrote last is on no record: see `last_synced`.
        """
        self._begin(run_id)
        waiting: list[Outcome] = []

        def record(outcomes: Sequence[Outcome]) -> None:
            waiting.extend(outcomes)
            if len(waiting) >= PORTION:
                self.record(waiting, run_id=run_id)
                waiting.clear()

        try:
            yield record
        finally:
            self.record(waiting, run_id=run_id)
            self._end(run_id)

    def _begin(self, run_id: str) -> None:
        now = datetime.now(UTC)
        with connect(self.database) as connection:
            connection.execute("DELETE FROM passes_under_way WHERE began < ?", [naive(now - _DOUBTFUL)])
            connection.execute("INSERT OR REPLACE INTO passes_under_way VALUES (?, ?)", [run_id, naive(now)])

    def _end(self, run_id: str) -> None:
        with connect(self.database) as connection:
            connection.execute("DELETE FROM passes_under_way WHERE run_id = ?", [run_id])

    def forget(self, customer_ids: Collection[str]) -> None:
        """Drop the rows of customers that Polar no longer has."""
        with connect(self.database) as connection:
            connection.execute(
                "DELETE FROM attio_people WHERE polar_customer_id IN (SELECT unnest(?))",
                [list(customer_ids)],
            )

    def unresolved(self, *, limit: int | None) -> list[LedgerRow]:
        """Return rejected and ambiguous customers, the one that waits longest for another try first."""
        with connect(self.database) as connection:
            rows = connection.execute(
                "SELECT * FROM attio_people WHERE outcome IN (SELECT unnest(?)) "
                "ORDER BY synced_at, polar_customer_id LIMIT ?",
                [_FAILED, limit],
            ).fetchall()
        return [LedgerRow(*row) for row in rows]

    def to_retry(self, *, limit: int) -> list[str]:
        """Return the ids of unresolved customers who can be asked for one by one, the longest waiting first.

        Rows that Polar could not show are none of them: their hour has to be read again, or the whole book.
        """
        with connect(self.database) as connection:
            rows = connection.execute(
                "SELECT polar_customer_id FROM attio_people WHERE outcome IN (SELECT unnest(?)) "
                "AND reason IS DISTINCT FROM ? ORDER BY synced_at, polar_customer_id LIMIT ?",
                [_FAILED, Reason.UNREADABLE.value, limit],
            ).fetchall()
        return [customer_id for (customer_id,) in rows]

    def recorded(self, customer_ids: Collection[str]) -> set[str]:
        """Return those of these customers who have an outcome."""
        with connect(self.database) as connection:
            rows = connection.execute(
                "SELECT polar_customer_id FROM attio_people WHERE polar_customer_id IN (SELECT unnest(?))",
                [list(customer_ids)],
            ).fetchall()
        return {customer_id for (customer_id,) in rows}

    def counts(self) -> dict[Result, int]:
        """Return how many customers have each newest outcome; every result has a number."""
        with connect(self.database) as connection:
            found = dict(connection.execute("SELECT outcome, count(*) FROM attio_people GROUP BY outcome").fetchall())
        return {result: found.get(result.value, 0) for result in Result}

    def last_synced(self, *, not_by: str) -> datetime | None:
        """Return when a run other than this one last recorded an outcome; now, if one began and was never heard of."""
        now = datetime.now(UTC)
        with connect(self.database) as connection:
            (newest,) = connection.execute(
                "SELECT max(written) FROM (SELECT max(synced_at) AS written FROM attio_people WHERE run_id != $run "
                "UNION ALL SELECT $now FROM passes_under_way WHERE run_id != $run AND began >= $doubtful)",
                {"run": not_by, "now": naive(now), "doubtful": naive(now - _DOUBTFUL)},
            ).fetchall()[0]
        return newest.replace(tzinfo=UTC) if newest else None

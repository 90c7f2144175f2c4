"""The IO manager of `polar_customers`: a snapshot in the ledger, a data frame to everybody else."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import SecretStr

from polar_attio_pipeline.defs.failures import explained_failures
from polar_attio_pipeline.hours import parse_all
from polar_attio_pipeline.ledger import Ledger, Snapshot
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.records import Customer

COLUMNS = (
    "id",
    "created_at",
    "email",
    "name",
    "type",
    "organization_id",
    "external_id",
    "country",
    "url",
    "read_at",
    "problem",
)
"""Of a customer, and what is wrong with a row that could not be read. Times are UTC without a zone."""

_TIMES = {"created_at": "datetime64[us]", "read_at": "datetime64[us]"}

_ATTRIBUTES = ("read_at", "polar_read_at", "free_lease_token")
"""Attributes of a frame, as in `Snapshot`. A frame without a snapshot behind it has None for each of them."""


class SnapshotIOManager(dg.ConfigurableIOManager):
    """Keeps what a run read of its hours, and gives it to the assets of the same run only."""

    url: dg.ResourceDependency[SecretStr]

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Keep a frame as this run's snapshot of its hours."""
        snapshot = from_frame(obj)
        assert snapshot, "a reading has its time"
        with explained_failures():
            self._ledger().save_snapshot(self._run_id(), parse_all(context.asset_partition_keys), snapshot)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Return this run's snapshot of its hours; a frame without rows and times if it has none of all of them."""
        with explained_failures():
            snapshot = self._ledger().load_snapshot(self._run_id(), parse_all(context.asset_partition_keys))
        return to_frame(snapshot)

    def _ledger(self) -> Ledger:
        return Ledger(self.url.get_secret_value())

    def _run_id(self) -> str:
        # Not the context's: for an asset of a run that is resumed, that is the run that read it.
        run = self.get_resource_context().run
        assert run, "assets are made in runs"
        return run.run_id


def to_frame(snapshot: Snapshot | None) -> pd.DataFrame:
    """Return a snapshot as rows, with its times as attributes."""
    rows: list[tuple[Any, ...]] = []
    if snapshot:
        rows += [
            (*(_cell(getattr(customer, column)) for column in COLUMNS[:-1]), None) for customer in snapshot.customers
        ]
        rows += [_unreadable(row) for row in snapshot.unreadable]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object).astype(_TIMES)
    frame.attrs = {name: getattr(snapshot, name, None) for name in _ATTRIBUTES}
    return frame


def from_frame(frame: pd.DataFrame) -> Snapshot | None:
    """Return the snapshot behind a frame, None if there is none: the inverse of `to_frame`."""
    if frame.attrs.get("read_at") is None:
        return None
    rows = [
        {column: None if pd.isna(row[column]) else row[column] for column in COLUMNS}
        for row in frame.to_dict("records")
    ]
    return Snapshot(
        customers=tuple(_customer(row) for row in rows if row["problem"] is None),
        unreadable=tuple(_outcome(row) for row in rows if row["problem"] is not None),
        **{name: frame.attrs[name] for name in _ATTRIBUTES},
    )


def _cell(value: Any) -> Any:
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _moment(cell: pd.Timestamp) -> datetime:
    return cell.to_pydatetime().replace(tzinfo=UTC)


def _unreadable(row: Outcome) -> tuple[Any, ...]:
    known = {"id": row.customer_id, "created_at": _cell(row.created_at), "problem": row.detail or ""}
    return tuple(known.get(column) for column in COLUMNS)


def _customer(row: dict[str, Any]) -> Customer:
    times = {column: _moment(row[column]) for column in _TIMES}
    return Customer(**{**{column: row[column] for column in COLUMNS[:-1]}, **times})


def _outcome(row: dict[str, Any]) -> Outcome:
    return Outcome(
        customer_id=row["id"],
        email=None,
        result=Result.REJECTED,
        created_at=_moment(row["created_at"]) if row["created_at"] is not None else None,
        reason=Reason.UNREADABLE,
        detail=row["problem"] or None,
    )

"""Snapshots as data frames, for assets that work on rows; loaded when one asks, since pandas takes half a second."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.sync.outcomes import Outcome

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
    "mapped",
    "problem",
)
"""Of a customer, and what is wrong with a row that could not be read. Times are UTC without a zone; what a setting maps
is a dictionary."""

_TIMES = {"created_at": "datetime64[us]", "read_at": "datetime64[us]"}

_ATTRIBUTES = ("read_at", "polar_read_at")
"""Attributes of a frame, as in `Snapshot`. A frame without a snapshot behind it has None for each of them."""


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


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return dict(value)
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


def _unreadable(row: Outcome) -> tuple[Any, ...]:
    known = {"id": row.customer_id, "created_at": _cell(row.created_at), "problem": row.detail or ""}
    return tuple(known.get(column) for column in COLUMNS)

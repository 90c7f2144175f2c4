"""The snapshot of all subscriptions: what a run read, kept for the asset that follows in the same run.

It is one reading, replaced as a whole by the next one, in some rows of compressed JSON: 20,000 subscriptions are ten
rows. A row for each would be 20,000 to delete and to insert at each reconciliation, also where nothing has changed.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.schema import POLAR_SUBSCRIPTIONS
from polar_attio_pipeline.sync.purchases import Subscription

_PORTION = 2000
"""Subscriptions in a row: some 150 kB."""

_FIELDS = [one.name for one in fields(Subscription)]
_MOMENTS = frozenset({"started_at", "current_period_end", "trial_end", "ends_at", "ended_at"})


@dataclass(frozen=True, slots=True)
class SubscriptionSnapshot:
    """All subscriptions as they were read in one go.

    Attributes:
        subscriptions: Those that could be read; those of one customer stand together.
        problems: By id of a customer, what of its subscriptions cannot be read.
        read_at: When the reading began, by this machine's clock.
        polar_read_at: The same by Polar's clock.
        free_lease_token: As in `Snapshot`.
    """

    subscriptions: tuple[Subscription, ...]
    problems: Mapping[str, str]
    read_at: datetime
    polar_read_at: datetime
    free_lease_token: int | None


def save(connection: sa.Connection, run_id: str, snapshot: SubscriptionSnapshot) -> None:
    """Keep a snapshot in place of the one that was kept."""
    connection.execute(sa.delete(POLAR_SUBSCRIPTIONS))
    times = {"run_id": run_id, "read_at": snapshot.read_at, "polar_read_at": snapshot.polar_read_at}
    times["free_lease_token"] = snapshot.free_lease_token
    # A book without subscriptions is a reading too, and has one row.
    for number, start in enumerate(range(0, max(1, len(snapshot.subscriptions)), _PORTION)):
        some = snapshot.subscriptions[start : start + _PORTION]
        content = {
            "rows": [[_plain(getattr(one, name)) for name in _FIELDS] for one in some],
            "problems": {} if number else dict(snapshot.problems),
        }
        packed = zlib.compress(json.dumps(content, separators=(",", ":")).encode(), level=1)
        row = {"portion": number, "subscriptions": len(some), "content": packed, **times}
        connection.execute(sa.insert(POLAR_SUBSCRIPTIONS), row)


def load(connection: sa.Connection, run_id: str) -> SubscriptionSnapshot | None:
    """Return what a run kept; None if another run, or none, has kept something."""
    kept = sa.select(POLAR_SUBSCRIPTIONS).where(POLAR_SUBSCRIPTIONS.c.run_id == run_id)
    rows = list(connection.execute(kept.order_by(POLAR_SUBSCRIPTIONS.c.portion)))
    if not rows:
        return None
    contents = [json.loads(zlib.decompress(row.content)) for row in rows]
    return SubscriptionSnapshot(
        subscriptions=tuple(_subscription(row) for content in contents for row in content["rows"]),
        problems={customer: why for content in contents for customer, why in content["problems"].items()},
        read_at=rows[0].read_at,
        polar_read_at=rows[0].polar_read_at,
        free_lease_token=rows[0].free_lease_token,
    )


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _subscription(row: Sequence[Any]) -> Subscription:
    given = dict(zip(_FIELDS, row, strict=True))
    for name in _MOMENTS:
        given[name] = given[name] and datetime.fromisoformat(given[name])
    return Subscription(**given)

"""Snapshots: what a run read of Polar about some hours, kept for the asset that follows in the same run."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.hours import floor
from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import POLAR_CUSTOMERS, POLAR_SUBSCRIPTIONS, SNAPSHOT_HOURS
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.records import Customer

KEPT = timedelta(days=7)
"""Snapshots hold names and addresses. A run needs its own for minutes; people may look into one for some days."""

_CUSTOMER = ("id", "created_at", "email", "name", "type", "organization_id", "external_id", "country", "url", "read_at")
"""What is kept of a customer. Not a team's owner: a pass asks for that when it needs it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read of Polar in one go.

    Attributes:
        customers: The customers, in the order of the reading.
        unreadable: The outcomes of the rows that do not parse.
        read_at: When the reading began, by this machine's clock.
        polar_read_at: When the reading began, by Polar's clock.
        free_lease_token: The last fencing token of the lease when the reading began, if the lease was free then; else
            None.
    """

    customers: tuple[Customer, ...]
    unreadable: tuple[Outcome, ...]
    read_at: datetime
    polar_read_at: datetime
    free_lease_token: int | None


def save(connection: sa.Connection, run_id: str, hours: Sequence[datetime], snapshot: Snapshot) -> None:
    """Keep a snapshot in place of what was kept of the same hours."""
    starts = sorted({floor(hour) for hour in hours})
    for some in portions(starts):
        connection.execute(sa.delete(POLAR_CUSTOMERS).where(POLAR_CUSTOMERS.c.hour.in_(some)))
        connection.execute(sa.delete(SNAPSHOT_HOURS).where(SNAPSHOT_HOURS.c.hour.in_(some)))
    if not starts:
        return
    times = {"run_id": run_id, "read_at": snapshot.read_at, "polar_read_at": snapshot.polar_read_at}
    times["free_lease_token"] = snapshot.free_lease_token
    connection.execute(sa.insert(SNAPSHOT_HOURS), [{"hour": start, **times} for start in starts])
    for rows in portions(_rows(snapshot, starts)):
        connection.execute(sa.insert(POLAR_CUSTOMERS), rows)


def load(connection: sa.Connection, run_id: str, hours: Sequence[datetime]) -> Snapshot | None:
    """Return what a run kept of some hours; None unless it kept all of them."""
    wanted = {floor(hour) for hour in hours}
    ours = sa.select(SNAPSHOT_HOURS).where(SNAPSHOT_HOURS.c.run_id == run_id)
    kept = [row for row in connection.execute(ours) if row.hour in wanted]
    if not wanted or len(kept) < len(wanted):
        return None
    query = (
        sa.select(POLAR_CUSTOMERS)
        .join(SNAPSHOT_HOURS, SNAPSHOT_HOURS.c.hour == POLAR_CUSTOMERS.c.hour)
        .where(SNAPSHOT_HOURS.c.run_id == run_id)
        .order_by(POLAR_CUSTOMERS.c.position, POLAR_CUSTOMERS.c.hour)
    )
    rows = [row for row in connection.execute(query) if row.hour in wanted]
    tokens = {row.free_lease_token for row in kept}
    return Snapshot(
        customers=tuple(_customer(row) for row in rows if row.problem is None),
        unreadable=tuple(_unreadable(row) for row in rows if row.problem is not None),
        # The run may have read its hours more than once: together they are as old as the oldest.
        read_at=min(row.read_at for row in kept),
        polar_read_at=min(row.polar_read_at for row in kept),
        free_lease_token=tokens.pop() if len(tokens) == 1 else None,
    )


def expire(connection: sa.Connection, *, now: datetime) -> None:
    """Delete the snapshots that were read longer than `KEPT` ago."""
    too_old = SNAPSHOT_HOURS.c.read_at < now - KEPT
    hours = sa.select(SNAPSHOT_HOURS.c.hour).where(too_old)
    connection.execute(sa.delete(POLAR_CUSTOMERS).where(POLAR_CUSTOMERS.c.hour.in_(hours)))
    connection.execute(sa.delete(SNAPSHOT_HOURS).where(too_old))
    connection.execute(sa.delete(POLAR_SUBSCRIPTIONS).where(POLAR_SUBSCRIPTIONS.c.read_at < now - KEPT))


def _rows(snapshot: Snapshot, starts: Sequence[datetime]) -> Iterator[dict[str, Any]]:
    found: Iterable[tuple[datetime | None, dict[str, Any]]] = [
        *((customer.created_at, _of_customer(customer)) for customer in snapshot.customers),
        *((row.created_at, _of_unreadable(row)) for row in snapshot.unreadable),
    ]
    known = set(starts)
    for position, (created_at, values) in enumerate(found):
        own = floor(created_at) if created_at else None
        # A row whose time is unknown, or lies elsewhere, was read all the same: the newest hour keeps it.
        yield {"hour": own if own in known else starts[-1], "position": position, **values}


def _of_customer(customer: Customer) -> dict[str, Any]:
    mapped = json.dumps(customer.mapped) if customer.mapped else None
    return {**{name: getattr(customer, name) for name in _CUSTOMER}, "mapped": mapped, "problem": None}


def _of_unreadable(row: Outcome) -> dict[str, Any]:
    return {
        **dict.fromkeys((*_CUSTOMER, "mapped")),
        "id": row.customer_id,
        "created_at": row.created_at,
        "problem": row.detail or "",
    }


def _customer(row: sa.Row[Any]) -> Customer:
    mapped = tuple((source, said) for source, said in json.loads(row.mapped)) if row.mapped else ()
    return Customer(**{name: getattr(row, name) for name in _CUSTOMER}, mapped=mapped)


def _unreadable(row: sa.Row[Any]) -> Outcome:
    return Outcome(
        customer_id=row.id,
        email=None,
        result=Result.REJECTED,
        created_at=row.created_at,
        reason=Reason.UNREADABLE,
        detail=row.problem or None,
    )

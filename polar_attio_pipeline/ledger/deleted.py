"""Customers that Polar no longer has: since when that is known, and when the ledger is to forget them."""

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import CHANGES, DELETED_CUSTOMERS, OUTCOMES

_ID = DELETED_CUSTOMERS.c.polar_customer_id


def note(connection: sa.Connection, customer_ids: Collection[str], *, now: datetime) -> None:
    """Note that Polar no longer has some customers; those of which nothing is on record are passed over.

    To be called before their outcomes are dropped. A customer that was noted before keeps its time.
    """
    for some in portions(customer_ids):
        outcomes = sa.select(OUTCOMES.c.polar_customer_id).where(OUTCOMES.c.polar_customer_id.in_(some))
        history = sa.select(CHANGES.c.polar_customer_id).where(CHANGES.c.polar_customer_id.in_(some))
        on_record = set(connection.execute(sa.union(outcomes, history)).scalars())
        noted = set(connection.execute(sa.select(_ID).where(_ID.in_(some))).scalars())
        new = [{"polar_customer_id": one, "noticed_at": now} for one in sorted(on_record - noted)]
        if new:
            connection.execute(sa.insert(DELETED_CUSTOMERS), new)


def alive(connection: sa.Connection, customer_ids: Iterable[str]) -> None:
    """Note that Polar has some customers, which may have been noted as deleted."""
    for some in portions(customer_ids):
        connection.execute(sa.delete(DELETED_CUSTOMERS).where(_ID.in_(some)))


def noticed_at(connection: sa.Connection, customer_id: str) -> datetime | None:
    """Return when a pass noticed that Polar no longer has a customer; None where none did."""
    query = sa.select(DELETED_CUSTOMERS.c.noticed_at).where(DELETED_CUSTOMERS.c.polar_customer_id == customer_id)
    return connection.execute(query).scalar_one_or_none()


def before(connection: sa.Connection, moment: datetime, *, limit: int) -> list[str]:
    """Return customers that were noted as deleted before a moment, the longest first."""
    noticed = DELETED_CUSTOMERS.c.noticed_at
    query = sa.select(_ID).where(noticed < moment).order_by(noticed, _ID).limit(limit)
    return list(connection.execute(query).scalars())

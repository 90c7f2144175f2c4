"""Erasing one person from the ledger."""

from collections.abc import Iterator

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import CHANGES, OUTCOMES, POLAR_CUSTOMERS, POLAR_SUBSCRIPTIONS


def erase(connection: sa.Connection, customer_id: str) -> int:
    """Delete every row that holds values of a customer; return how many there were.

    The history of the records that were written for the customer goes too, whichever customer a write was made for:
    one that was created anew in Polar is the same person in Attio, and the old values are the person's.
    """
    # It may hold subscriptions of the customer, is needed for minutes, and the next reconciliation reads all of them.
    connection.execute(sa.delete(POLAR_SUBSCRIPTIONS))
    return sum(connection.execute(deletion).rowcount for deletion in _deletions(connection, customer_id))


def _deletions(connection: sa.Connection, customer_id: str) -> Iterator[sa.Delete]:
    # Read before anything is deleted: SQLite may evaluate a subquery on the table while its rows are being deleted.
    for records in portions(_records(connection, customer_id)):
        yield sa.delete(CHANGES).where(CHANGES.c.record_id.in_(records))
    yield sa.delete(CHANGES).where(CHANGES.c.polar_customer_id == customer_id)
    yield sa.delete(OUTCOMES).where(OUTCOMES.c.polar_customer_id == customer_id)
    yield sa.delete(POLAR_CUSTOMERS).where(POLAR_CUSTOMERS.c.id == customer_id)


def _records(connection: sa.Connection, customer_id: str) -> list[str]:
    written = sa.select(CHANGES.c.record_id).where(CHANGES.c.polar_customer_id == customer_id)
    on_record = sa.select(OUTCOMES.c.attio_record_id).where(OUTCOMES.c.polar_customer_id == customer_id)
    return [found for found in connection.execute(sa.union(written, on_record)).scalars() if found is not None]

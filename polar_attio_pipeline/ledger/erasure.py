"""Erasing one person from the ledger."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import (
    CHANGES,
    DELETED_CUSTOMERS,
    INTENTS,
    OUTCOMES,
    POLAR_CUSTOMERS,
    POLAR_SUBSCRIPTIONS,
)
from polar_attio_pipeline.ledger.skipped import without_reason


def erase(connection: sa.Connection, customer_id: str) -> int:
    """Delete every row that holds values of a customer; return how many there were.

    The history of the records that were written for the customer goes too, whichever customer a write was made for:
    one that was created anew in Polar is the same person in Attio, and the old values are the person's.

    A customer that is left out on purpose stays left out, by its id alone: otherwise the next pass would write it, and
    put it on record, again.
    """
    # They may hold some of the customer, are needed for minutes, and the next reconciliation reads all of them.
    connection.execute(sa.delete(POLAR_SUBSCRIPTIONS))
    return _delete(connection, [customer_id], _records(connection, [customer_id]))


def erase_deleted(connection: sa.Connection, customer_ids: Sequence[str]) -> int:
    """Delete every row that holds values of customers that Polar no longer has; return how many there were.

    The history of a record stays that another customer has taken over: it is that customer's as well.

    Args:
        connection: Writing.
        customer_ids: No more than one portion.
    """
    records = _records(connection, customer_ids)
    taken: set[str] = set()
    for some in portions(records):
        column = OUTCOMES.c.attio_record_id
        query = sa.select(column).where(column.in_(some), OUTCOMES.c.polar_customer_id.not_in(customer_ids))
        taken.update(connection.execute(query).scalars())
    return _delete(connection, customer_ids, [one for one in records if one not in taken])


def _delete(connection: sa.Connection, customer_ids: Sequence[str], records: Sequence[str]) -> int:
    connection.execute(without_reason(customer_ids))
    connection.execute(sa.delete(DELETED_CUSTOMERS).where(DELETED_CUSTOMERS.c.polar_customer_id.in_(customer_ids)))
    return sum(connection.execute(deletion).rowcount for deletion in _deletions(customer_ids, records))


def _deletions(customer_ids: Sequence[str], records: Sequence[str]) -> Iterator[sa.Delete]:
    for table in (CHANGES, INTENTS):
        for some in portions(records):
            yield sa.delete(table).where(table.c.record_id.in_(some))
        yield sa.delete(table).where(table.c.polar_customer_id.in_(customer_ids))
    yield sa.delete(OUTCOMES).where(OUTCOMES.c.polar_customer_id.in_(customer_ids))
    yield sa.delete(POLAR_CUSTOMERS).where(POLAR_CUSTOMERS.c.id.in_(customer_ids))


def _records(connection: sa.Connection, customer_ids: Sequence[str]) -> list[str]:
    written = sa.select(CHANGES.c.record_id).where(CHANGES.c.polar_customer_id.in_(customer_ids))
    on_record = sa.select(OUTCOMES.c.attio_record_id).where(OUTCOMES.c.polar_customer_id.in_(customer_ids))
    return [found for found in connection.execute(sa.union(written, on_record)).scalars() if found is not None]

"""Which customers on record an address or a record of Attio belongs to."""

import json
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import CHANGES, DELETED_CUSTOMERS, OUTCOMES, POLAR_CUSTOMERS, SKIPPED
from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.planning import EMAILS_KEY


def of_address(connection: sa.Connection, address: str) -> list[str]:
    """Return the customers that were known by an address: by outcome, by snapshot, or by what was written.

    There is no index for it: every row is looked at, which takes seconds on a ledger of a million rows.
    """
    known = email_key(address)
    # As `values.dump` writes it, in ASCII and in quotes, so that no address is taken for a part of a longer one.
    pattern = "%" + _escaped(json.dumps(known)) + "%"
    written = [sa.func.lower(column).like(pattern, escape="!") for column in (CHANGES.c.new_value, CHANGES.c.old_value)]
    found = sa.union(
        sa.select(OUTCOMES.c.polar_customer_id).where(sa.func.lower(OUTCOMES.c.email) == known),
        sa.select(POLAR_CUSTOMERS.c.id).where(sa.func.lower(POLAR_CUSTOMERS.c.email) == known),
        sa.select(CHANGES.c.polar_customer_id).where(CHANGES.c.attribute == EMAILS_KEY, sa.or_(*written)),
    )
    return _ids(connection, found)


def of_record(connection: sa.Connection, record_id: str) -> list[str]:
    """Return the customers that a record of Attio was written for, or that it is on record of."""
    found = sa.union(
        sa.select(OUTCOMES.c.polar_customer_id).where(OUTCOMES.c.attio_record_id == record_id),
        sa.select(CHANGES.c.polar_customer_id).where(CHANGES.c.record_id == record_id),
    )
    return _ids(connection, found)


def same_person(connection: sa.Connection, customer_ids: Collection[str]) -> list[str]:
    """Return the customers, these among them, that share a record of Attio with one of these: one person."""
    found = set(customer_ids)
    for some in portions(sorted(customer_ids)):
        records = sa.union(
            sa.select(CHANGES.c.record_id).where(CHANGES.c.polar_customer_id.in_(some)),
            sa.select(OUTCOMES.c.attio_record_id).where(OUTCOMES.c.polar_customer_id.in_(some)),
        )
        for record_id in connection.execute(records).scalars().all():
            found.update(of_record(connection, record_id) if record_id else ())
    return sorted(found)


def is_on_record(connection: sa.Connection, customer_id: str) -> bool:
    """Tell whether any table names a customer."""
    tables = (OUTCOMES, CHANGES, SKIPPED, DELETED_CUSTOMERS)
    found = [sa.select(one.c.polar_customer_id).where(one.c.polar_customer_id == customer_id) for one in tables]
    snapshots = sa.select(POLAR_CUSTOMERS.c.id).where(POLAR_CUSTOMERS.c.id == customer_id)
    return connection.execute(sa.union(*found, snapshots)).first() is not None


def _ids(connection: sa.Connection, query: sa.CompoundSelect[Any]) -> list[str]:
    return sorted(one for one in connection.execute(query).scalars() if one)


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")

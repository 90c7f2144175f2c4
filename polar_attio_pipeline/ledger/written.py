"""What a pass has written, without a value: for places where no personal data may be."""

from dataclasses import dataclass

import sqlalchemy as sa

from polar_attio_pipeline.ledger.schema import CHANGES


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """One attribute that was written.

    Attributes:
        polar_customer_id: The customer that it was written for; None where it is of no single customer.
        attribute: The key of the attribute.
        had_value: Whether the record held a value before.
        old_actor: Who had written that; None where it is not known.
    """

    polar_customer_id: str | None
    attribute: str
    had_value: bool
    old_actor: str | None


def newest(connection: sa.Connection, pass_id: str, *, limit: int) -> tuple[list[WrittenRow], int]:
    """Return what a pass has written, the newest first, and how many values it has written in all."""
    of_pass = CHANGES.c.pass_id == pass_id
    columns = (
        CHANGES.c.polar_customer_id,
        CHANGES.c.attribute,
        CHANGES.c.old_value.is_not(None),
        CHANGES.c.old_actor,
    )
    rows = connection.execute(sa.select(*columns).where(of_pass).order_by(CHANGES.c.id.desc()).limit(limit))
    found = [WrittenRow(customer_id, attribute, bool(had), actor) for customer_id, attribute, had, actor in rows]
    count = sa.select(sa.func.count()).select_from(CHANGES).where(of_pass)
    return found, connection.execute(count).scalar_one()

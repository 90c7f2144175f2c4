"""How many customers are not in Attio as they should be, by reason."""

from dataclasses import dataclass

import sqlalchemy as sa

from polar_attio_pipeline.ledger.schema import DELETED_CUSTOMERS, OUTCOMES


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Customers of one reason.

    Attributes:
        outcome: One of `Result`.
        reason: One of `Reason`.
        count: How many.
        example: Polar's id of one of them.
    """

    outcome: str
    reason: str
    count: int
    example: str


def by_reason(connection: sa.Connection) -> list[ReasonCount]:
    """Return the customers that have a reason, the most frequent reason first."""
    number = sa.func.count()
    query = (
        sa.select(OUTCOMES.c.outcome, OUTCOMES.c.reason, number, sa.func.min(OUTCOMES.c.polar_customer_id))
        .where(OUTCOMES.c.reason.is_not(None))
        .group_by(OUTCOMES.c.outcome, OUTCOMES.c.reason)
        .order_by(number.desc(), OUTCOMES.c.outcome, OUTCOMES.c.reason)
    )
    return [ReasonCount(*row) for row in connection.execute(query)]


def deleted(connection: sa.Connection) -> int:
    """Return how many customers Polar no longer has that are noted as such."""
    return connection.execute(sa.select(sa.func.count()).select_from(DELETED_CUSTOMERS)).scalar_one()

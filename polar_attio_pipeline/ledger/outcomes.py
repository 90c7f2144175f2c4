"""The newest outcome of every customer, and the writing of those that differ from what is on record."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polar_attio_pipeline.ledger.portions import portions
from polar_attio_pipeline.ledger.schema import OUTCOMES
from polar_attio_pipeline.ledger.types import storable
from polar_attio_pipeline.sync.outcomes import FAILED, Outcome, Result

_GOOD = frozenset(result.value for result in Result if result not in FAILED)


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """One customer's newest outcome, as stored.

    Attributes:
        polar_customer_id: Polar's id; for a row that could not be read, as much of it as could.
        email: The address that the customer was known by.
        outcome: One of `Result`.
        reason: One of `Reason`, for rejected and ambiguous customers.
        detail: A sentence: what is wrong and what to do.
        attio_record_id: The person in Attio, where there is exactly one.
        attio_url: Every Attio record involved, separated by spaces.
        created_at: When the customer was created in Polar, UTC.
        changed_at: When this became the outcome, UTC.
        tried_at: When a pass last came to this outcome and had something to write, UTC.
        pass_id: The pass that wrote the row.
        fingerprint: What Attio refused, as a hash.
    """

    polar_customer_id: str
    email: str | None
    outcome: str
    reason: str | None
    detail: str | None
    attio_record_id: str | None
    attio_url: str | None
    created_at: datetime | None
    changed_at: datetime
    tried_at: datetime
    pass_id: str
    fingerprint: str | None


ROW = tuple(OUTCOMES.c[field.name] for field in fields(OutcomeRow))
"""The columns of a row, in its order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written so that outcomes are on record.

    Attributes:
        new: Values of customers who have no row.
        changed: Values of customers whose row says something else.
        repeated: Customers who failed just as their row says.
    """

    new: Sequence[Mapping[str, Any]]
    changed: Sequence[Mapping[str, Any]]
    repeated: Sequence[str]

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.new or self.changed or self.repeated)


def compare(connection: sa.Connection, outcomes: Iterable[Outcome]) -> Difference:
    """Compare outcomes with what is on record; of several of one customer, the last counts."""
    newest = {storable(outcome.customer_id): outcome for outcome in outcomes}
    known = {row.polar_customer_id: row for row in _rows(connection, newest)}
    new: list[Mapping[str, Any]] = []
    changed: list[Mapping[str, Any]] = []
    repeated: list[str] = []
    for customer_id, outcome in newest.items():
        values, row = _values(outcome), known.get(customer_id)
        if row is None:
            new.append({"polar_customer_id": customer_id, **values})
            continue
        # Polar never changes it, and a row that cannot be read may lack it.
        values["created_at"] = values["created_at"] or row.created_at
        if outcome.result is Result.UNCHANGED and row.outcome in _GOOD:
            same = values | {"outcome": row.outcome} == _said(row, values)
        else:
            same = outcome.result in FAILED and values == _said(row, values)
            if same:
                repeated.append(customer_id)
        if not same:
            changed.append({"key": customer_id, **values})
    return Difference(new, changed, repeated)


def write(connection: sa.Connection, difference: Difference, *, pass_id: str, now: datetime) -> None:
    """Put a difference on record."""
    stamp = {"changed_at": now, "tried_at": now, "pass_id": pass_id}
    if difference.new:
        connection.execute(sa.insert(OUTCOMES), [{**values, **stamp} for values in difference.new])
    if difference.changed:
        connection.execute(
            sa.update(OUTCOMES).where(OUTCOMES.c.polar_customer_id == sa.bindparam("key")),
            [{**values, **stamp} for values in difference.changed],
        )
    for ids in portions(difference.repeated):
        connection.execute(sa.update(OUTCOMES).where(OUTCOMES.c.polar_customer_id.in_(ids)).values(tried_at=now))


def forget(connection: sa.Connection, customer_ids: Iterable[str]) -> int:
    """Drop the rows of some customers; return how many there were."""
    dropped = (
        connection.execute(sa.delete(OUTCOMES).where(OUTCOMES.c.polar_customer_id.in_(ids))).rowcount
        for ids in portions(customer_ids)
    )
    return sum(dropped)


def page_of_ids(connection: sa.Connection, *, after: str | None, size: int) -> list[str]:
    """Return the ids that follow one in the order of the database, or the first ones."""
    key = OUTCOMES.c.polar_customer_id
    query = sa.select(key).order_by(key).limit(size)
    return list(connection.execute(query if after is None else query.where(key > after)).scalars())


def _rows(connection: sa.Connection, customer_ids: Collection[str]) -> Iterator[OutcomeRow]:
    for ids in portions(customer_ids):
        for row in connection.execute(sa.select(*ROW).where(OUTCOMES.c.polar_customer_id.in_(ids))):
            yield OutcomeRow(*row)


def _values(outcome: Outcome) -> dict[str, Any]:
    texts = {
        "email": outcome.email,
        "outcome": outcome.result.value,
        "reason": outcome.reason.value if outcome.reason else None,
        "detail": outcome.detail,
        "attio_record_id": outcome.record_id,
        "attio_url": " ".join(outcome.urls) or None,
        "fingerprint": outcome.fingerprint,
    }
    # As stored, or a text with a replaced character would differ from itself for ever.
    stored = {name: None if text is None else storable(text) for name, text in texts.items()}
    return {**stored, "created_at": outcome.created_at}


def _said(row: OutcomeRow, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in values}

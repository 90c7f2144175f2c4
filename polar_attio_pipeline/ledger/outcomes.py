"""The newest outcome of every customer, and the writing of those that differ from what is on record."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
        changed_at: When the outcome became this one, for this reason, UTC.
        tried_at: When a pass last came to this outcome and had something to write, UTC.
        pass_id: The pass that wrote the row, or `skipped.SKIPPED_BY`.
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


_COLUMNS = (
    "outcome",
    "email",
    "reason",
    "detail",
    "attio_record_id",
    "attio_url",
    "fingerprint",
    "created_at",
)
"""The columns that an outcome fills; `compare` relies on the order of all but the address."""

ROW = tuple(OUTCOMES.c[field.name] for field in fields(OutcomeRow))
"""The columns of a row, in its order."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be written so that outcomes are on record.

    Attributes:
        new: Values of customers who have no row.
        changed: Values of customers whose row says something else.
        reworded: Values of customers who failed for the reason that their row has, with other words.
        repeated: Customers who failed just as their row says.
    """

    new: Sequence[Mapping[str, Any]]
    changed: Sequence[Mapping[str, Any]]
    reworded: Sequence[Mapping[str, Any]]
    repeated: Sequence[str]

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.new or self.changed or self.reworded or self.repeated)


def compare(connection: sa.Connection, outcomes: Iterable[Outcome]) -> Difference:
    """Compare outcomes with what is on record; of several of one customer, the last counts."""
    newest = {storable(outcome.customer_id): outcome for outcome in outcomes}
    known = _known(connection, newest)
    new: list[Mapping[str, Any]] = []
    changed: list[Mapping[str, Any]] = []
    reworded: list[Mapping[str, Any]] = []
    repeated: list[str] = []
    for customer_id, outcome in newest.items():
        found, before = _column_values(outcome), known.get(customer_id)
        if before is None:
            new.append({"polar_customer_id": customer_id, **dict(zip(_COLUMNS, found, strict=True))})
            continue
        if outcome.created_at is None:
            # Polar never changes it, and a row that cannot be read may lack it.
            found = (*found[:-1], before[-1])
        if outcome.result is Result.EXCLUDED:
            # A customer that is not looked up may have a person all the same: which one it is, is not forgotten.
            found = (*found[:4], *(found[4:6] if outcome.record_id else before[4:6]), *found[6:])
            if found == before:
                continue
        if outcome.result in FAILED and found == before:
            repeated.append(customer_id)
        elif outcome.result in FAILED and (found[0], found[2]) == (before[0], before[2]):
            reworded.append({"key": customer_id, **dict(zip(_COLUMNS, found, strict=True))})
        elif outcome.result is not Result.UNCHANGED or found[1:] != before[1:] or before[0] not in _GOOD:
            changed.append({"key": customer_id, **dict(zip(_COLUMNS, found, strict=True))})
    return Difference(new, changed, reworded, repeated)


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
    if difference.reworded:
        connection.execute(
            sa.update(OUTCOMES).where(OUTCOMES.c.polar_customer_id == sa.bindparam("key")),
            [{**values, "tried_at": now, "pass_id": pass_id} for values in difference.reworded],
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


def _known(connection: sa.Connection, customer_ids: Collection[str]) -> dict[str, tuple[Any, ...]]:
    """Return what is on record of some customers, each in the order of `_COLUMNS`."""
    key, known = OUTCOMES.c.polar_customer_id, {}
    columns = [OUTCOMES.c[name] for name in _COLUMNS]
    for ids in portions(customer_ids):
        for customer_id, *before in connection.execute(sa.select(key, *columns).where(key.in_(ids))):
            known[customer_id] = tuple(before)
    return known


def _column_values(outcome: Outcome) -> tuple[Any, ...]:
    """Return an outcome in the order of `_COLUMNS`, as it is stored: a text with a replaced character equals itself."""
    texts = (
        outcome.result.value,
        outcome.email,
        outcome.reason and outcome.reason.value,
        outcome.detail,
        outcome.record_id,
        " ".join(outcome.urls) or None,
        outcome.fingerprint,
    )
    return (*(text and storable(text) for text in texts), outcome.created_at)

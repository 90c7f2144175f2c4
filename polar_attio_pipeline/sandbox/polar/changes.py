"""Changes to customers: what can be given, and what readers do not see yet."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, TypedDict

from polar_attio_pipeline.sandbox.polar.rows import Customer, CustomerType

ANONYMIZED_DOMAIN = "anonymized.polar.sh"


class CustomerFields(TypedDict, total=False):
    """The fields of a customer that can be given when it is made or changed."""

    id: str
    created_at: datetime
    email: str | None
    name: str | None
    type: CustomerType
    external_id: str | None
    billing_name: str | None
    billing_address: Mapping[str, str | None] | None
    tax_id: tuple[str, str] | None
    locale: str | None
    metadata: Mapping[str, Any]
    email_verified: bool
    first_user_event_at: datetime | None


@dataclass
class Pending:
    """Transactions that have not committed, and commits that have not reached the replica.

    Attributes:
        transactions: By customer id, when the transaction commits (None: when told) and the row it creates.
        replications: A heap of when, a running number, whose row, and the row (None: deleted).
    """

    transactions: dict[str, tuple[datetime | None, Customer]] = field(default_factory=dict)
    replications: list[tuple[datetime, int, str, Customer | None]] = field(default_factory=list)
    _count: int = 0

    def clear(self) -> None:
        """Forget all of it."""
        self.transactions.clear()
        self.replications.clear()

    def replicate(self, due: datetime, customer_id: str, row: Customer | None) -> None:
        """Have readers see the row (or its absence) from `due` on."""
        self._count += 1
        heapq.heappush(self.replications, (due, self._count, customer_id, row))

    def due_transactions(self, now: datetime) -> Iterator[Customer]:
        """Take out, and yield, the rows whose transactions have committed by now."""
        due = [row for at, row in self.transactions.values() if at is not None and at <= now]
        for row in due:
            del self.transactions[row.id]
            yield row

    def due_replications(self, now: datetime) -> Iterator[tuple[str, Customer | None]]:
        """Take out, and yield, the changes that have reached the replica by now."""
        while self.replications and self.replications[0][0] <= now:
            _, _, customer_id, row = heapq.heappop(self.replications)
            yield customer_id, row


def anonymized(row: Customer) -> Customer:
    """Return a deleted row as `?anonymize=true` leaves it: a business keeps its name, nobody keeps an address."""

    def hashed(text: str | None) -> str | None:
        return text and sha256(text.encode(errors="backslashreplace")).hexdigest()

    assert row.deleted_at is not None
    return replace(
        row,
        email=row.email and f"{hashed(row.email)}@{ANONYMIZED_DOMAIN}",
        email_verified=False,
        name=row.name if row.tax_id else hashed(row.name),
        billing_name=hashed(row.billing_name),
        billing_address=None,
        metadata={**row.metadata, "__anonymized_at": row.deleted_at.isoformat()},
    )

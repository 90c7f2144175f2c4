"""What customers have, by customer, and whose could not be read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic

import httpx

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.polar.entries import Entry, Value


@dataclass(slots=True)
class Holdings(Generic[Value]):
    """Subscriptions or orders by customer.

    Attributes:
        what: What they are, as in the path of Polar's API.
        condense: Returns fewer values that stand for all of one customer's.
        count: How many were read.
        problems: By id of a customer, what of its rows cannot be read; never a value.
        by_customer: What was read of each.
    """

    what: str
    condense: Callable[[Sequence[Value]], tuple[Value, ...]] = tuple
    count: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    by_customer: dict[str, tuple[Value, ...]] = field(default_factory=dict)

    def add(self, entries: Iterable[Entry[Value]]) -> None:
        """Take in rows, each once.

        Raises:
            TransientError: a row does not say whose it is, so that it may be anybody's.
        """
        for entry in entries:
            if entry.customer_id is None:
                raise TransientError(
                    f"A row of Polar's list of {self.what} does not say whose it is ({entry.problem}): look for a "
                    "newer version of this pipeline.",
                    service="Polar",
                    request=f"GET /v1/{self.what}/",
                    status=httpx.codes.OK,
                )
            if entry.value is None:
                self.problems[entry.customer_id] = entry.problem
                continue
            self.count += 1
            known = self.by_customer.get(entry.customer_id, ())
            self.by_customer[entry.customer_id] = self.condense((*known, entry.value))

    def join(self, other: "Holdings[Value]") -> None:
        """Take in what was read of other customers."""
        self.count += other.count
        self.problems.update(other.problems)
        self.by_customer.update(other.by_customer)

    def of(self, customer_id: str) -> tuple[Value, ...] | None:
        """Return what a customer has; None where that cannot be read."""
        return None if customer_id in self.problems else self.by_customer.get(customer_id, ())

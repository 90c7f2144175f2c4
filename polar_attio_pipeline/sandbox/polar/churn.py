"""Rows that come and go while somebody pages through the list."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Literal

from pydantic import BaseModel, PositiveInt

from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import PolarWorld


class Churn(BaseModel):
    """A change to the customers, made during requests for pages of customers.

    Attributes:
        action: Insert new customers, or delete some.
        which: Whom to delete: of the pages before the one asked for (`read`), of it and those after (`unread`).
        count: How many, each time.
        moment: Before the server counts and selects, or between its two statements, so that count and page disagree.
        from_page: The first page whose request sets it off.
        age_seconds: How old an inserted row claims to be: its transaction began so long before it committed.
        times: How often it happens; None for ever.
    """

    action: Literal["insert", "delete"]
    which: Literal["read", "unread"] = "read"
    count: PositiveInt = 1
    moment: Literal["before", "between_count_and_page"] = "before"
    from_page: PositiveInt = 2
    age_seconds: float = 0
    times: PositiveInt | None = None


class ChurnRunner:
    """Makes the changes that were asked for, and keeps what it did.

    Attributes:
        world: The organization whose customers they are.
        active: What is still to happen.
        inserted: Ids of the customers it made.
        deleted: Ids of those it deleted.
    """

    def __init__(self, world: PolarWorld, *, seed: int = 1) -> None:
        self.world = world
        self._random = Random(seed)
        self.active: list[Churn] = []
        self.inserted: list[str] = []
        self.deleted: list[str] = []

    def run(self, moment: str, page: int, rows: Sequence[Customer], offset: int) -> bool:
        """Make the changes that are due at this moment of a request for a page of these rows; tell if any were."""
        due = [churn for churn in self.active if churn.moment == moment and page >= churn.from_page]
        for churn in due:
            self._apply(churn, rows[:offset] if churn.which == "read" else rows[offset:])
            if churn.times is not None:
                churn.times -= 1
                if churn.times == 0:
                    self.active.remove(churn)
        self.world.settle()
        return bool(due)

    def clear(self) -> None:
        """Stop, and forget what was done."""
        for done in (self.active, self.inserted, self.deleted):
            done.clear()

    def _apply(self, churn: Churn, rows: Sequence[Customer]) -> None:
        if churn.action == "insert":
            self._insert(churn)
            return
        live = [row.id for row in rows if row.id in self.world.customers]
        for customer_id in self._random.sample(live, min(churn.count, len(live))):
            self.world.delete_customer(customer_id)
            self.deleted.append(customer_id)

    def _insert(self, churn: Churn) -> None:
        for _ in range(churn.count):
            number = len(self.inserted) + 1
            row = self.world.add_customer(
                created_at=self.world.clock() - timedelta(seconds=churn.age_seconds),
                email=f"arrival-{number}-{self._random.getrandbits(32):08x}@example.com",
                name=f"Arrival {number}",
            )
            self.inserted.append(row.id)

"""What readers see of the customers: committed, replicated rows, in any order asked for."""

from bisect import bisect_left, insort_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from polar_attio_pipeline.sandbox.polar.ordering import Key, sort_key
from polar_attio_pipeline.sandbox.polar.rows import Customer

FIELDS: Mapping[str, Callable[[Customer], Any]] = {
    "created_at": lambda row: row.created_at,
    "email": lambda row: row.email,
    "name": lambda row: row.name,
}


class ReadView:
    """Rows by id, with every order that was asked for kept sorted through the changes."""

    def __init__(self) -> None:
        self._rows: dict[str, Customer] = {}
        self._orders: dict[tuple[str, ...], tuple[list[Customer], Callable[[Customer], Key]]] = {}

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Customer]:
        """Iterate in the order of insertion."""
        return iter(self._rows.values())

    def get(self, customer_id: str) -> Customer | None:
        """Return the row, if it is there."""
        return self._rows.get(customer_id)

    def put(self, row: Customer) -> None:
        """Insert the row, or replace the one of its id."""
        self._leave_orders(row.id)
        self._rows[row.id] = row
        for rows, key in self._orders.values():
            insort_right(rows, row, key=key)

    def remove(self, customer_id: str) -> None:
        """Take the row out, if it is there."""
        self._leave_orders(customer_id)
        self._rows.pop(customer_id, None)

    def clear(self) -> None:
        """Take every row out."""
        self._rows.clear()
        self._orders.clear()

    def ordered(self, sorting: Sequence[str]) -> tuple[Sequence[Customer], Callable[[Customer], Key]]:
        """Return all rows in this order, and the key of the order. Not a copy: do not change it."""
        wanted = tuple(sorting)
        if wanted not in self._orders:
            key = sort_key(wanted, FIELDS)
            self._orders[wanted] = (sorted(self._rows.values(), key=key), key)
        return self._orders[wanted]

    def _leave_orders(self, customer_id: str) -> None:
        old = self._rows.get(customer_id)
        if old is None:
            return
        for rows, key in self._orders.values():
            index = bisect_left(rows, key(old), key=key)
            while rows[index] is not old:
                index += 1
            del rows[index]

"""Subscriptions and orders by id and by customer, with every order that was asked for kept until the next write."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from polar_attio_pipeline.sandbox.polar.ordering import Key, sort_key


class _Row(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def customer_id(self) -> str: ...


Row = TypeVar("Row", bound=_Row)
Sorted = tuple[Sequence[Row], Callable[[Row], Key]]


class Book(Generic[Row]):
    """Rows of customers.

    Args:
        fields: What can be sorted by.
        is_listed: Which rows readers may see.
    """

    def __init__(self, fields: Mapping[str, Callable[[Row], Any]], is_listed: Callable[[Row], bool]) -> None:
        self._fields = fields
        self._is_listed = is_listed
        self._rows: dict[str, Row] = {}
        self._by_customer: dict[str, list[str]] = {}
        self._orders: dict[tuple[str, ...], Sorted[Row]] = {}

    def __iter__(self) -> Iterator[Row]:
        """Iterate in the order of insertion, over rows that are not listed too."""
        return iter(self._rows.values())

    def __len__(self) -> int:
        """Return how many rows there are, those that are not listed included."""
        return len(self._rows)

    def __getitem__(self, row_id: str) -> Row:
        """Return the row of this id.

        Raises:
            KeyError: there is none.
        """
        return self._rows[row_id]

    def of(self, customer_id: str) -> Sequence[Row]:
        """Return one customer's rows, oldest first."""
        return [self._rows[row_id] for row_id in self._by_customer.get(customer_id, ())]

    def put(self, row: Row) -> Row:
        """Insert the row, or replace the one of its id; return it."""
        if row.id not in self._rows:
            self._by_customer.setdefault(row.customer_id, []).append(row.id)
        self._rows[row.id] = row
        self._orders.clear()
        return row

    def clear(self) -> None:
        """Take every row out."""
        self._rows.clear()
        self._by_customer.clear()
        self._orders.clear()

    def ordered(self, sorting: Sequence[str], customer_ids: Collection[str] | None = None) -> Sorted[Row]:
        """Return the rows that are listed in this order, and the key of the order. Not a copy: do not change it.

        Args:
            sorting: Names of fields, a minus sign for descending.
            customer_ids: Whose rows; None for everybody's.
        """
        key = sort_key(sorting, self._fields)
        if customer_ids is not None:
            rows = [row for customer_id in customer_ids for row in self.of(customer_id) if self._is_listed(row)]
            return sorted(rows, key=key), key
        wanted = tuple(sorting)
        if wanted not in self._orders:
            self._orders[wanted] = (sorted(filter(self._is_listed, self._rows.values()), key=key), key)
        return self._orders[wanted]

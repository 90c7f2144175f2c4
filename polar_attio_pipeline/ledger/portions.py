"""Long collections in portions, since a statement takes a limited number of values."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

VALUES = 500
"""Values of one IN: SQLite before 3.32 takes 999 in a statement."""


def portions(values: Iterable[T], size: int = VALUES) -> Iterator[list[T]]:
    """Yield the values in lists of this size; the last one may be shorter."""
    rest = iter(values)
    while portion := list(islice(rest, size)):
        yield portion

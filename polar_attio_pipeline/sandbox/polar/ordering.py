"""The order of lists, and how pages are cut from it: as Postgres does, which keeps no order among equals."""

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

Row = TypeVar("Row")
Key = tuple[Any, ...]


def sort_key(sorting: Sequence[str], fields: Mapping[str, Callable[[Row], Any]]) -> Callable[[Row], Key]:
    """Return a key function for `sorting`: names of `fields`, in order, a minus sign for descending.

    As in Postgres, nulls come last ascending and first descending.
    """
    parts = [(fields[name.removeprefix("-")], name.startswith("-")) for name in sorting]

    def key(row: Row) -> Key:
        return tuple(_part(get(row), descending) for get, descending in parts)

    return key


def _part(value: Any, descending: bool) -> tuple[bool, Any]:
    if value is None:
        return (not descending, 0)
    return (descending, _descending(value)) if descending else (False, value)


def _descending(value: Any) -> Any:
    if isinstance(value, datetime):
        return -round(value.timestamp() * 1_000_000)
    if isinstance(value, str):
        return (*(-ord(character) for character in value), 1)
    return -value


def cut_page(rows: Sequence[Row], key: Callable[[Row], Key], *, offset: int, limit: int) -> list[Row]:
    """Return `limit` rows from `offset` of a sorted list.

    Equals that a page's edge divides are arranged anew for every page, so that pages read one after another
    repeat some of them and lose as many, although nothing changed. The same page is the same twice.
    """
    end = offset + limit
    page = list(rows[offset:end])
    if not page:
        return page
    for edge in (page[0], page[-1]):
        start = bisect_left(rows, key(edge), key=key)
        stop = bisect_right(rows, key(edge), lo=start, key=key)
        if start >= offset and stop <= end:
            continue
        size = stop - start
        turn = zlib.crc32(f"{offset}:{limit}:{size}".encode()) % size
        for position in range(max(start, offset), min(stop, end)):
            page[position - offset] = rows[start + (position - start + turn) % size]
    return page

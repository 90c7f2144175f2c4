"""Many values at hand without their weight in memory."""

import os
import pickle
import tempfile
import weakref
from collections.abc import Iterator, MutableMapping
from typing import Generic, TypeVar, cast

_IN_MEMORY = 4 * 1024 * 1024
_NOT_IN_FILE = -1

Item = TypeVar("Item")


class DiskQueue(MutableMapping[str, Item], Generic[Item]):
    """A mapping that keeps its keys in memory and most of its values in a temporary file without a name.

    Up to 4 MB of the file stay in memory. What is deleted or replaced there frees no room: a queue lives as long as a
    pass.

    Args:
        in_memory: So many values are kept as they are, since pickling takes time.
    """

    def __init__(self, *, in_memory: int = 0) -> None:
        self._places: dict[str, int] = {}
        self._kept: dict[str, Item] = {}
        self._most_kept = in_memory
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed as the next line says
        weakref.finalize(self, self._file.close)

    def __getitem__(self, key: str) -> Item:
        """Return the value of a key."""
        place = self._places[key]
        return self._kept[key] if place == _NOT_IN_FILE else self._read(place)

    def __setitem__(self, key: str, item: Item) -> None:
        """Keep a value."""
        if key in self._kept or len(self._kept) < self._most_kept:
            self._kept[key] = item
            self._places[key] = _NOT_IN_FILE
            return
        self._places[key] = self._file.seek(0, os.SEEK_END)
        self._file.write(pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL))

    def __delitem__(self, key: str) -> None:
        """Forget a key."""
        del self._places[key]
        self._kept.pop(key, None)

    def __contains__(self, key: object) -> bool:
        """Tell whether a key has a value, without reading it."""
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, in the order in which they came."""
        return iter(self._places)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._places)

    def _read(self, place: int) -> Item:
        self._file.seek(place)
        return cast(Item, pickle.load(self._file))  # noqa: S301  # written here, by this process

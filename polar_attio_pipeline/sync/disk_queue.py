"""Many values at hand without their weight in memory."""

import os
import pickle
import tempfile
import weakref
from collections.abc import Iterator, MutableMapping
from typing import Generic, TypeVar, cast

_IN_MEMORY = 4 * 1024 * 1024

Item = TypeVar("Item")


class DiskQueue(MutableMapping[str, Item], Generic[Item]):
    """A mapping that keeps its keys in memory and its values in a temporary file without a name.

    Up to 4 MB of values stay in memory. What is deleted or replaced frees no room: a queue lives as long as a pass.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed as the next line says
        weakref.finalize(self, self._file.close)

    def __getitem__(self, key: str) -> Item:
        """Return the value of a key."""
        return self._read(self._places[key])

    def __setitem__(self, key: str, item: Item) -> None:
        """Keep a value."""
        self._places[key] = self._file.seek(0, os.SEEK_END)
        self._file.write(pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL))

    def __delitem__(self, key: str) -> None:
        """Forget a key."""
        del self._places[key]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, in the order in which they came."""
        return iter(self._places)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._places)

    def popitem(self) -> tuple[str, Item]:
        """Remove the newest key and return it with its value."""
        key, place = self._places.popitem()
        return key, self._read(place)

    def take(self, most: int) -> list[Item]:
        """Remove the newest values, up to so many, and return them."""
        return [self.popitem()[1] for _ in range(min(most, len(self)))]

    def _read(self, place: int) -> Item:
        self._file.seek(place)
        return cast(Item, pickle.load(self._file))  # noqa: S301  # written here, by this process

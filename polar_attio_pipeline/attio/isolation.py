"""Finds the keys that spoil a search: Attio fails for each search that holds one of them, and finds all others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from polar_attio_pipeline.http.errors import TransientError

MOST_REQUESTS = 120
"""What isolating may cost a look-up. One bad key of 400 costs some 14, and a person whom Attio cannot show has three:
its Polar id, its address and its record id."""

Key = tuple[str, str]
"""An attribute's slug, and the value that is looked for."""

Record = dict[str, Any]

Search = Callable[[Sequence[Key], int], Awaitable[list[Record]]]
"""Takes keys, and how many attempts an answer 500 is worth; returns the records."""

_ONE_ATTEMPT = 1
_TO_BE_SURE = 3


def is_server_error(error: TransientError) -> bool:
    """Tell an answer that something in the data causes from those of gateways, of the network and of rate limits."""
    return error.status == 500


@dataclass
class Isolation:
    """Searches that failed with 500, searched again in halves down to single keys.

    Attributes:
        records: What was found.
        unsearchable: The keys that cannot be searched, and those that no request was left for.
    """

    search: Search
    records: list[Record] = field(default_factory=list)
    unsearchable: list[Key] = field(default_factory=list)
    _requests: int = 0

    async def run(self, failed: Sequence[Key]) -> None:
        """Search these keys, of which at least one cannot be searched.

        Raises:
            TransientError: Attio failed in another way than with 500.
        """
        parts = [failed]
        while parts:
            part = parts.pop()
            if self._requests >= MOST_REQUESTS:
                self.unsearchable += part
            elif len(part) == 1:
                if not await self._found(part, _TO_BE_SURE):
                    self.unsearchable += part
            else:
                parts += await self._spoilt_halves(part)

    async def _spoilt_halves(self, part: Sequence[Key]) -> list[Sequence[Key]]:
        left, right = part[: len(part) // 2], part[len(part) // 2 :]
        if await self._found(left, _ONE_ATTEMPT):
            # Then it is the other half: asking for it as a whole would tell nothing new.
            return [right]
        return [left] if await self._found(right, _ONE_ATTEMPT) else [right, left]

    async def _found(self, part: Sequence[Key], attempts: int) -> bool:
        self._requests += 1
        try:
            self.records += await self.search(part, attempts)
        except TransientError as error:
            if not is_server_error(error):
                raise
            return False
        return True

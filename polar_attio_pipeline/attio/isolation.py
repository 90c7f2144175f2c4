"""Finds the keys that spoil a search: Attio fails for each search that holds one of them, and finds all others."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from polar_attio_pipeline.attio.errors import QueryTooComplexError
from polar_attio_pipeline.http.errors import LostAnswerError, TransientError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.sync.tasks import task_group

MOST_REQUESTS = 120
"""What isolating may cost a look-up. One bad key of 400 costs some 14, and a person whom Attio cannot show has three:
its Polar id, its address and its record id."""

Key = tuple[str, str]
"""An attribute's slug, and the value that is looked for."""

Record = dict[str, Any]

Search = Callable[[Sequence[Key], int], Awaitable[list[Record]]]
"""Takes keys, and how many attempts a lost answer is worth; returns the records."""

ONE_ATTEMPT = 1
TO_BE_SURE = 3
"""Failures of a search for a single key, or of a page of one record, after which it is called bad."""

_ATTEMPTS_AT_500 = 6
"""Some 16 seconds: so long an answer 500 is taken for an accident."""

_ATTEMPT_SECONDS = 10
"""Attio may also hang at what it fails for, and each half would wait for that."""


def may_lie_in_the_data(error: TransientError) -> bool:
    """Tell whether something in the data may cause a failure, for as long as it stays there.

    That is how a server, a gateway or a time limit of Attio's fails; rate limits, and an Attio that cannot be reached,
    have other causes.
    """
    return isinstance(error, LostAnswerError)


def patient(retry: RetryPolicy) -> RetryPolicy:
    """Return the bounds of a request for which something in one record may make Attio fail for ever."""
    return replace(retry, attempts_at_500=_ATTEMPTS_AT_500)


def impatient(retry: RetryPolicy, attempts: int) -> RetryPolicy:
    """Return the bounds of a small request by which the cause of a failure is looked for."""
    return replace(retry, attempts_when_lost=attempts, attempt_seconds=_ATTEMPT_SECONDS)


@dataclass
class Isolation:
    """Searches that failed, searched again in halves down to single keys.

    Attributes:
        records: What was found.
        unsearchable: The keys that cannot be searched.
        unasked: Those that no request was left for.
    """

    search: Search
    records: list[Record] = field(default_factory=list)
    unsearchable: list[Key] = field(default_factory=list)
    unasked: list[Key] = field(default_factory=list)
    _requests: int = 0

    async def run(self, failed: Sequence[Sequence[Key]], *, attempts: int = TO_BE_SURE) -> None:
        """Search keys side by side, of which at least one in each part cannot be searched.

        Args:
            failed: The parts.
            attempts: How many failures of a single key are enough to call it unsearchable.

        Raises:
            TransientError: Attio failed in a way that cannot lie in the data.
        """
        parts = list(failed)
        while parts:
            async with task_group() as searches:
                halved = [searches.create_task(self._narrowed(part, attempts)) for part in parts]
            parts = [half for task in halved for half in task.result()]

    async def _narrowed(self, part: Sequence[Key], attempts: int) -> list[Sequence[Key]]:
        """Return the halves of a part in which a key spoils the search; none of a single key."""
        if self._is_used_up():
            self.unasked += part
            return []
        if len(part) == 1:
            if not await self._found(part, attempts):
                self.unsearchable += part
            return []
        left, right = part[: len(part) // 2], part[len(part) // 2 :]
        if await self._found(left, ONE_ATTEMPT):
            # Then it is the other half: asking for it as a whole would tell nothing new.
            return [right]
        return [left, right] if self._is_used_up() or not await self._found(right, ONE_ATTEMPT) else [left]

    def _is_used_up(self) -> bool:
        return self._requests >= MOST_REQUESTS

    async def _found(self, part: Sequence[Key], attempts: int) -> bool:
        self._requests += 1
        try:
            self.records += await self.search(part, attempts)
        except QueryTooComplexError:
            return False
        except TransientError as error:
            if not may_lie_in_the_data(error):
                raise
            return False
        return True

"""Pages that are asked for before their turn, so that several are under way at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Fetch = Callable[[int, int, int | None], Awaitable[list[dict[str, Any]]]]
"""Takes an offset, a limit, and how many attempts a lost answer is worth (None for the usual bounds)."""

_Asked = tuple[int, int, int | None]

_AT_ONCE = 4
"""Attio takes a fraction of a second for a page, and four pages take some 50 MB."""


class Ahead:
    """Asks for pages of which each begins with the last record of the one before it.

    Args:
        fetch: Reads one page.
        page: Records of a page; smaller ones have none after them asked for.
        expected: How many records the list is expected to have: no page beyond them is asked for before its turn.
    """

    def __init__(self, fetch: Fetch, *, page: int, expected: int) -> None:
        self._fetch = fetch
        self._page = page
        self._expected = expected
        self._under_way: dict[_Asked, asyncio.Task[list[dict[str, Any]]]] = {}

    async def read(self, offset: int, limit: int, attempts: int | None) -> list[dict[str, Any]]:
        """Return a page; as `fetch`.

        Where it was not foreseen, what was asked for ahead is dropped: the reading has gone back, or failed.
        """
        asked = self._under_way.pop((offset, limit, attempts), None)
        if asked is None:
            self.drop()
            asked = self._ask(offset, limit, attempts)
        later = range(offset + limit - 1, self._expected, limit - 1) if limit == self._page else ()
        for start in later[: _AT_ONCE - 1]:
            if (start, limit, attempts) not in self._under_way:
                self._under_way[start, limit, attempts] = self._ask(start, limit, attempts)
        return await asked

    def drop(self) -> None:
        """Drop every page that was asked for and not read."""
        for task in self._under_way.values():
            task.cancel()
        self._under_way.clear()

    def _ask(self, offset: int, limit: int, attempts: int | None) -> asyncio.Task[list[dict[str, Any]]]:
        async def page() -> list[dict[str, Any]]:
            return await self._fetch(offset, limit, attempts)

        task = asyncio.create_task(page())
        task.add_done_callback(_forgive)
        return task


def _forgive(task: asyncio.Task[list[dict[str, Any]]]) -> None:
    """Let a page fail that is dropped: a page that is read raises its error there."""
    if not task.cancelled():
        task.exception()

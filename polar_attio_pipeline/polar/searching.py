"""Finds the place in the list of customers where a moment lies."""

from datetime import datetime

from polar_attio_pipeline.polar.pages import PAGE, Fetch, Page


class Search:
    """Finds the page where what was created before a moment begins: doubling, then halving.

    Attributes:
        requests: Pages asked for.
    """

    def __init__(self, fetch: Fetch, moment: datetime) -> None:
        self.requests = 0
        self._fetch = fetch
        self._moment = moment
        self._pages: dict[int, Page] = {}

    async def run(self) -> tuple[int, Page | None]:
        """Return where to begin to read, and the page there if it was read on the way."""
        newer, older = 0, 1
        while not await self._reaches(older):
            newer, last = older, self._pages[older].max_page
            if older >= last:
                older += 1
                break
            older = min(2 * older, last)
        while older - newer > 1:
            middle = (newer + older) // 2
            if await self._reaches(middle):
                older = middle
            else:
                newer = middle
        return max((older - 1) * PAGE - 1, 0), self._pages.get(older)

    async def _reaches(self, number: int) -> bool:
        self.requests += 1
        page = self._pages[number] = await self._fetch(number, PAGE)
        return page.oldest is None or page.oldest < self._moment

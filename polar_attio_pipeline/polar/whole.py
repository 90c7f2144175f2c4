"""Reads a list to its end, each row once, although it changes meanwhile."""

from collections.abc import AsyncIterator

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.polar.entries import Entry, FetchEntries, Value
from polar_attio_pipeline.polar.pages import PAGE
from polar_attio_pipeline.polar.walking import Walk

_PASSES = 4
_FINER = 7
"""By how much each further pass shrinks its pages, so that none of their edges stays where it was."""


async def whole_list(fetch: FetchEntries[Value], *, what: str) -> AsyncIterator[list[Entry[Value]]]:
    """Yield the rows of a list as they are read, each once.

    After a walk to the oldest row it begins again at the newest, until a page brings no new row and there are at least
    as many as Polar counts: that costs one request when nothing happened. A list of one page comes out of one statement
    and needs no second look.

    Args:
        fetch: Reads one page.
        what: What is listed, as in the path of Polar's API.

    Raises:
        LostAnswerError: with status 500 where a row cannot be serialised, or Polar fails.
        ApiError: Polar could not be read, or its list does not hold together after several walks.
    """
    known: set[str] = set()
    total = 0
    for number in range(_PASSES):
        async for page in Walk(fetch, largest=PAGE - number * _FINER, what=what).pages():
            total = page.total_count
            fresh = {entry.key: entry for entry in page.entries if entry.key not in known}
            known.update(fresh)
            yield list(fresh.values())
            if (number == 0 and page.start == 0 and not page.full) or (
                number > 0 and not fresh and len(known) >= total
            ):
                return
        if number > 0 and len(known) >= total:
            return
    raise TransientError(
        f"Polar counts {total} {what}, but its list shows {len(known)} however often it is read, so nothing was "
        "concluded from it: run this again later.",
        service="Polar",
        request=f"GET /v1/{what}/",
    )

"""Reads the newest customers although some of their rows cannot be had."""

import itertools

from polar_attio_pipeline.http.errors import LostAnswerError
from polar_attio_pipeline.polar.errors import is_server_error
from polar_attio_pipeline.polar.pages import Fetch, Page

_SMALLER = (50, 25, 10, 5)
_SINGLE_ROWS = 5
_MOST_REQUESTS = 10


async def read_newest(fetch: Fetch, limit: int) -> Page:
    """Return as many of the newest customers as can be had in few requests.

    A page that is answered 500 is asked for with fewer rows, in the end with one, further and further down.

    Args:
        fetch: Reads one page, in one attempt where it is answered 500.
        limit: Rows that are wanted.

    Raises:
        ApiError: nothing could be had.
    """
    first = [(1, size) for size in (limit, *_SMALLER) if size <= limit]
    single = [(place, 1) for place in range(1, _SINGLE_ROWS + 1)]
    failure: LostAnswerError | None = None
    for number, size in itertools.islice(dict.fromkeys((*first, *single)), _MOST_REQUESTS):
        try:
            return await fetch(number, size)
        except LostAnswerError as error:
            if not is_server_error(error):
                raise
            failure = failure or error
    assert failure is not None, "at least one page was asked for"
    raise failure

"""What every list of Polar's has: an envelope, and filters that take a value or several."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from starlette.responses import Response

from polar_attio_pipeline.sandbox.json_response import Json
from polar_attio_pipeline.sandbox.polar.params import Page

Row = TypeVar("Row")


def listed(items: list[dict[str, Any]], total: int, query: Page) -> Response:
    """Return a page of a list.

    Args:
        items: Its rows.
        total: How many rows there are on all pages.
        query: What was asked for.
    """
    pagination = {"total_count": total, "max_page": math.ceil(total / query.size)}
    return Json({"items": items, "pagination": pagination})


def values(wanted: object) -> frozenset[str] | None:
    """Return the values of a filter as texts; None: it was not given."""
    if wanted is None:
        return None
    return frozenset(map(str, wanted if isinstance(wanted, list) else [wanted]))


def is_any_of(value: str | None, wanted: object) -> bool:
    """Tell whether a filter lets a value through."""
    allowed = values(wanted)
    return allowed is None or value in allowed


def matching(rows: Sequence[Row], *filters: tuple[object, Callable[[Row], str | None]]) -> Sequence[Row]:
    """Return the rows that every filter lets through, each a filter as it was given and what it looks at."""
    for wanted, look in filters:
        allowed = values(wanted)
        if allowed is not None:
            rows = [row for row in rows if look(row) in allowed]
    return rows


def within(
    rows: Sequence[Row],
    look: Callable[[Row], datetime | None],
    after: datetime | None,
    before: datetime | None,
    *,
    inclusive: bool = False,
) -> Sequence[Row]:
    """Return the rows whose time is after one moment and before another; rows without a time only if neither is given.

    Args:
        rows: To choose from.
        look: Returns a row's time.
        after: None: any time.
        before: None: any time.
        inclusive: Whether the moments themselves count.
    """
    if after is not None:
        rows = [row for row in rows if (at := look(row)) is not None and (at > after or (inclusive and at == after))]
    if before is not None:
        rows = [row for row in rows if (at := look(row)) is not None and (at < before or (inclusive and at == before))]
    return rows

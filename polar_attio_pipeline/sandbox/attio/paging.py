"""The query parameters that Attio's GET lists share."""

from collections.abc import Mapping, Sequence
from typing import Any

from polar_attio_pipeline.sandbox.attio.errors import invalid_input, invalid_query


def page_of(items: Sequence[Any], query: Mapping[str, str]) -> Sequence[Any]:
    """Return what `limit` and `offset` ask for; everything without them.

    Raises:
        AttioError: one of them is no whole number of at least 0; 400.
    """
    offset = _whole(query, "offset") or 0
    limit = _whole(query, "limit")
    return items[offset:] if limit is None else items[offset : offset + limit]


def flag(query: Mapping[str, str], name: str) -> bool:
    """Read a boolean parameter; false without it.

    Raises:
        AttioError: it is neither true nor false; 400.
    """
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise invalid_query(invalid_input([name], "Expected true or false"))
    return text == "true"


def _whole(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise invalid_query(invalid_input([name], "Expected a number"))
    return int(text)

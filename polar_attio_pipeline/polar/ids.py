"""What an id of a Polar customer looks like."""

import re

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def canonical_id(text: str) -> str | None:
    """Return an id as Polar's API takes it; None for anything that cannot be the id of one of its customers.

    Ids are UUIDs of version 4 in their usual spelling of 36 characters; Polar answers 422 to all others (measured).
    Ids come back from Attio, where people may have typed them. Upper case is lowered, nothing else is mended.
    """
    lowered = text.lower()
    return lowered if _CANONICAL.fullmatch(lowered) else None

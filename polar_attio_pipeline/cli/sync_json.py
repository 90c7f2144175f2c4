"""What `polar-attio sync --json` prints: one document of every pass that it ran, however the command ends."""

from collections.abc import Sequence
from typing import Any

from polar_attio_pipeline.passes.progress import Began, Ended, Event, LeftOut


def passes_document(events: Sequence[Event], *, error: str | None) -> dict[str, Any]:
    """Return the passes of a command, in their order: ids, links, counts and sentences, no personal data.

    Args:
        events: Everything that was reported.
        error: What ended the command; None where it did all that it was to do.
    """
    passes: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Began):
            passes.append({"pass": event.pass_id, "what": event.what, "reason": event.reason, "ended": None})
        elif isinstance(event, Ended):
            passes[-1] |= _ended(event)
    return {"passes": passes, "error": error}


def _ended(event: Ended) -> dict[str, Any]:
    return {
        "ended": event.how.value,
        "counted": event.noun,
        "counts": {result.value: count for result, count in event.counts.items()},
        "left_out": [_left_out(one) for one in event.left_out],
        "remaining": event.remaining,
        "seconds": round(event.seconds, 1),
        "requests": event.requests,
        "throttled": event.throttled,
        "notes": list(event.notes),
        "next": event.upcoming,
    }


def _left_out(one: LeftOut) -> dict[str, Any]:
    return {
        "outcome": one.result.value,
        "reason": one.reason.value,
        "count": one.count,
        "first": list(one.shown),
    }

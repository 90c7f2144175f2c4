"""The cursor of the sensor `alerts`: what was announced on each channel, and what the states remember between ticks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from polar_attio_pipeline.defs.sensors.notices import STATES
from polar_attio_pipeline.hours import floor

VERSION = 3


@dataclass(frozen=True, slots=True)
class AlertCursor:
    """What the sensor remembers.

    Attributes:
        watching_since: When it was first evaluated.
        start: The first hour of the partitions when this was stored.
        complete_until: Every hour before this one has been materialised.
        failing: Hours that fail, each with the storage id of its newest materialisation when that was found, 0 for
            none: another id means that it has succeeded since.
        announced: For each channel, by `channels.fingerprint`: the problems that were announced there and
            whose end was not announced yet, by state.
    """

    watching_since: datetime
    start: datetime
    complete_until: datetime
    failing: Mapping[datetime, int] = field(default_factory=dict)
    announced: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def load(text: str | None, *, start: datetime, now: datetime) -> AlertCursor:
    """Return the cursor from its stored form; a fresh one where it is missing, garbage or of another version.

    A lost cursor sends a notice again rather than never.
    """
    try:
        stored = json.loads(text or "")
        if stored["version"] == VERSION:
            return _parse(stored, start, now)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        pass
    return AlertCursor(watching_since=now, start=start, complete_until=start)


def dump(cursor: AlertCursor) -> str:
    """Return the form in which Dagster stores the cursor."""
    return json.dumps(
        {
            "version": VERSION,
            "watching_since": cursor.watching_since.isoformat(),
            "start": cursor.start.isoformat(),
            "complete_until": cursor.complete_until.isoformat(),
            "failing": {hour.isoformat(): known for hour, known in sorted(cursor.failing.items())},
            "announced": {channel: dict(announced) for channel, announced in sorted(cursor.announced.items())},
        }
    )


def _parse(stored: Mapping[str, Any], start: datetime, now: datetime) -> AlertCursor:
    complete_until = floor(_moment(stored["complete_until"]))
    if start < _moment(stored["start"]) or not start <= complete_until <= now:
        complete_until = start
    failing = {floor(_moment(hour)): int(known) for hour, known in stored["failing"].items()}
    return AlertCursor(
        watching_since=min(_moment(stored["watching_since"]), now),
        start=start,
        complete_until=complete_until,
        failing={hour: known for hour, known in failing.items() if start <= hour <= now},
        announced={
            str(channel): {name: str(text) for name, text in announced.items() if name in STATES}
            for channel, announced in stored["announced"].items()
        },
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment

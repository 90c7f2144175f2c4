"""The cursor of the sensor `polar_changes`: its values, and the form in which Dagster stores them.

An event is taken note of once, by its id, and its customer is pending from then on until a pass that read Polar later
has succeeded. So the watermark may follow the events at once: what is not done yet is on the list of the pending.
Events appear late, so each reading goes back behind the watermark by the overlap.

The rules stand in `changes_requests`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

VERSION = 1

EVERYTHING = "*"
"""Stands among the pending for all customers: too many have changed to read them one by one."""

MOST_SEEN = 2000
"""Events remembered at most, the newest: twice what one reading holds."""

BEGUN_ANEW = "The stored cursor could not be read, so older changes are left to the next reconciliation. "


@dataclass(frozen=True, slots=True)
class Pending:
    """A customer who changed, until a pass has read it after that.

    Attributes:
        noticed_at: When the newest event about it was seen, by Polar's clock.
        is_new: Whether nothing is known of it but that it was created, which the hours bring to Attio as well.
        asked_at: When the run was asked for that is to read it; None while none is.
        attempts: How many such runs have ended without having read it.
        retry_at: It is not asked for before this.
    """

    noticed_at: datetime
    is_new: bool = False
    asked_at: datetime | None = None
    attempts: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangesCursor:
    """What the sensor remembers from tick to tick.

    Attributes:
        watermark: The newest timestamp of an event so far, or when the sensor began.
        floor: Events of this moment and before are left to a reconciliation.
        seen: When the events happened that were taken note of and may come again, by their ids.
        pending: Customers to be read, by id; and `EVERYTHING`.
        streak: How many times in a row what was asked for ended while nothing at all had succeeded.
        streak_at: When that number last grew.
    """

    watermark: datetime
    floor: datetime
    seen: Mapping[str, datetime] = field(default_factory=dict)
    pending: Mapping[str, Pending] = field(default_factory=dict)
    streak: int = 0
    streak_at: datetime | None = None

    def since(self, overlap: timedelta) -> datetime:
        """Return the moment from which on events are read."""
        return max(self.watermark - overlap, self.floor)


def begun(now: datetime, overlap: timedelta) -> ChangesCursor:
    """Return the cursor of a sensor that begins: it goes back by the overlap, and no further."""
    return ChangesCursor(watermark=now, floor=now - overlap)


def load(text: str | None, *, now: datetime, overlap: timedelta) -> tuple[ChangesCursor, str]:
    """Return the cursor from its stored form, and a sentence if there is one that cannot be read.

    A moment ahead of the clock would be waited for, so it is brought back to now.
    """
    if not text:
        return begun(now, overlap), ""
    try:
        stored = json.loads(text)
        if stored["version"] == VERSION:
            return _parse(stored, now), ""
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        pass
    return begun(now, overlap), BEGUN_ANEW


def dump(cursor: ChangesCursor) -> str:
    """Return the form in which Dagster stores the cursor; its length is bounded."""
    newest = sorted(cursor.seen.items(), key=lambda seen: seen[1])[-MOST_SEEN:]
    return json.dumps(
        {
            "version": VERSION,
            "watermark": cursor.watermark.isoformat(),
            "floor": cursor.floor.isoformat(),
            "seen": {event: round(at.timestamp(), 3) for event, at in newest},
            "pending": {
                customer: [
                    one.noticed_at.isoformat(),
                    one.is_new,
                    _text(one.asked_at),
                    one.attempts,
                    _text(one.retry_at),
                ]
                for customer, one in sorted(cursor.pending.items())
            },
            "streak": cursor.streak,
            "streak_at": _text(cursor.streak_at),
        }
    )


def _parse(stored: Mapping[str, Any], now: datetime) -> ChangesCursor:
    def past(text: str) -> datetime:
        return min(datetime.fromisoformat(text).astimezone(UTC), now)

    def perhaps(text: str | None) -> datetime | None:
        return past(text) if text else None

    pending = {
        str(customer): Pending(past(noticed), bool(is_new), perhaps(asked), max(int(attempts), 0), _moment(retry))
        for customer, (noticed, is_new, asked, attempts, retry) in stored["pending"].items()
    }
    return ChangesCursor(
        watermark=past(stored["watermark"]),
        floor=past(stored["floor"]),
        seen={str(event): datetime.fromtimestamp(at, UTC) for event, at in stored["seen"].items()},
        pending=pending,
        streak=max(int(stored["streak"]), 0),
        streak_at=perhaps(stored["streak_at"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None

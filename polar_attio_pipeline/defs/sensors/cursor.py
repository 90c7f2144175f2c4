"""The cursor of the sensor `new_polar_customers`: its values, and the form in which Dagster stores them.

The watermark says: every hour before it is done, except those that are listed as failing. Dagster saves a sensor's
cursor when a run is requested, before it has succeeded, so what is done is never taken from the cursor alone: it is
derived from the hours whose `attio_people` succeeded, and from when Polar was read for them.

The rules stand in `cursor_progress` (what became of what was asked for) and `cursor_requests` (what to ask for next).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from polar_attio_pipeline.hours import HOUR, between, floor

VERSION = 2

LOOKED_AT = 96
"""Hours looked at in one tick, oldest first, beside those that wait or fail, so that a tick stays short after an outage
of any length; more than the longest overlap, so that the newest of them are among those."""

IDS_KEPT = 100
"""Customers remembered for each waiting hour: a page."""

CLOCK_GRAIN = timedelta(minutes=1)
"""Clocks are compared by HTTP dates of whole seconds; a reading further in the future was timed by a clock that has
been put back since, and says nothing."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
SPACING = timedelta(minutes=5)
"""Each hour that fails again and again lengthens the longest pause of all of them by this, so that a hundred such
hours do not keep the pool busy: one run in five minutes on average, however many they are."""

MOST_FAILING = 500
"""Failing hours that the watermark may leave behind: what is stored and looked up stays bounded."""

Range = tuple[datetime, ...]
"""Hours that follow one another."""


@dataclass(frozen=True, slots=True)
class CustomerRef:
    """A customer on Polar's newest page: enough to tell it from others, and nothing personal."""

    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """An hour in which new customers were seen.

    Attributes:
        noticed_at: When the newest of them was seen; a success has to have read Polar after that.
        ids: Polar's ids of those that are not known to have been read yet.
    """

    noticed_at: datetime
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """A run that was asked for and whose end is not known yet."""

    hours: Range
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Failing:
    """An hour that was asked for and not read.

    Attributes:
        count: How often it failed while other hours succeeded.
        attempts: How often it was the first hour of a run that was not read, whatever happened to other hours.
        since: A success of another hour that read Polar after this moment shows that the next failure is this hour's
            own; a success of this hour after this moment ends it.
        retry_at: It is not asked for before this.
    """

    count: int
    attempts: int
    since: datetime
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the sensor remembers from tick to tick.

    Attributes:
        start: The first hour of the partitions when this was stored.
        watermark: Start of the first hour that is not known to be done for good; each hour before it is, or fails.
        waiting: Hours in which new customers were seen, until a success has read them.
        seen: Ids of the recent customers that `waiting` has taken note of.
        requests: Runs asked for whose end is not known yet.
        failing: Hours that were asked for and not read, until they succeed.
        streak: In how many ticks in a row something asked for ended while nothing at all had succeeded.
        streak_at: When that number last grew.
    """

    start: datetime
    watermark: datetime
    waiting: Mapping[datetime, Waiting] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    requests: tuple[Request, ...] = ()
    failing: Mapping[datetime, Failing] = field(default_factory=dict)
    streak: int = 0
    streak_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a tick found, before it decides.

    Attributes:
        now: The time, by Polar's clock.
        start: The first hour of the partitions.
        newest: Polar's newest customers, newest first.
        read_at: For hours whose `attio_people` has succeeded: when Polar was read for the newest success. It covers
            `hours_to_look_up`, and whatever has succeeded lately.
        in_flight: Hours that a queued or running run covers.
        overlap: How far back a customer may appear late.
        absent: For hours whose newest success says so: ids that Polar no longer has.
        recorded: Those of the waiting customers of whom the ledger has an outcome; None when it cannot be read.
    """

    now: datetime
    start: datetime
    newest: Sequence[CustomerRef]
    read_at: Mapping[datetime, datetime]
    in_flight: Collection[datetime]
    overlap: timedelta
    absent: Mapping[datetime, frozenset[str]] = field(default_factory=dict)
    recorded: frozenset[str] | None = frozenset()

    def read_since(self, hour: datetime, moment: datetime) -> bool:
        """Tell whether a success of the hour read Polar at this moment or later."""
        read_at = self.read_at.get(hour)
        return read_at is not None and moment <= read_at <= self.now + CLOCK_GRAIN

    def settles_at(self, hour: datetime) -> datetime:
        """Return from when on a reading of the hour is its last one: no customer appears in it later than that."""
        return hour + HOUR + self.overlap


def pause(count: int, *, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """Return how long to wait after so many failures in a row: a minute, doubling up to the longest."""
    doublings = min(max(count - 1, 0), (longest // FIRST_PAUSE).bit_length())
    return min(FIRST_PAUSE * (1 << doublings), longest)


def longest_pause(failing: int) -> timedelta:
    """Return the longest pause of an hour while so many fail again and again."""
    return max(LONGEST_PAUSE, SPACING * failing)


def open_hours(cursor: Cursor, now: datetime) -> list[datetime]:
    """Return the hours from the watermark on that have ended, oldest first, as far as a tick looks."""
    return between(cursor.watermark, min(floor(now), cursor.watermark + HOUR * LOOKED_AT) - HOUR)


def hours_to_look_up(cursor: Cursor, *, now: datetime) -> list[datetime]:
    """Return the hours whose success the decision depends on."""
    requested = (hour for request in cursor.requests for hour in request.hours)
    return sorted({*cursor.waiting, *requested, *cursor.failing, *open_hours(cursor, now)})


def load(text: str | None, *, start: datetime, now: datetime) -> Cursor:
    """Return the cursor from its stored form; a fresh one where it is missing, garbage or of another version.

    A fresh cursor begins at the first partition: successes already on record carry it forward at once, so losing it
    costs a look at them and nothing else. A cursor ahead of the clock is brought back to it. A start date that has been
    moved to an earlier day takes the watermark back to it, and one that has been moved to a later day drops what lies
    before it.
    """
    try:
        stored = json.loads(text or "")
        if stored["version"] == VERSION:
            return _parse(stored, start, now)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        pass
    return Cursor(start, start)


def dump(cursor: Cursor) -> str:
    """Return the form in which Dagster stores the cursor."""
    return json.dumps(
        {
            "version": VERSION,
            "start": cursor.start.isoformat(),
            "watermark": cursor.watermark.isoformat(),
            "waiting": {
                hour.isoformat(): [one.noticed_at.isoformat(), sorted(one.ids)]
                for hour, one in sorted(cursor.waiting.items())
            },
            "seen": sorted(cursor.seen),
            "requests": [
                [request.asked_at.isoformat(), [hour.isoformat() for hour in request.hours]]
                for request in cursor.requests
            ],
            "failing": {
                hour.isoformat(): [one.count, one.attempts, one.since.isoformat(), one.retry_at.isoformat()]
                for hour, one in sorted(cursor.failing.items())
            },
            "streak": cursor.streak,
            "streak_at": cursor.streak_at.isoformat() if cursor.streak_at else None,
        }
    )


def _parse(stored: Mapping[str, Any], start: datetime, now: datetime) -> Cursor:
    """Return a stored cursor. A moment ahead of the clock would be waited for, so it is brought back to now."""

    def hour(text: str) -> datetime:
        return floor(_moment(text))

    def past(text: str) -> datetime:
        return min(_moment(text), now)

    watermark = start if start < _moment(stored["start"]) else max(hour(stored["watermark"]), start)
    latest = now + longest_pause(len(stored["failing"]))
    failing = {
        hour(text): Failing(max(int(count), 0), max(int(attempts), 0), past(since), min(_moment(retry_at), latest))
        for text, (count, attempts, since, retry_at) in stored["failing"].items()
    }
    waiting = {hour(text): Waiting(past(at), frozenset(map(str, ids))) for text, (at, ids) in stored["waiting"].items()}
    requests = (
        Request(tuple(one for one in map(hour, hours) if one >= start), past(at)) for at, hours in stored["requests"]
    )
    return Cursor(
        start=start,
        watermark=min(watermark, max(start, floor(now))),
        waiting={one: what for one, what in waiting.items() if start <= one <= now},
        seen=frozenset(map(str, stored["seen"])),
        requests=tuple(request for request in requests if request.hours),
        failing={one: what for one, what in failing.items() if start <= one <= now},
        streak=max(int(stored["streak"]), 0),
        streak_at=past(stored["streak_at"]) if stored["streak_at"] else None,
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment

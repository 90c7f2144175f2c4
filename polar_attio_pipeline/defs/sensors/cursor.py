"""The run cursor as a state machine of values: what it means, when it moves, what to ask for next.

The cursor says: everything created up to here is in Attio. Dagster saves a sensor's cursor when a run is requested,
before it has succeeded, so what is done is never taken from the cursor alone: it is derived from the hours whose
`attio_people` succeeded, and from when Polar was read for them.

An hour is read twice at least: after its end, and once more when the overlap has passed, because a customer may appear
later than its created_at. Only then the cursor moves over it.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from polar_attio_pipeline.hours import HOUR, between, floor

VERSION = 1

LONGEST_RANGE = 24
"""Hours asked for in one run: a run that dies costs at most a day's hours again."""

LOOKED_AT = 96
"""Hours looked at in one tick, oldest first, so that a tick stays short after an outage of any length; more than the
longest overlap, so that the newest of them are among those."""

SETTLE = timedelta(minutes=10)
"""After a reading is due, until it is missed: the schedule does it in this time."""

CLOCK_GRAIN = timedelta(minutes=1)
"""Clocks are compared by HTTP dates of whole seconds; a reading further in the future was timed by a clock that has
been put back since, and says nothing."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
_DOUBLINGS = (LONGEST_PAUSE // FIRST_PAUSE).bit_length()


@dataclass(frozen=True, slots=True)
class Seen:
    """A customer on Polar's newest page: enough to tell it from others, and nothing personal."""

    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the sensor remembers from tick to tick.

    Attributes:
        done_until: Start of the first hour that is not known to be done for good; every hour before it is.
        waiting: Hours in which somebody new was seen, and when; kept until a success that read Polar after that.
        seen: Ids of the recent customers that `waiting` has taken note of.
        asked: Hours asked for whose end is not known yet, and when they were asked for.
        failures: In how many ticks in a row something asked for turned out to have failed.
        pause_until: No run is asked for before this.
    """

    done_until: datetime
    waiting: Mapping[datetime, datetime] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    asked: Mapping[datetime, datetime] = field(default_factory=dict)
    failures: int = 0
    pause_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a tick found, before it decides.

    Attributes:
        now: The time, by Polar's clock.
        start: The first hour of the partitions.
        newest: Polar's newest customers, newest first.
        done: For hours whose `attio_people` has succeeded: when Polar was read for the newest success.
        in_flight: Hours that a queued or running run covers.
        overlap: How far back a customer may appear late.
    """

    now: datetime
    start: datetime
    newest: Sequence[Seen]
    done: Mapping[datetime, datetime]
    in_flight: Collection[datetime]
    overlap: timedelta


Range = tuple[datetime, ...]
"""Hours that follow one another."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: the cursor to save, and the ranges of hours to ask for, each by a run of its own, or why none."""

    cursor: Cursor
    ranges: tuple[Range, ...]
    reason: str


def hours_to_look_up(cursor: Cursor, *, now: datetime) -> list[datetime]:
    """Return the hours whose success the decision depends on: those waiting or asked for, and the oldest not done."""
    return sorted({*cursor.waiting, *cursor.asked, *_open_hours(cursor, now)})


def load(text: str | None, *, start: datetime, now: datetime) -> Cursor:
    """Return the cursor from its stored form; a fresh one where it is missing, garbage or of another version.

    A fresh cursor begins at the first partition: successes already on record carry it forward at once, so losing it
    costs a look at them and nothing else. A cursor ahead of the clock is brought back to it.
    """
    try:
        stored = json.loads(text or "")
        if stored["version"] != VERSION:
            return Cursor(done_until=start)
        return Cursor(
            done_until=min(max(floor(_moment(stored["done_until"])), start), max(start, floor(now))),
            waiting={hour: at for hour, at in _times(stored["waiting"], now).items() if start <= hour <= now},
            seen=frozenset(map(str, stored["seen"])),
            asked=_times(stored["asked"], now),
            failures=max(int(stored["failures"]), 0),
            pause_until=min(_moment(stored["pause_until"]), now + LONGEST_PAUSE) if stored["pause_until"] else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        return Cursor(done_until=start)


def dump(cursor: Cursor) -> str:
    """Return the form in which Dagster stores the cursor."""
    return json.dumps(
        {
            "version": VERSION,
            "done_until": cursor.done_until.isoformat(),
            "waiting": {hour.isoformat(): at.isoformat() for hour, at in sorted(cursor.waiting.items())},
            "seen": sorted(cursor.seen),
            "asked": {hour.isoformat(): at.isoformat() for hour, at in sorted(cursor.asked.items())},
            "failures": cursor.failures,
            "pause_until": cursor.pause_until.isoformat() if cursor.pause_until else None,
        }
    )


def decide(cursor: Cursor, facts: Facts) -> Decision:
    """Move the cursor over what has succeeded, and choose what to ask for: somebody new first, and the oldest gap."""
    open_hours = _open_hours(cursor, facts.now)
    moved = _judge(_advance(_notice(cursor, facts), open_hours, facts), facts)
    missing = [hour for hour in open_hours if _is_missing(hour, facts)]
    if moved.pause_until is not None and facts.now < moved.pause_until:
        return Decision(
            moved,
            (),
            f"What was asked for did not succeed, {moved.failures} times in a row: the next run is asked for after "
            f"{moved.pause_until:%Y-%m-%d %H:%M} UTC. Look at the newest failed run.",
        )
    ranges = _due(moved, missing, facts)
    if ranges:
        asked = {**moved.asked, **dict.fromkeys((hour for hours in ranges for hour in hours), facts.now)}
        return Decision(replace(moved, asked=asked), ranges, "")
    if moved.waiting or missing:
        return Decision(moved, (), "What is missing is already asked for and under way.")
    return Decision(
        moved,
        (),
        f"Nobody is missing. Everybody created before {moved.done_until:%Y-%m-%d %H:%M} UTC is in Attio, whoever "
        "appeared late included.",
    )


def _notice(cursor: Cursor, facts: Facts) -> Cursor:
    """Take note of customers that were not there before."""
    horizon = floor(facts.now - facts.overlap)
    recent = [customer for customer in facts.newest if customer.created_at >= max(horizon, facts.start)]
    unknown = [customer for customer in recent if customer.id not in cursor.seen]
    waiting = {**cursor.waiting, **{floor(customer.created_at): facts.now for customer in unknown}}
    return replace(cursor, waiting=waiting, seen=frozenset(customer.id for customer in recent))


def _open_hours(cursor: Cursor, now: datetime) -> list[datetime]:
    """Return the hours that have ended and are not known to be done for good, oldest first, as far as a tick looks."""
    return between(cursor.done_until, min(floor(now), cursor.done_until + HOUR * LOOKED_AT) - HOUR)


def _advance(cursor: Cursor, open_hours: Iterable[datetime], facts: Facts) -> Cursor:
    """Drop what has succeeded since it was noticed, and move over hours that are done for good."""
    waiting = {hour: at for hour, at in cursor.waiting.items() if not _read_since(facts, hour, at)}
    done_until = cursor.done_until
    for hour in open_hours:
        if not _read_since(facts, hour, hour + HOUR + facts.overlap):
            break
        done_until = hour + HOUR
    return replace(cursor, waiting=waiting, done_until=done_until)


def _judge(cursor: Cursor, facts: Facts) -> Cursor:
    """See what became of the hours asked for: pause longer each time some did not succeed."""
    ended = {hour: at for hour, at in cursor.asked.items() if hour not in facts.in_flight}
    if not ended:
        return cursor
    under_way = {hour: at for hour, at in cursor.asked.items() if hour in facts.in_flight}
    if all(_read_since(facts, hour, at) for hour, at in ended.items()):
        return replace(cursor, asked=under_way, failures=0, pause_until=None)
    pause = min(FIRST_PAUSE * 2 ** min(cursor.failures, _DOUBLINGS), LONGEST_PAUSE)
    return replace(cursor, asked=under_way, failures=cursor.failures + 1, pause_until=facts.now + pause)


def _due(cursor: Cursor, missing: Iterable[datetime], facts: Facts) -> tuple[Range, ...]:
    """Return the ranges to ask for: hours in which somebody new waits, and the oldest gap.

    Both, so that neither a long gap keeps new customers waiting, nor a busy day the gap. While runs fail, one is enough
    to see whether they still do.
    """
    fresh = _first_range(hour for hour in sorted(cursor.waiting) if hour not in facts.in_flight)
    gap = _first_range(hour for hour in missing if hour not in {*facts.in_flight, *fresh})
    ranges = tuple(hours for hours in (fresh, gap) if hours)
    return ranges[:1] if cursor.failures else ranges


def _is_missing(hour: datetime, facts: Facts) -> bool:
    """Tell whether an hour should have been read by now, for the first time or for good, and was not."""
    end = hour + HOUR
    return any(facts.now >= due + SETTLE and not _read_since(facts, hour, due) for due in (end, end + facts.overlap))


def _read_since(facts: Facts, hour: datetime, moment: datetime) -> bool:
    read_at = facts.done.get(hour)
    return read_at is not None and moment <= read_at <= facts.now + CLOCK_GRAIN


def _first_range(hours: Iterable[datetime]) -> Range:
    found: list[datetime] = []
    for hour in hours:
        if found and (hour != found[-1] + HOUR or len(found) == LONGEST_RANGE):
            break
        found.append(hour)
    return tuple(found)


def _times(stored: Mapping[str, str], now: datetime) -> dict[datetime, datetime]:
    """Return hours and the moments noted for them; a moment ahead of the clock would be waited for, so it is now."""
    return {floor(_moment(hour)): min(_moment(at), now) for hour, at in stored.items()}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment

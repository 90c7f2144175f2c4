"""The run cursor as a state machine of values: what it means, when it moves, what to ask for next.

The cursor says: everything created up to here is in Attio. Dagster saves a sensor's cursor when a run is requested,
before it has succeeded, so what is done is never taken from the cursor alone: it is derived from the hours whose
`attio_people` succeeded, and from when Polar was read for them.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from polar_attio_pipeline.hours import HOUR, between, floor

VERSION = 1

LONGEST_RANGE = 24
"""Hours asked for in one run: a run that dies costs at most a day's hours again."""

LOOKED_AT = 48
"""Closed hours looked at in one tick, oldest first, so that a tick stays short after an outage of any length."""

SETTLE = timedelta(minutes=5)
"""After an hour's end, until it is missed: the schedule closes it in this time."""

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Seen:
    """A customer on Polar's newest page: enough to tell it from others, and nothing personal."""

    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the sensor remembers from tick to tick.

    Attributes:
        done_until: Start of the first hour that is not known to be done; every hour before it is.
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


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: the cursor to save, and the one range of hours to ask for, or why not."""

    cursor: Cursor
    ask: tuple[datetime, ...]
    reason: str


def hours_to_look_up(cursor: Cursor, *, now: datetime) -> list[datetime]:
    """Return the hours whose success the decision depends on: those waiting or asked for, and the oldest not done."""
    ahead = int((floor(now) - cursor.done_until) / HOUR)
    open_hours = (cursor.done_until + HOUR * step for step in range(min(max(ahead, 0), LOOKED_AT)))
    return sorted({*cursor.waiting, *cursor.asked, *open_hours})


def load(text: str | None, *, start: datetime, now: datetime) -> Cursor:
    """Return the cursor from its stored form; a fresh one where it is missing, garbage or of another version.

    A fresh cursor begins at the first partition: successes already on record carry it forward at once, so losing it
    costs a look at them and nothing else. A cursor ahead of the clock is brought back to it.
    """
    try:
        stored = json.loads(text or "")
        if stored["version"] != VERSION:
            return Cursor(done_until=start)
        cursor = Cursor(
            done_until=_moment(stored["done_until"]),
            waiting={_moment(hour): _moment(at) for hour, at in stored["waiting"].items()},
            seen=frozenset(map(str, stored["seen"])),
            asked={_moment(hour): _moment(at) for hour, at in stored["asked"].items()},
            failures=int(stored["failures"]),
            pause_until=_moment(stored["pause_until"]) if stored["pause_until"] else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Cursor(done_until=start)
    return replace(
        cursor,
        done_until=min(max(floor(cursor.done_until), start), max(start, floor(now))),
        waiting={hour: at for hour, at in cursor.waiting.items() if start <= hour <= now},
        pause_until=min(cursor.pause_until, now + LONGEST_PAUSE) if cursor.pause_until else None,
    )


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
    """Move the cursor over what has succeeded, and choose the one range to ask for: somebody new first, then gaps."""
    moved = _judge(_advance(_notice(cursor, facts), facts), facts)
    if moved.pause_until is not None and facts.now < moved.pause_until:
        return Decision(
            moved,
            (),
            f"{moved.failures} runs in a row did not succeed: the next is asked for after "
            f"{moved.pause_until:%Y-%m-%d %H:%M} UTC. Look at the newest failed run.",
        )
    due = _due(moved, facts)
    if due:
        asked = {**moved.asked, **dict.fromkeys(due, facts.now)}
        return Decision(replace(moved, asked=asked), due, "")
    if moved.waiting or _missing(moved, facts):
        return Decision(moved, (), "What is missing is already asked for and under way.")
    return Decision(moved, (), f"Everybody created before {moved.done_until:%Y-%m-%d %H:%M} UTC is in Attio.")


def _notice(cursor: Cursor, facts: Facts) -> Cursor:
    """Take note of customers that were not there before."""
    horizon = floor(facts.now - facts.overlap)
    recent = [customer for customer in facts.newest if customer.created_at >= max(horizon, facts.start)]
    unknown = [customer for customer in recent if customer.id not in cursor.seen]
    waiting = {**cursor.waiting, **{floor(customer.created_at): facts.now for customer in unknown}}
    return replace(cursor, waiting=waiting, seen=frozenset(customer.id for customer in recent))


def _advance(cursor: Cursor, facts: Facts) -> Cursor:
    """Drop what has succeeded since it was noticed, and move over closed hours that succeeded after their end."""
    waiting = {hour: at for hour, at in cursor.waiting.items() if not _read_since(facts, hour, at)}
    done_until = cursor.done_until
    for hour in between(cursor.done_until, min(floor(facts.now), cursor.done_until + HOUR * LOOKED_AT) - HOUR):
        if not _read_since(facts, hour, hour + HOUR):
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
    pause = min(FIRST_PAUSE * 2**cursor.failures, LONGEST_PAUSE)
    return replace(cursor, asked=under_way, failures=cursor.failures + 1, pause_until=facts.now + pause)


def _due(cursor: Cursor, facts: Facts) -> tuple[datetime, ...]:
    """Return the range to ask for: hours in which somebody new waits, else the oldest gap."""
    fresh = sorted(hour for hour in cursor.waiting if hour not in facts.in_flight)
    if fresh:
        return _first_range(fresh)
    return _first_range(hour for hour in _missing(cursor, facts) if hour not in facts.in_flight)


def _missing(cursor: Cursor, facts: Facts) -> list[datetime]:
    """Return closed hours without a success after their end, oldest first, as far as this tick looks."""
    closed = min(floor(facts.now - SETTLE), cursor.done_until + HOUR * LOOKED_AT)
    return [hour for hour in between(cursor.done_until, closed - HOUR) if not _read_since(facts, hour, hour + HOUR)]


def _read_since(facts: Facts, hour: datetime, moment: datetime) -> bool:
    read_at = facts.done.get(hour)
    return read_at is not None and read_at >= moment


def _first_range(hours: Iterable[datetime]) -> tuple[datetime, ...]:
    found: list[datetime] = []
    for hour in hours:
        if found and (hour != found[-1] + HOUR or len(found) == LONGEST_RANGE):
            break
        found.append(hour)
    return tuple(found)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment

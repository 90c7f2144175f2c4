"""What the sensor asks for next, and what it says when it asks for nothing: pure rules over the cursor's values.

An hour is read twice at least: after its end, and once more when the overlap has passed, because a customer may appear
later than its created_at. Order: the newest hours in which new customers wait, then failing hours, then the oldest gap.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from polar_attio_pipeline.defs.sensors.cursor import Cursor, Facts, Range, Request, open_hours, pause
from polar_attio_pipeline.defs.sensors.cursor_progress import is_sure, update
from polar_attio_pipeline.hours import HOUR

LONGEST_RANGE = 24
"""Hours asked for in one run: a run that dies costs at most a day's hours again."""

SETTLE = timedelta(minutes=10)
"""After a reading is due, until it is missed: the schedule does it in this time."""

HOURS_NAMED = 3
"""Hours that a sentence names; of the others it says how many they are."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do: the cursor to save, and the ranges of hours to ask for, each by a run of its own, or why none."""

    cursor: Cursor
    ranges: tuple[Range, ...]
    reason: str


def decide(cursor: Cursor, facts: Facts) -> Decision:
    """Take note of what has happened, and choose what to ask for."""
    updated = update(cursor, facts)
    # Of the hours that were looked up, which begin at the watermark as it was.
    open_now = (hour for hour in open_hours(cursor, facts.now) if hour >= updated.watermark)
    missing = [hour for hour in open_now if _is_missing(hour, facts)]
    ranges = tuple(_ranges(updated, missing, facts))
    if ranges:
        requests = (*updated.requests, *(Request(hours, facts.now) for hours in ranges))
        return Decision(replace(updated, requests=requests), ranges, "")
    return Decision(updated, (), _reason(updated, missing, facts))


def expected(cursor: Cursor, hours: Iterable[datetime]) -> list[str]:
    """Return Polar's ids of the customers that were seen in these hours and are not known to have been read."""
    return sorted({customer for hour in hours if hour in cursor.waiting for customer in cursor.waiting[hour].ids})


def name_hours(hours: Sequence[datetime]) -> str:
    """Return the first few hours by name, and how many more there are: "2026-11-01 08:00, 2026-11-01 09:00 UTC"."""
    named = ", ".join(f"{hour:%Y-%m-%d %H:%M}" for hour in hours[:HOURS_NAMED])
    return f"{named} UTC" + (f" and {len(hours) - HOURS_NAMED} more" if len(hours) > HOURS_NAMED else "")


def _ranges(cursor: Cursor, missing: Sequence[datetime], facts: Facts) -> list[Range]:
    fresh = _newest_waiting(cursor, facts)
    taken = {*cursor.failing, *facts.in_flight, *fresh}
    gap = _run_of(hour for hour in missing if hour not in taken)
    retries = _retries(cursor, facts)
    if not cursor.streak:
        return [hours for hours in (fresh, *retries, gap) if hours]
    # Nothing succeeds. A gap goes first: its hours were not tried yet, and are among the failing ones afterwards.
    careful = [hours for hours in (gap, *retries) if hours][:1] if _may_retry(cursor, facts) else []
    return [fresh, *careful] if fresh else careful


def _may_retry(cursor: Cursor, facts: Facts) -> bool:
    return not cursor.requests and facts.now >= _paused_until(cursor, facts)


def _paused_until(cursor: Cursor, facts: Facts) -> datetime:
    return cursor.streak_at + pause(cursor.streak) if cursor.streak_at else facts.now


def _newest_waiting(cursor: Cursor, facts: Facts) -> Range:
    """Return the newest hour in which new customers wait and that has not failed, with those before it."""
    fresh = {hour for hour in cursor.waiting if hour not in cursor.failing and hour not in facts.in_flight}
    hours: list[datetime] = []
    hour = max(fresh, default=facts.start)
    while hour in fresh and len(hours) < LONGEST_RANGE:
        hours.append(hour)
        hour -= HOUR
    return tuple(reversed(hours))


def _retries(cursor: Cursor, facts: Facts) -> list[Range]:
    """Return the failing hours that are due, the one that waits longest first.

    Hours that failed once may share a run; one that fails again and again is alone in its own, and only one such run is
    under way at a time.
    """
    due = {
        hour: one.retry_at
        for hour, one in cursor.failing.items()
        if one.retry_at <= facts.now and hour not in facts.in_flight
    }
    order = sorted(due, key=lambda hour: (due[hour], hour))
    together = [hour for hour in order if not is_sure(cursor.failing[hour])]
    alone = [hour for hour in order if is_sure(cursor.failing[hour])]
    alone_in_flight = any(hour in facts.in_flight and is_sure(one) for hour, one in cursor.failing.items())
    group = _run_of(sorted(hour for hour in together if hour >= together[0]))
    return [group, (alone[0],) if alone and not alone_in_flight else ()]


def _is_missing(hour: datetime, facts: Facts) -> bool:
    """Tell whether an hour should have been read by now, for the first time or for good, and was not."""
    dues = (hour + HOUR, facts.settles_at(hour))
    return any(facts.now >= due + SETTLE and not facts.read_since(hour, due) for due in dues)


def _run_of(hours: Iterable[datetime]) -> Range:
    """Return the first of the hours and those that follow it without a hole, as many as a run may have."""
    found: list[datetime] = []
    for hour in hours:
        if found and (hour != found[-1] + HOUR or len(found) == LONGEST_RANGE):
            break
        found.append(hour)
    return tuple(found)


def _reason(cursor: Cursor, missing: Sequence[datetime], facts: Facts) -> str:
    if facts.now < facts.start:
        return (
            f"POLAR_ATTIO_START_DATE is {facts.start:%Y-%m-%d}, a day that has not begun: no hour is asked for before "
            "it. Customers who come earlier are brought by a full reconciliation."
        )
    left = {*cursor.waiting, *missing, *cursor.failing} - {*facts.in_flight}
    if cursor.streak and left:
        return (
            f"What was asked for did not succeed, {cursor.streak} times in a row: failed and missing hours are asked "
            f"for again {_when(_next_try(cursor, missing, facts), facts)}. Look at the newest failed run."
        )
    if {*cursor.waiting, *missing} - cursor.failing.keys():
        return "What is missing is already asked for and under way."
    read = f"created from {facts.start:%Y-%m-%d %H:%M} to {cursor.watermark:%Y-%m-%d %H:%M} UTC was read, "
    listed = "and is in Attio or listed by the check every_customer_is_in_attio."
    if not cursor.failing:
        return f"Nothing is missing. Every customer {read}{listed}"
    failing = sorted(cursor.failing)
    next_try = min(one.retry_at for one in cursor.failing.values())
    return (
        f"Not done, because they failed: {name_hours(failing)}; the next of them is asked for "
        f"{_when(next_try, facts)}. Except for these hours, every customer {read}{listed}"
    )


def _next_try(cursor: Cursor, missing: Sequence[datetime], facts: Facts) -> datetime:
    """Return when the next hour is asked for in a streak of failures: after the pause, and not before one is due."""
    paused_until = _paused_until(cursor, facts)
    untried = {*missing} - cursor.failing.keys() - {*facts.in_flight}
    due = [one.retry_at for one in cursor.failing.values()]
    return paused_until if untried or not due else max(paused_until, min(due))


def _when(moment: datetime, facts: Facts) -> str:
    # What is due already, and not asked for, waits for a run.
    return "when the run under way has ended" if moment <= facts.now else f"after {moment:%Y-%m-%d %H:%M} UTC"

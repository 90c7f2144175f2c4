"""What became of the hours that the sensor asked for: pure rules over the cursor's values.

A run reads its hours in order and puts each on record when it is done, so the first hour that was not read is the one
that failed; those behind it were not tried. That hour is blamed when something else succeeded meanwhile; when nothing
did, a service is probably down, and the streak grows instead.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from polar_attio_pipeline.defs.sensors.cursor import (
    CLOCK_GRAIN,
    IDS_KEPT,
    MOST_FAILING,
    Cursor,
    Facts,
    Failing,
    Request,
    Waiting,
    longest_pause,
    open_hours,
    pause,
)
from polar_attio_pipeline.hours import HOUR, floor

BLAMED_FOR_SURE = 2
"""So often blamed, an hour is asked for by itself, and the watermark does not wait for it."""

ATTEMPTS_FOR_SURE = 10
"""So often tried, the watermark does not wait for an hour either, although nothing else succeeded to compare it with:
where no schedule runs and no customer comes, nothing may succeed for days."""


def update(cursor: Cursor, facts: Facts) -> Cursor:
    """Return the cursor after what has happened since the last tick."""
    noticed = _notice(cursor, facts)
    settled = _clear(_settle(noticed, facts), facts)
    return _advance(_judge(settled, facts), facts)


def is_sure(failing: Failing) -> bool:
    """Tell whether an hour has failed so often by itself that it is asked for alone."""
    return failing.count >= BLAMED_FOR_SURE


def _notice(cursor: Cursor, facts: Facts) -> Cursor:
    """Take note of customers that were not there before."""
    horizon = max(floor(facts.now - facts.overlap), facts.start)
    recent = [customer for customer in facts.newest if customer.created_at >= horizon]
    waiting = dict(cursor.waiting)
    for customer in recent:
        if customer.id not in cursor.seen:
            hour = floor(customer.created_at)
            known = waiting[hour].ids if hour in waiting else frozenset()
            ids = known | {customer.id} if len(known) < IDS_KEPT else known
            waiting[hour] = Waiting(facts.now, ids)
    return replace(cursor, waiting=waiting, seen=frozenset(customer.id for customer in recent))


def _settle(cursor: Cursor, facts: Facts) -> Cursor:
    """Drop the waiting customers that a success has read; an hour whose success did not read all of them failed."""
    waiting: dict[datetime, Waiting] = {}
    failing = dict(cursor.failing)
    for hour, one in cursor.waiting.items():
        if not facts.read_since(hour, one.noticed_at):
            waiting[hour] = one
        elif unread := _unread(hour, one, facts):
            # Only a success that reads Polar after this one is judged next.
            after = max(facts.now, facts.read_at[hour]) + timedelta(microseconds=1)
            waiting[hour] = Waiting(after, unread)
            failing[hour] = _blame(failing.get(hour) or _untried(after), after, sure=_sure(failing))
    return replace(cursor, waiting=waiting, failing=failing)


def _unread(hour: datetime, waiting: Waiting, facts: Facts) -> frozenset[str]:
    if facts.recorded is None:
        return frozenset()
    return waiting.ids - facts.recorded - facts.absent.get(hour, frozenset())


def _clear(cursor: Cursor, facts: Facts) -> Cursor:
    """Drop failing hours that have succeeded; one that the watermark has passed needs its last reading."""

    def has_succeeded(hour: datetime, one: Failing) -> bool:
        last = hour >= cursor.watermark or facts.read_since(hour, facts.settles_at(hour))
        return last and hour not in cursor.waiting and facts.read_since(hour, one.since)

    left = {hour: one for hour, one in cursor.failing.items() if not has_succeeded(hour, one)}
    if any(is_sure(one) for hour, one in cursor.failing.items() if hour not in left):
        # What was mended for one hour may be mended for all of them.
        left = {hour: replace(one, retry_at=min(one.retry_at, facts.now)) for hour, one in left.items()}
    return replace(cursor, failing=left)


def _judge(cursor: Cursor, facts: Facts) -> Cursor:
    """See what became of the runs asked for."""
    under_way: list[Request] = []
    failing = dict(cursor.failing)
    fruitless = False
    for request in cursor.requests:
        if rest := tuple(hour for hour in request.hours if hour in facts.in_flight):
            under_way.append(replace(request, hours=rest))
        ended = (hour for hour in request.hours if hour not in facts.in_flight)
        unread = [hour for hour in ended if not facts.read_since(hour, request.asked_at)]
        for hour in unread[1:]:
            failing.setdefault(hour, _untried(request.asked_at))
        for hour in unread[:1]:
            known = failing.get(hour) or _untried(request.asked_at)
            own_fault = _succeeded_after(known.since, facts, but=hour)
            failing[hour] = _blame(known, facts.now, sure=_sure(failing)) if own_fault else _try_again(known, facts.now)
            fruitless = fruitless or not own_fault
    judged = replace(cursor, requests=tuple(under_way), failing=failing)
    if fruitless:
        return replace(judged, streak=cursor.streak + 1, streak_at=facts.now)
    succeeded = cursor.streak_at is not None and _succeeded_after(cursor.streak_at, facts)
    return replace(judged, streak=0, streak_at=None) if succeeded else judged


def _succeeded_after(moment: datetime, facts: Facts, *, but: datetime | None = None) -> bool:
    """Tell whether a success of any hour, or of any other hour, read Polar after the moment."""
    latest = facts.now + CLOCK_GRAIN
    return any(hour != but and moment < read_at <= latest for hour, read_at in facts.read_at.items())


def _untried(asked_at: datetime) -> Failing:
    return Failing(count=0, attempts=0, since=asked_at, retry_at=asked_at)


def _blame(known: Failing, now: datetime, *, sure: int) -> Failing:
    count = known.count + 1
    wait = pause(count, longest=longest_pause(sure))
    return Failing(count, known.attempts + 1, since=now, retry_at=now + wait)


def _try_again(known: Failing, now: datetime) -> Failing:
    """Return the hour as it is after a failure that tells nothing about it: behind those that were not tried since."""
    retry_at = now + pause(known.count) if is_sure(known) else now
    return replace(known, attempts=known.attempts + 1, retry_at=retry_at)


def _sure(failing: Mapping[datetime, Failing]) -> int:
    return sum(map(is_sure, failing.values()))


def _advance(cursor: Cursor, facts: Facts) -> Cursor:
    """Move the watermark over hours that are done for good, and past those that fail again and again."""
    room = MOST_FAILING - sum(hour < cursor.watermark for hour in cursor.failing)
    watermark = cursor.watermark
    for hour in open_hours(cursor, facts.now):
        if hour in cursor.waiting or not facts.read_since(hour, facts.settles_at(hour)):
            if room <= 0 or not _may_be_passed(hour, cursor, facts):
                break
            room -= 1
        watermark = hour + HOUR
    return replace(cursor, watermark=watermark)


def _may_be_passed(hour: datetime, cursor: Cursor, facts: Facts) -> bool:
    one = cursor.failing.get(hour)
    # Before its last reading is due, a success would not be the last one, and the hour would be lost from sight.
    return (
        one is not None and (is_sure(one) or one.attempts >= ATTEMPTS_FOR_SURE) and facts.now >= facts.settles_at(hour)
    )

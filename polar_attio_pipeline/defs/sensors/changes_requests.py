"""What the sensor `polar_changes` asks for next: pure rules over the values of its cursor.

One run at a time: customers who change meanwhile wait together for the next one. Customers who were never tried go
before those who failed, so that one who fails for ever holds no other one up; while nothing succeeds, ever fewer are
asked for at once, after growing pauses, so that one who makes every run fail ends up alone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from polar_attio_pipeline.defs.sensors.changes_cursor import EVERYTHING, ChangesCursor, Pending
from polar_attio_pipeline.defs.sensors.cursor import pause
from polar_attio_pipeline.polar.events import CREATED, Events

LONGEST_PAUSE = timedelta(minutes=15)

HOURS_FIRST = timedelta(minutes=2)
"""So long a new customer is left to the run of its hour, which the other sensor asks for."""

READ_AHEAD = timedelta(minutes=1)
"""A reading further in the future was timed by a clock that has been put back since, and says nothing."""

CLOCK_GRAIN = timedelta(seconds=1)
"""What differs in the timestamps of one event as it is remembered and as it is read again."""


@dataclass(frozen=True, slots=True)
class ChangesFacts:
    """What a tick found, before it decides.

    Attributes:
        now: The time, by Polar's clock.
        found: The events since `ChangesCursor.since`.
        read_at: When Polar was read for the newest success that covers a customer, by id; of `EVERYTHING`, when the
            newest reconciliation that succeeded began.
        in_flight: Customers that a queued or running run covers; `EVERYTHING` if a reconciliation is one.
        recorded: Those of the pending customers of whom the ledger has an outcome.
        overlap: How late an event may appear.
        most: More customers than this are the business of a reconciliation.
    """

    now: datetime
    found: Events
    read_at: Mapping[str, datetime]
    in_flight: Collection[str]
    recorded: Collection[str]
    overlap: timedelta
    most: int

    def covered(self, customer: str, since: datetime) -> bool:
        """Tell whether a success has read this customer at this moment or later."""
        latest = self.now + READ_AHEAD
        return any(at is not None and since <= at <= latest for at in map(self.read_at.get, (customer, EVERYTHING)))


@dataclass(frozen=True, slots=True)
class ChangesDecision:
    """What to do: the cursor to save, the customers to ask for (or `EVERYTHING` alone), or why none.

    Attributes:
        retried: Whether these customers were asked for before.
    """

    cursor: ChangesCursor
    customers: tuple[str, ...]
    reason: str = ""
    retried: bool = False


def decide(cursor: ChangesCursor, facts: ChangesFacts) -> ChangesDecision:
    """Take note of what has happened, and choose what to ask for."""
    updated = _too_many(_notice(_judge(cursor, facts), facts), facts)
    customers, reason = _choose(updated, facts)
    retried = any(updated.pending[customer].attempts for customer in customers)
    asked = {one: replace(updated.pending[one], asked_at=facts.now) for one in customers}
    return ChangesDecision(replace(updated, pending={**updated.pending, **asked}), customers, reason, retried)


def _judge(cursor: ChangesCursor, facts: ChangesFacts) -> ChangesCursor:
    """Drop customers that were read, and note those whose run has ended without that."""
    pending: dict[str, Pending] = {}
    failed: list[datetime] = []
    for customer, one in cursor.pending.items():
        if facts.covered(customer, one.noticed_at) or (one.is_new and customer in facts.recorded):
            continue
        if one.asked_at is None or customer in facts.in_flight:
            pending[customer] = one
        elif facts.covered(customer, one.asked_at):
            # It was read, and has changed again since.
            pending[customer] = Pending(one.noticed_at)
        else:
            failed.append(one.asked_at)
            attempts = one.attempts + 1
            retry_at = facts.now + pause(attempts, longest=LONGEST_PAUSE)
            pending[customer] = replace(one, asked_at=None, attempts=attempts, retry_at=retry_at)
    return _count(replace(cursor, pending=pending), failed, facts)


def _count(cursor: ChangesCursor, failed: list[datetime], facts: ChangesFacts) -> ChangesCursor:
    newest = max(facts.read_at.values(), default=None)
    if failed and (newest is None or newest < min(failed)):
        return replace(cursor, streak=cursor.streak + 1, streak_at=facts.now)
    if newest and cursor.streak_at and newest >= cursor.streak_at:
        return replace(cursor, streak=0, streak_at=None)
    return cursor


def _notice(cursor: ChangesCursor, facts: ChangesFacts) -> ChangesCursor:
    """Take note of the customers of events that were not seen before."""
    pending = dict(cursor.pending)
    for event in facts.found.events:
        if event.id in cursor.seen or event.at <= cursor.floor:
            continue
        known = pending.get(event.customer_id)
        is_new = event.name == CREATED and (known is None or known.is_new)
        pending[event.customer_id] = replace(known or Pending(facts.now), noticed_at=facts.now, is_new=is_new)
    newest = max((event.at for event in facts.found.events), default=cursor.watermark)
    moved = replace(cursor, watermark=max(cursor.watermark, min(newest, facts.now)), pending=pending)
    if facts.found.unreadable:
        # A row that Polar cannot serialise costs many requests each time: no longer than an event may be late.
        moved = replace(moved, floor=max(moved.floor, facts.now - facts.overlap))
    horizon = moved.since(facts.overlap) - CLOCK_GRAIN
    seen = {**cursor.seen, **{event.id: event.at for event in facts.found.events}}
    return replace(moved, seen={event: at for event, at in seen.items() if at >= horizon})


def _too_many(cursor: ChangesCursor, facts: ChangesFacts) -> ChangesCursor:
    """Put all customers in the place of very many."""
    single = sum(customer != EVERYTHING for customer in cursor.pending)
    if single <= facts.most and facts.found.whole:
        return cursor
    before = cursor.pending.get(EVERYTHING, Pending(facts.now))
    all_of_them = replace(cursor, pending={EVERYTHING: replace(before, noticed_at=facts.now)})
    # Events that were not read, because there were too many, are not to be read again for ever.
    return all_of_them if facts.found.whole else replace(all_of_them, floor=facts.now, seen={})


def _choose(cursor: ChangesCursor, facts: ChangesFacts) -> tuple[tuple[str, ...], str]:
    """Return whom to ask for, or why for none."""
    wait = _wait(cursor, facts)
    if wait:
        return (), wait
    due = [customer for customer, one in cursor.pending.items() if _is_due(one, facts)]
    if EVERYTHING in due:
        return (EVERYTHING,), ""
    untried = [customer for customer in due if not cursor.pending[customer].attempts]
    some = sorted(untried or due, key=lambda customer: (cursor.pending[customer].noticed_at, customer))
    if not some:
        return (), f"{_count_of(cursor)} changed: new ones wait for the run of their hour, others for a retry."
    return tuple(some[: max(1, min(facts.most, len(some) >> cursor.streak))]), ""


def _wait(cursor: ChangesCursor, facts: ChangesFacts) -> str:
    """Say what has to happen before anything is asked for; nothing if something may be."""
    if not cursor.pending:
        return "No customer has changed that has not been read since."
    if any(customer != EVERYTHING for customer in facts.in_flight):
        return f"{_count_of(cursor)} changed: the run under way has to end first."
    if EVERYTHING in cursor.pending and EVERYTHING in facts.in_flight:
        return "Very many customers changed: a reconciliation is queued or running."
    until = cursor.streak_at + pause(cursor.streak, longest=LONGEST_PAUSE) if cursor.streak_at else facts.now
    if until <= facts.now:
        return ""
    return (
        f"What was asked for did not succeed, {cursor.streak} times in a row; {_count_of(cursor)} changed, and nothing "
        f"is asked for before {until:%Y-%m-%d %H:%M} UTC. Look at the newest failed run."
    )


def _is_due(one: Pending, facts: ChangesFacts) -> bool:
    if one.asked_at is not None or (one.retry_at and one.retry_at > facts.now):
        return False
    return not one.is_new or bool(one.attempts) or facts.now >= one.noticed_at + HOURS_FIRST


def _count_of(cursor: ChangesCursor) -> str:
    if EVERYTHING in cursor.pending:
        return "Very many customers"
    return "1 customer" if len(cursor.pending) == 1 else f"{len(cursor.pending)} customers"

"""The rules of the run cursor, one example each; `test_cursor_histories` plays whole weeks of trouble."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.defs.sensors.cursor import (
    LONGEST_PAUSE,
    LONGEST_RANGE,
    LOOKED_AT,
    SETTLE,
    Cursor,
    Facts,
    Seen,
    decide,
    dump,
    hours_to_look_up,
    load,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOW = START + 10 * HOUR + 30 * MINUTE
"""Half past ten: hours 0 to 9 have ended, hour 10 is running."""


def hour(number: int) -> datetime:
    return START + HOUR * number


def facts(
    *,
    now: datetime = NOW,
    newest: Iterable[Seen] = (),
    done: Mapping[datetime, datetime] | None = None,
    in_flight: Iterable[datetime] = (),
    overlap: timedelta = 2 * HOUR,
    start: datetime = START,
) -> Facts:
    return Facts(now=now, start=start, newest=tuple(newest), done=done or {}, in_flight=set(in_flight), overlap=overlap)


def read(*numbers: int, at: datetime = NOW) -> dict[datetime, datetime]:
    """Hours that succeeded, and when Polar was read for that."""
    return dict.fromkeys(map(hour, numbers), at)


def customer(number: int, created_at: datetime) -> Seen:
    return Seen(f"customer-{number}", created_at)


def numbers(hours: Iterable[datetime]) -> list[int]:
    return [int((one - START) / HOUR) for one in hours]


SETTLED = Cursor(done_until=hour(8))
"""All is well: hours 8 and 9 were closed on time, and wait for their second reading."""
CLOSED = {hour(8): hour(9) + 6 * MINUTE, hour(9): hour(10) + 6 * MINUTE}


def test_when_all_is_done_nothing_is_asked_for() -> None:
    decision = decide(SETTLED, facts(done=CLOSED))

    assert decision.ranges == ()
    assert decision.cursor == SETTLED
    assert "Everybody created before 2026-11-01 08:00 UTC is in Attio" in decision.reason


def test_somebody_new_has_the_running_hour_asked_for_at_once() -> None:
    decision = decide(SETTLED, facts(done=CLOSED, newest=[customer(1, NOW - MINUTE)]))

    assert [numbers(hours) for hours in decision.ranges] == [[10]]
    assert decision.cursor.asked == {hour(10): NOW}


def test_the_same_customer_is_new_only_once() -> None:
    newest = [customer(1, NOW - MINUTE)]
    first = decide(SETTLED, facts(done=CLOSED, newest=newest)).cursor

    then = NOW + MINUTE
    second = decide(first, facts(now=then, done={**CLOSED, **read(10, at=then)}, newest=newest))

    assert second.ranges == ()
    assert second.cursor.waiting == second.cursor.asked == {}


def test_somebody_who_appears_late_within_the_overlap_has_that_hour_asked_for() -> None:
    late = customer(1, hour(9) + 59 * MINUTE)

    decision = decide(SETTLED, facts(done=CLOSED, newest=[late]))

    assert [numbers(hours) for hours in decision.ranges] == [[9]]


def test_somebody_older_than_the_overlap_is_not_looked_at() -> None:
    decision = decide(SETTLED, facts(done=CLOSED, newest=[customer(1, hour(8) - MINUTE)]))

    assert decision.ranges == ()
    assert decision.cursor.seen == frozenset()


def test_somebody_from_before_the_first_partition_is_not_looked_at() -> None:
    now = START + MINUTE

    assert decide(Cursor(START), facts(now=now, newest=[customer(1, START - MINUTE)])).ranges == ()


def test_a_customer_waits_for_a_success_that_read_polar_after_it_was_seen() -> None:
    waiting = replace(SETTLED, waiting={hour(10): NOW}, seen=frozenset({"customer-1"}))

    before = decide(waiting, facts(now=NOW + MINUTE, done={**CLOSED, **read(10, at=NOW - MINUTE)}))
    after = decide(waiting, facts(now=NOW + MINUTE, done={**CLOSED, **read(10, at=NOW + MINUTE)}))

    assert [numbers(hours) for hours in before.ranges] == [[10]]
    assert after.ranges == ()


def test_what_is_in_flight_is_not_asked_for_again() -> None:
    newest = [customer(1, NOW - MINUTE)]

    decision = decide(Cursor(hour(6)), facts(done=CLOSED, newest=newest, in_flight=map(hour, (6, 7, 10))))

    assert decision.ranges == ()
    assert decision.reason == "What is missing is already asked for and under way."


def test_an_hour_is_missed_only_after_the_schedule_had_its_time() -> None:
    cursor = Cursor(hour(9))
    ended = facts(now=hour(10) + SETTLE - MINUTE)
    missed = facts(now=hour(10) + SETTLE)

    assert decide(cursor, ended).ranges == ()
    assert [numbers(hours) for hours in decide(cursor, missed).ranges] == [[9]]


def test_a_success_that_read_polar_before_the_hour_had_ended_does_not_close_it() -> None:
    decision = decide(Cursor(hour(9)), facts(done=read(9, at=hour(10) - MINUTE)))

    assert [numbers(hours) for hours in decision.ranges] == [[9]]


def test_an_hour_that_was_closed_on_time_is_read_once_more_when_the_overlap_has_passed() -> None:
    cursor = Cursor(hour(7))
    closed = {hour(7): hour(8) + 6 * MINUTE}

    newer = read(8, 9, at=hour(10))

    early = decide(cursor, facts(now=hour(10) + SETTLE - MINUTE, done={**closed, **newer}))
    due = decide(cursor, facts(now=hour(10) + SETTLE, done={**closed, **newer}))
    settled = decide(cursor, facts(now=hour(10) + SETTLE, done=read(7, 8, 9, at=hour(10))))

    assert early.ranges == ()
    assert early.cursor.done_until == hour(7)
    assert [numbers(hours) for hours in due.ranges] == [[7]]
    assert settled.cursor.done_until == hour(8)


def test_without_an_overlap_an_hour_is_done_when_it_is_closed() -> None:
    decision = decide(Cursor(hour(7)), facts(done=read(7, 8, 9), overlap=timedelta(0)))

    assert decision.cursor.done_until == hour(10)


def test_the_cursor_stops_at_the_first_hour_that_is_not_done() -> None:
    decision = decide(Cursor(hour(0)), facts(done=read(0, 1, 3, 4, 5, 6, 7, 8, 9)))

    assert decision.cursor.done_until == hour(2)
    assert [numbers(hours) for hours in decision.ranges] == [[2]]


def test_what_an_outage_left_is_asked_for_in_bounded_ranges_oldest_first() -> None:
    now = START + 30 * 24 * HOUR

    decision = decide(Cursor(START), facts(now=now))

    assert [numbers(hours) for hours in decision.ranges] == [list(range(LONGEST_RANGE))]


def test_a_range_ends_where_something_is_done_or_in_flight() -> None:
    decision = decide(Cursor(START), facts(done=read(2), in_flight=[hour(6)]))

    assert [numbers(hours) for hours in decision.ranges] == [[0, 1]]


def test_a_long_gap_does_not_keep_somebody_new_waiting_nor_the_other_way_round() -> None:
    decision = decide(Cursor(START), facts(newest=[customer(1, NOW - MINUTE)]))

    assert [numbers(hours) for hours in decision.ranges] == [[10], list(range(10))]


def test_no_hour_is_in_two_ranges() -> None:
    decision = decide(Cursor(hour(8)), facts(newest=[customer(1, hour(9) + MINUTE)]))

    assert [numbers(hours) for hours in decision.ranges] == [[9], [8]]


def test_a_tick_looks_at_no_more_hours_than_it_may() -> None:
    now = START + 30 * 24 * HOUR

    assert len(hours_to_look_up(Cursor(START), now=now)) == LOOKED_AT


def test_a_tick_looks_at_everything_that_its_decision_depends_on() -> None:
    cursor = Cursor(hour(7), waiting={hour(10): NOW}, asked={hour(3): NOW})

    assert numbers(hours_to_look_up(cursor, now=NOW)) == [3, 7, 8, 9, 10]


def test_a_lost_cursor_is_carried_forward_by_the_successes_on_record_and_asks_for_none_of_them_again() -> None:
    now = START + 5 * LOOKED_AT * HOUR
    everything = read(*range(5 * LOOKED_AT), at=now)
    cursor = load(None, start=START, now=now)

    for _ in range(5):
        looked_up = hours_to_look_up(cursor, now=now)
        decision = decide(cursor, facts(now=now, done={one: everything[one] for one in looked_up}))
        assert decision.ranges == ()
        cursor = decision.cursor

    assert cursor.done_until == now - 2 * HOUR


def test_what_was_asked_for_and_failed_is_asked_for_again_after_a_pause_that_doubles_up_to_its_longest() -> None:
    cursor, now = Cursor(hour(9)), NOW
    pauses = []
    for _ in range(9):
        asked = decide(cursor, facts(now=now))
        assert [numbers(hours)[0] for hours in asked.ranges] == [9]
        failed = decide(asked.cursor, facts(now=now + MINUTE))
        assert failed.ranges == ()
        assert "did not succeed" in failed.reason
        assert failed.cursor.pause_until is not None
        pauses.append((failed.cursor.pause_until - now - MINUTE) / MINUTE)
        cursor, now = failed.cursor, failed.cursor.pause_until

    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30]


def test_a_pause_after_any_number_of_failures_is_the_longest_one() -> None:
    cursor = Cursor(hour(9), asked={hour(9): NOW}, failures=10**9)

    decision = decide(cursor, facts())

    assert decision.cursor.pause_until == NOW + LONGEST_PAUSE


def test_while_runs_fail_one_is_asked_for_at_a_time() -> None:
    cursor = Cursor(START, failures=3)

    decision = decide(cursor, facts(newest=[customer(1, NOW - MINUTE)]))

    assert [numbers(hours) for hours in decision.ranges] == [[10]]


def test_a_success_ends_the_pause() -> None:
    cursor = Cursor(
        hour(9), asked={hour(9): NOW - 3 * MINUTE}, failures=4, pause_until=NOW + 10 * MINUTE, waiting={hour(10): NOW}
    )

    decision = decide(cursor, facts(done=read(9)))

    assert decision.cursor.failures == 0
    assert [numbers(hours) for hours in decision.ranges] == [[10]]


def test_a_run_that_still_runs_is_not_judged() -> None:
    cursor = Cursor(hour(9), asked={hour(9): NOW - 3 * MINUTE})

    decision = decide(cursor, facts(in_flight=[hour(9)]))

    assert decision.cursor == cursor


def test_a_success_timed_by_a_clock_that_was_ahead_says_nothing() -> None:
    decision = decide(Cursor(hour(9)), facts(done=read(9, at=NOW + 5 * MINUTE)))

    assert [numbers(hours) for hours in decision.ranges] == [[9]]


def test_before_the_first_hour_there_is_nothing_to_do() -> None:
    decision = decide(load(None, start=START, now=START - 5 * HOUR), facts(now=START - 5 * HOUR))

    assert decision.ranges == ()
    assert decision.cursor.done_until == START


moments = st.datetimes(min_value=START.replace(tzinfo=None), max_value=NOW.replace(tzinfo=None), timezones=st.just(UTC))
cursors = st.builds(
    Cursor,
    done_until=st.integers(0, 10).map(hour),
    waiting=st.dictionaries(st.integers(0, 10).map(hour), moments, max_size=4),
    seen=st.frozensets(st.uuids().map(str), max_size=4),
    asked=st.dictionaries(st.integers(0, 10).map(hour), moments, max_size=4),
    failures=st.integers(0, 100),
    pause_until=st.none() | moments,
)


@settings(deadline=None)
@given(cursors)
def test_a_cursor_is_loaded_as_it_was_stored(cursor: Cursor) -> None:
    assert load(dump(cursor), start=START, now=NOW) == cursor


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | moments.map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A stored cursor with a value or two that nobody would store."""
    stored = json.loads(dump(draw(cursors)))
    for name in draw(st.lists(st.sampled_from(sorted(stored)), min_size=1, max_size=2)):
        stored[name] = draw(json_values)
    return json.dumps(stored)


@settings(deadline=None)
@given(st.text() | json_values.map(json.dumps) | spoilt())
def test_whatever_is_stored_gives_a_cursor_that_can_decide_and_be_stored(text: str) -> None:
    cursor = load(text, start=START, now=NOW)

    decision = decide(cursor, facts(newest=[customer(1, NOW - MINUTE)]))

    assert START <= cursor.done_until <= NOW
    assert load(dump(decision.cursor), start=START, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "garbage",
        "{}",
        "[]",
        "null",
        '{"version": 0}',
        '{"version": 99, "done_until": "2026-11-01T09:00:00+00:00"}',
        "[" * 100_000,
        json.dumps({**json.loads(dump(Cursor(hour(9)))), "done_until": "2026-11-01T09:00:00"}),
        json.dumps({**json.loads(dump(Cursor(hour(9)))), "done_until": "0001-01-01T00:00:00+14:00"}),
    ],
)
def test_a_cursor_that_is_lost_garbage_or_of_another_version_begins_at_the_first_hour(text: str | None) -> None:
    assert load(text, start=START, now=NOW) == Cursor(START)


def test_a_cursor_from_a_clock_that_was_ahead_is_brought_back() -> None:
    ahead = NOW + 50 * HOUR
    cursor = Cursor(
        hour(60), waiting={hour(10): ahead, hour(59): ahead}, asked={hour(10): ahead}, pause_until=ahead + HOUR
    )

    loaded = load(dump(cursor), start=START, now=NOW)

    assert loaded == Cursor(hour(10), waiting={hour(10): NOW}, asked={hour(10): NOW}, pause_until=NOW + LONGEST_PAUSE)


def test_a_cursor_from_before_a_later_start_date_is_brought_forward() -> None:
    cursor = Cursor(hour(2), waiting={hour(2): NOW, hour(9): NOW})

    loaded = load(dump(cursor), start=hour(5), now=NOW)

    assert loaded == Cursor(hour(5), waiting={hour(9): NOW})


def test_a_stored_cursor_holds_nothing_personal() -> None:
    decision = decide(SETTLED, facts(newest=[customer(1, NOW)]))

    assert set(json.loads(dump(decision.cursor))) == {
        "version",
        "done_until",
        "waiting",
        "seen",
        "asked",
        "failures",
        "pause_until",
    }

"""How the cursor is stored and loaded, and what it looks up. What it decides: `test_cursor_requests`."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.defs.sensors.cursor import (
    LONGEST_PAUSE,
    LOOKED_AT,
    SPACING,
    Cursor,
    Failing,
    Request,
    Waiting,
    dump,
    hours_to_look_up,
    load,
    longest_pause,
    pause,
)
from polar_attio_pipeline.defs.sensors.cursor_requests import decide
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import (
    HOUR,
    MINUTE,
    NOW,
    SETTLED,
    START,
    cursor,
    customer,
    facts,
    failing,
    hour,
    numbers,
    request,
)

FRESH = Cursor(START, START)

moments = st.datetimes(min_value=START.replace(tzinfo=None), max_value=NOW.replace(tzinfo=None), timezones=st.just(UTC))
hours = st.integers(0, 10).map(hour)
ids = st.frozensets(st.uuids().map(str), max_size=4)
counts = st.integers(0, 100)
cursors = st.builds(
    Cursor,
    start=st.just(START),
    watermark=hours,
    waiting=st.dictionaries(hours, st.builds(Waiting, moments, ids), max_size=4),
    seen=ids,
    requests=st.lists(st.builds(Request, st.lists(hours, min_size=1, max_size=3).map(tuple), moments), max_size=3).map(
        tuple
    ),
    failing=st.dictionaries(hours, st.builds(Failing, counts, counts, moments, moments), max_size=4),
    streak=counts,
    streak_at=st.none() | moments,
)


@given(cursors)
def test_a_cursor_is_loaded_as_it_was_stored(stored: Cursor) -> None:
    assert load(dump(stored), start=START, now=NOW) == stored


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | moments.map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A stored cursor with a value or two that nothing would store."""
    stored = json.loads(dump(draw(cursors)))
    for name in draw(st.lists(st.sampled_from(sorted(stored)), min_size=1, max_size=2)):
        stored[name] = draw(json_values)
    return json.dumps(stored)


@given(st.text() | json_values.map(json.dumps) | spoilt())
def test_whatever_is_stored_gives_a_cursor_that_can_decide_and_be_stored(text: str) -> None:
    loaded = load(text, start=START, now=NOW)

    decision = decide(loaded, facts(newest=[customer(1, NOW - MINUTE)]))

    assert START <= loaded.watermark <= NOW
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
        '{"version": 99, "watermark": "2026-11-01T09:00:00+00:00"}',
        '{"version": 1, "done_until": "2026-11-01T09:00:00+00:00", "waiting": {}, "seen": [], "asked": {}}',
        "[" * 100_000,
        json.dumps({**json.loads(dump(cursor(9))), "version": 1}),
        json.dumps({**json.loads(dump(cursor(9))), "watermark": "2026-11-01T09:00:00"}),
        json.dumps({**json.loads(dump(cursor(9))), "watermark": "0001-01-01T00:00:00+14:00"}),
    ],
)
def test_a_cursor_that_is_lost_garbage_or_of_another_version_begins_at_the_first_hour(text: str | None) -> None:
    assert load(text, start=START, now=NOW) == FRESH


def test_a_cursor_from_a_clock_that_was_ahead_is_brought_back() -> None:
    ahead = NOW + 50 * HOUR
    stored = cursor(
        60,
        waiting={10: Waiting(ahead), 59: Waiting(ahead)},
        requests=[request(10, at=ahead)],
        failing={9: failing(3, since=ahead, retry=ahead)},
        streak=3,
        streak_at=ahead,
    )

    loaded = load(dump(stored), start=START, now=NOW)

    assert loaded == cursor(
        10,
        waiting={10: Waiting(NOW)},
        requests=[request(10)],
        failing={9: failing(3, retry=NOW + LONGEST_PAUSE)},
        streak=3,
        streak_at=NOW,
    )


def test_at_the_first_moment_of_an_hour_what_is_known_of_it_is_kept() -> None:
    stored = cursor(9, waiting={10: Waiting(hour(10))}, failing={10: failing(1, since=hour(10), retry=hour(10))})

    assert load(dump(stored), start=START, now=hour(10)) == stored


def test_a_later_start_date_drops_what_lies_before_it() -> None:
    stored = cursor(
        2,
        waiting={2: Waiting(NOW), 9: Waiting(NOW)},
        requests=[request(1), request(3, 4, 5, 6)],
        failing={0: failing(2), 7: failing(2)},
    )

    loaded = load(dump(stored), start=hour(5), now=NOW)

    assert (loaded.start, loaded.watermark) == (hour(5), hour(5))
    assert numbers(loaded.waiting) == [9]
    assert loaded.requests == (request(5, 6),)
    assert numbers(loaded.failing) == [7]


def test_an_earlier_start_date_takes_the_watermark_back_to_it_and_keeps_the_rest() -> None:
    stored = cursor(8, waiting={9: Waiting(NOW)}, failing={7: failing(2)})

    loaded = load(dump(stored), start=START - 24 * HOUR, now=NOW)

    assert (loaded.start, loaded.watermark) == (START - 24 * HOUR, START - 24 * HOUR)
    assert (loaded.waiting, loaded.failing) == (stored.waiting, stored.failing)


def test_a_stored_cursor_holds_nothing_personal() -> None:
    decision = decide(SETTLED, facts(newest=[customer(1, NOW)]))

    assert set(json.loads(dump(decision.cursor))) == {
        "version",
        "start",
        "watermark",
        "waiting",
        "seen",
        "requests",
        "failing",
        "streak",
        "streak_at",
    }


def test_a_tick_looks_at_no_more_hours_than_it_may() -> None:
    now = START + 30 * 24 * HOUR

    assert len(hours_to_look_up(FRESH, now=now)) == LOOKED_AT


def test_a_tick_looks_at_everything_that_its_decision_depends_on() -> None:
    stored = cursor(7, waiting={10: Waiting(NOW)}, requests=[request(3)], failing={1: failing(2)})

    assert numbers(hours_to_look_up(stored, now=NOW)) == [1, 3, 7, 8, 9, 10]


def test_pauses_double_up_to_the_longest() -> None:
    assert [pause(count) / MINUTE for count in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pause(10**9) == LONGEST_PAUSE


def test_many_hours_that_fail_again_and_again_are_asked_for_once_in_five_minutes_on_average() -> None:
    assert longest_pause(6) == LONGEST_PAUSE
    assert longest_pause(60) == 60 * SPACING == timedelta(hours=5)

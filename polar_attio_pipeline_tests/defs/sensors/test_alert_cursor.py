"""What the sensor of alerts remembers, and that it survives whatever is stored."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.channels import fingerprint
from polar_attio_pipeline.defs.sensors.alert_cursor import AlertCursor, dump, load
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import HOUR, NOW, START, hour

CHANNEL = fingerprint("mailto://me:secret@example.com")
CURSOR = AlertCursor(
    watching_since=START,
    start=START,
    complete_until=hour(8),
    failing={hour(2): 17, hour(3): 0},
    announced={CHANNEL: {"failing hours": "2 hours have failed."}},
)
FRESH = AlertCursor(watching_since=NOW, start=START, complete_until=START)


def at(cursor: str | None, *, start: datetime = START, now: datetime = NOW) -> AlertCursor:
    return load(cursor, start=start, now=now)


def test_it_is_loaded_as_it_was_stored_and_holds_no_password() -> None:
    assert at(dump(CURSOR)) == CURSOR
    assert "secret" not in dump(CURSOR)


@pytest.mark.parametrize(
    "text", [None, "", "garbage", "[1, 2]", "3", '{"version": 2}', '{"0a1b": {"customer_sync": "failed"}}', "[" * 10**5]
)
def test_a_lost_cursor_tells_again_rather_than_never(text: str | None) -> None:
    assert at(text) == FRESH


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(json.loads(dump(CURSOR)))), json_values)
def test_whatever_is_stored_gives_a_cursor_that_can_be_stored(name: str, value: object) -> None:
    loaded = at(json.dumps({**json.loads(dump(CURSOR)), name: value}))

    assert at(dump(loaded))
    assert START <= loaded.complete_until <= NOW


def test_an_earlier_start_date_is_looked_at_from_its_first_hour() -> None:
    earlier = START - timedelta(days=2)

    assert at(dump(CURSOR), start=earlier).complete_until == earlier


def test_a_later_start_date_drops_the_hours_before_it() -> None:
    later = at(dump(CURSOR), start=hour(3))

    assert (later.complete_until, later.failing) == (hour(8), {hour(3): 0})
    assert at(dump(CURSOR), start=hour(9)).complete_until == hour(9)


def test_a_cursor_from_a_clock_that_was_ahead_is_brought_back() -> None:
    ahead = at(dump(CURSOR), now=hour(1))

    assert (ahead.complete_until, ahead.failing) == (START, {})
    assert at(dump(CURSOR), now=START - HOUR).watching_since == START - HOUR


def test_at_the_first_moment_of_an_hour_what_is_known_up_to_it_is_kept() -> None:
    known = replace(CURSOR, failing={hour(8): 3})

    assert at(dump(known), now=hour(8)) == known


def test_a_state_that_is_not_watched_any_more_is_forgotten() -> None:
    stored = dump(AlertCursor(NOW, START, START, announced={CHANNEL: {"customer_sync": "failed", "ledger": "locked"}}))

    assert at(stored).announced == {CHANNEL: {"ledger": "locked"}}

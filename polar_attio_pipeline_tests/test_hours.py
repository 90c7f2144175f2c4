from datetime import UTC, datetime, timedelta, timezone

import pytest

from polar_attio_pipeline.hours import HOUR, between, floor, key, named, parse, parse_all

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def test_a_moment_lies_in_the_hour_that_began_last_whatever_its_zone() -> None:
    half_past = datetime(2026, 11, 3, 18, 14, 59, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert floor(half_past) == NOON
    assert floor(half_past).tzinfo is UTC
    assert floor(NOON) == NOON


def test_a_key_names_an_hour_and_is_read_back() -> None:
    assert key(NOON + timedelta(minutes=59)) == "2026-11-03-12:00"
    assert parse("2026-11-03-12:00") == NOON


@pytest.mark.parametrize("text", ["", "2026-11-03", "2026-11-03 12:00", "2026-13-03-12:00", "noon"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time data"):
        parse(text)


def test_keys_come_out_as_hours_oldest_first() -> None:
    assert parse_all(["2026-11-03-13:00", "2026-11-03-12:00"]) == [NOON, NOON + HOUR]


def test_the_hours_between_two_include_both_and_are_none_backwards() -> None:
    assert between(NOON, NOON) == [NOON]
    assert between(NOON, NOON + 2 * HOUR) == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert between(NOON, NOON - HOUR) == []
    assert between(NOON, NOON - 5 * HOUR) == []


def test_hours_are_named_by_first_and_last_by_first_alone_or_not_at_all() -> None:
    assert named("2026-11-03-12:00", "2026-11-03-13:00") == [NOON, NOON + HOUR]
    assert named("2026-11-03-12:00", "") == [NOON]
    assert named("", "") == []


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("today", "", "write them like 2026-11-23-14:00"),
        ("2026-11-03-12:00", "tomorrow", "write them like 2026-11-23-14:00"),
        ("", "2026-11-03-12:00", "without a first one"),
        ("2026-11-03-12:00", "2026-11-03-11:00", "2026-11-03-11:00 is before 2026-11-03-12:00"),
    ],
)
def test_what_names_no_hours_is_refused_with_what_to_write(first: str, last: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        named(first, last)

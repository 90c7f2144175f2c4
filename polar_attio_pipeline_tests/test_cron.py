"""Cron expressions: what is taken, and which field of what is refused is named."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.cron import checked
from polar_attio_pipeline.defs.dagster_private import next_cron_time

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "cron",
    ["35 3 * * *", "*/10 * * * *", "0 6-20/2 1,15 jan-jun mon-fri", "0 0 29 2 *", "0 0 * * 7", "5/15 * * * SUN"],
)
def test_what_a_person_may_write_is_taken(cron: str) -> None:
    assert checked(cron) == cron
    assert next_cron_time(cron, NOW) >= NOW


def test_spaces_are_evened_out() -> None:
    assert checked(" 35  3 * *\t* ") == "35 3 * * *"


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ("daily", "it has not the five fields of a cron expression"),
        ("35 3 * *", "has not the five fields"),
        ("0 35 3 * * *", "has not the five fields"),
        ("60 3 * * *", "minute 60 is not in 0-59"),
        ("35 24 * * *", "hour 24 is not in 0-23"),
        ("35 3 0 * *", "day 0 is not in 1-31"),
        ("35 3 * 13 *", "month 13 is not in 1-12"),
        ("35 3 * * 8", "weekday 8 is not in 0-7"),
        ("35 3 * * monday", "weekday monday is not in 0-7"),
        ("35 3,25 * * *", "hour 25 is not in 0-23"),
        ("35 -3 * * *", "hour -3 is not in 0-23"),
        ("35 3, * * *", "hour  is not in 0-23"),
        ("35 *-3 * * *", "hour *-3 is not in 0-23"),
        ("*/0 3 * * *", "the step of minute */0 is not in 1-59"),
        ("35 22-4 * * *", "hour 22-4 runs backwards: write two ranges, such as 22-23,0-4"),
        ("35 3 30 2 *", "day 30 never comes in month 2"),
        ("35 3 31 2 mon", "day 31 never comes in month 2"),
        ("35 3 31 4,6 *", "day 31 never comes in month 4,6"),
    ],
)
def test_what_makes_no_sense_is_named_by_its_field(cron: str, problem: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        checked(cron)

    assert problem in str(refused.value)


ITEMS = st.from_regex(r"\A(\*|[0-9]{1,2}|[0-9]{1,2}-[0-9]{1,2}|jan|mon)(/[0-9]{1,2})?\Z")
FIELDS = st.lists(ITEMS, min_size=1, max_size=2).map(",".join)


@given(st.lists(FIELDS, min_size=5, max_size=5).map(" ".join))
def test_whatever_is_taken_has_a_next_time_by_the_evaluator_of_the_schedule(cron: str) -> None:
    try:
        taken = checked(cron)
    except ValueError:
        return
    assert next_cron_time(taken, NOW) >= NOW

"""When hours are closed and which ones a run covers."""

from datetime import UTC, datetime, timedelta, timezone

import dagster as dg
import pytest

from polar_attio_pipeline.defs.partitions import hours_from, range_tags
from polar_attio_pipeline.defs.schedules import build_daily_schedule, build_hourly_schedule
from polar_attio_pipeline.hours import HOUR

START = datetime(2026, 11, 1, tzinfo=UTC)


def tick(at: datetime, *, overlap: int = 2) -> dg.RunRequest | dg.SkipReason:
    schedule = build_hourly_schedule("customer_sync", hours_from(START), overlap_hours=overlap)
    result = schedule(dg.build_schedule_context(scheduled_execution_time=at))
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def covered(at: datetime, *, overlap: int = 2) -> dict[str, str]:
    request = tick(at, overlap=overlap)
    assert isinstance(request, dg.RunRequest)
    return dict(request.tags)


def test_a_tick_closes_the_hour_that_has_just_ended_and_reads_those_before_it_again() -> None:
    assert covered(START + timedelta(hours=10, minutes=5)) == range_tags(START + 7 * HOUR, START + 9 * HOUR)


def test_without_an_overlap_it_closes_one_hour() -> None:
    assert covered(START + timedelta(hours=10, minutes=5), overlap=0) == range_tags(START + 9 * HOUR, START + 9 * HOUR)


@pytest.mark.parametrize(("hour", "first"), [(1, 0), (2, 0), (3, 0), (4, 1)])
def test_the_first_hours_reach_back_to_the_start_and_no_further(hour: int, first: int) -> None:
    at = START + timedelta(hours=hour, minutes=5)

    assert covered(at) == range_tags(START + first * HOUR, START + (hour - 1) * HOUR)


@pytest.mark.parametrize("early", [timedelta(minutes=5), timedelta(hours=-30)])
def test_before_the_first_hour_has_ended_there_is_nothing_to_close(early: timedelta) -> None:
    skip = tick(START + early)

    assert isinstance(skip, dg.SkipReason)
    assert skip.skip_message == "The first hour, 2026-11-01 00:00 UTC, has not ended yet."


def test_the_zone_in_which_the_time_of_a_tick_is_told_does_not_matter() -> None:
    at = (START + timedelta(hours=10, minutes=5)).astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert covered(at) == range_tags(START + 7 * HOUR, START + 9 * HOUR)


def test_a_run_tries_unresolved_customers_again_and_may_be_asked_for_again() -> None:
    request = tick(START + timedelta(hours=10, minutes=5))

    assert isinstance(request, dg.RunRequest)
    assert request.run_config["ops"]["attio_people"]["config"] == {"retry_unresolved": True}
    assert request.run_key is None


def test_both_schedules_run_by_default_and_in_utc() -> None:
    hourly = build_hourly_schedule("customer_sync", hours_from(START), overlap_hours=2)
    daily = build_daily_schedule("full_reconciliation")

    assert [schedule.default_status for schedule in (hourly, daily)] == [dg.DefaultScheduleStatus.RUNNING] * 2
    assert (hourly.name, hourly.cron_schedule, hourly.execution_timezone) == (
        "hourly_customer_sync",
        "5 * * * *",
        "UTC",
    )
    assert (daily.name, daily.job_name, daily.execution_timezone) == (
        "daily_reconciliation",
        "full_reconciliation",
        "UTC",
    )


def test_the_last_hour_of_the_partitions_is_the_running_one() -> None:
    now = START + timedelta(hours=3, minutes=30)

    assert hours_from(START).get_partition_keys(current_time=now) == [
        "2026-11-01-00:00",
        "2026-11-01-01:00",
        "2026-11-01-02:00",
        "2026-11-01-03:00",
    ]

"""What the list of runs says of a run: why it was started and which hours it covers."""

from datetime import UTC, datetime, timedelta

import pytest

from polar_attio_pipeline.defs.run_tags import HOURS, REASON, hours_in_words, requested
from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.processes import TAG
from polar_attio_pipeline_tests.conftest import Pipeline

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (1, "Nov 24, 12-13 UTC"),
        (3, "Nov 24, 12-15 UTC"),
        (12, "Nov 24, 12-24 UTC"),
        (13, "Nov 24, 12 to Nov 25, 01 UTC"),
    ],
)
def test_hours_are_named_by_their_beginning_and_their_end(hours: int, words: str) -> None:
    assert hours_in_words(NOON, NOON + (hours - 1) * HOUR) == words


def test_a_request_has_the_hours_for_dagster_and_for_people() -> None:
    assert requested("2 new customers", NOON, NOON + HOUR) == {
        "dagster/asset_partition_range_start": "2026-11-24-12:00",
        "dagster/asset_partition_range_end": "2026-11-24-13:00",
        "polar_attio/reason": "2 new customers",
        "polar_attio/hours": "Nov 24, 12-14 UTC",
    }


def test_the_list_of_runs_has_room_for_the_usual_values() -> None:
    """Some 35 characters, name and value together, in the column of a window 1,440 pixels wide."""
    day = NOON - timedelta(hours=12)
    longest = {HOURS: hours_in_words(day, day + 23 * HOUR), REASON: "retry of a failed"}

    assert all(len(f"{name}: {value}") <= 37 for name, value in longest.items())


def tags_of(pipeline: Pipeline, run_id: str) -> dict[str, str]:
    run = pipeline.instance.get_run_by_id(run_id)
    assert run is not None
    return dict(run.tags)


def test_a_run_that_was_started_by_hand_says_so_and_names_its_hours(pipeline: Pipeline) -> None:
    run_id = pipeline.sync(0, 1).run_id

    tags = tags_of(pipeline, run_id)
    assert tags[REASON] == "by hand"
    assert tags[HOURS] == hours_in_words(pipeline.here, pipeline.here + HOUR)


def test_the_reason_that_came_with_a_request_stays(pipeline: Pipeline) -> None:
    run_id = pipeline.run("customer_sync", tags=requested("closes 11-12 UTC", pipeline.here, pipeline.here)).run_id

    assert tags_of(pipeline, run_id)[REASON] == "closes 11-12 UTC"


def test_a_run_of_a_backfill_names_the_backfill(pipeline: Pipeline) -> None:
    hours = requested("", pipeline.here, pipeline.here)
    tags = {name: value for name, value in hours.items() if name.startswith("dagster/")}

    run_id = pipeline.run("customer_sync", tags={**tags, "dagster/backfill": "abcdefghijkl"}).run_id

    assert tags_of(pipeline, run_id)[REASON] == "backfill abcdefgh"


def test_the_process_of_a_run_is_a_tag_that_the_ui_hides(pipeline: Pipeline) -> None:
    run_id = pipeline.reconcile().run_id

    assert TAG.startswith(".dagster/")
    assert f'"run": "{run_id}"' in tags_of(pipeline, run_id)[TAG]

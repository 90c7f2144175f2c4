"""What a pass reports, as fields."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from polar_attio_pipeline.passes.company_progress import Grouped
from polar_attio_pipeline.passes.progress import (
    Began,
    BillingRead,
    ChangedRead,
    Compared,
    Ended,
    Ending,
    Event,
    HoursRead,
    LeftOut,
    Marks,
    Progress,
    SnapshotRead,
    Stage,
    Stopping,
)
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline.telemetry.json_log import JsonHandler
from polar_attio_pipeline.telemetry.json_progress import fields_of, write_event

ENDED = Ended(
    how=Ending.FAILED,
    counts={Result.CREATED: 3},
    left_out=[LeftOut(Result.REJECTED, Reason.REFUSED, 2, ("https://polar.sh/1",))],
    remaining=None,
    seconds=12.34567,
    requests=9,
    throttled=1,
    upcoming="Later.",
    error="UnavailableError",
)


def written(*events: Event) -> list[dict[str, Any]]:
    """The lines that these events are."""
    stream = io.StringIO()
    handler = JsonHandler({"run_id": "r"}, stream)
    for event in events:
        write_event(event, handler)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_progress_has_its_numbers_as_fields() -> None:
    until = datetime(2026, 11, 30, 12, tzinfo=UTC)

    assert fields_of(Progress(Stage.WRITING, 5, 10, pace=2.0, left=2.5, idle=0.1234, waiting_for="x", until=until)) == {
        "event": "progress",
        "stage": "writing",
        "done": 5,
        "total": 10,
        "people": 0,
        "pace": 2.0,
        "left": 2.5,
        "idle": 0.123,
        "waiting_for": "x",
        "until": "2026-11-30T12:00:00Z",
    }


def test_the_end_of_a_pass_has_its_counts_by_result_and_reason() -> None:
    found = fields_of(ENDED)

    assert found["event"] == "ended"
    assert found["how"] == "failed"
    assert found["counts"] == {"created": 3}
    assert found["left_out"] == [
        {"result": "rejected", "reason": "refused_by_attio", "count": 2, "shown": ["https://polar.sh/1"]}
    ]
    assert found["seconds"] == 12.346
    assert found["error"] == "UnavailableError"


@pytest.mark.parametrize(
    "event",
    [
        Began("a pass", "a test", "hourly", "1"),
        Progress(Stage.READING),
        SnapshotRead(1, 2, 3, 4),
        HoursRead(1, 2),
        ChangedRead(1, 2, 3),
        BillingRead("orders", 1, 2),
        Compared(1, 2, 3, 4, 20.0),
        Grouped(1, 2, 3, 4, 5),
        Marks(["https://attio.com/1"], [], []),
        Stopping(5),
        ENDED,
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_event_is_a_line_with_its_sentence(event: Event) -> None:
    (found,) = written(event)

    assert "could not be made" not in found["message"]
    assert found["message"].endswith(".")
    assert found["logger"] == "polar_attio_pipeline.passes"
    assert found["event"]


def test_an_event_of_which_there_is_nothing_to_say_is_no_line() -> None:
    assert written(Marks([], [], [])) == []


def test_lines_name_the_pass_that_began_last() -> None:
    *_, found = written(
        Began("a pass", "a test", "reconciliation", "1"), Began("a pass", "a test", "companies", "2"), Stopping(5)
    )

    assert (found["run_id"], found["pass_id"], found["kind"]) == ("r", "2", "companies")

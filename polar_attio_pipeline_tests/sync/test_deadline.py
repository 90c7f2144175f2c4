"""How long a pass may take: what its counts and the pace imply, several times over, and some time beside."""

import asyncio

import pytest

from polar_attio_pipeline.sync.deadline import SLACK_SECONDS, Deadline, TimeIsUpError, time_limit
from polar_attio_pipeline.sync.services import Pace

PACE = Pace(writes=20, questions=5)


def test_a_pass_may_take_three_times_what_its_records_and_questions_imply() -> None:
    assert time_limit(200, 60, PACE) == SLACK_SECONDS + 3 * (10 + 12)


async def test_one_that_takes_longer_begins_no_more_and_says_after_how_many_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    deadline = Deadline(400, "people", PACE)

    now += 960
    deadline.check()
    now += 300
    deadline.check(questions=1000)
    with pytest.raises(TimeIsUpError, match=r"^After 21 minutes the pass over 400 people ended: that is far longer"):
        deadline.check()

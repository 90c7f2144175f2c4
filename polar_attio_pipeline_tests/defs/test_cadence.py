"""When a reconciliation is due."""

from datetime import UTC, datetime, timedelta

import pytest

from polar_attio_pipeline.defs.cadence import LONGEST_PAUSE, LOOK_EVERY, History, companies_not_due, not_due, pause

DAILY = "35 3 * * *"
DUE = datetime(2026, 11, 24, 3, 35, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
YESTERDAY = DUE - DAY + 5 * MINUTE


def test_it_is_due_when_its_time_has_passed_since_the_newest_one_that_succeeded_began() -> None:
    history = History(succeeded=YESTERDAY)

    assert not_due(history, DAILY, DUE - 5 * MINUTE) == (
        "The newest reconciliation began at 2026-11-23 03:40 UTC. The next one is due at 2026-11-24 03:35 UTC."
    )
    assert not_due(history, DAILY, DUE + 5 * MINUTE) is None


@pytest.mark.parametrize(("seconds", "day"), [(-1, 24), (0, 25)])
def test_the_next_time_is_the_first_one_that_is_still_to_come(seconds: int, day: int) -> None:
    history = History(succeeded=DUE + timedelta(seconds=seconds))

    assert (not_due(history, DAILY, DUE + timedelta(seconds=seconds)) or "").endswith(f"2026-11-{day} 03:35 UTC.")


@pytest.mark.parametrize("history", [History(succeeded=DUE), History(succeeded=YESTERDAY, cancelled=DUE)])
def test_one_that_began_or_was_cancelled_at_its_very_time_was_that_days(history: History) -> None:
    assert "The next one is due at 2026-11-25 03:35 UTC" in (not_due(history, DAILY, DUE + 5 * MINUTE) or "")


def test_one_that_began_before_its_time_and_ended_after_it_does_not_count_for_that_day() -> None:
    assert not_due(History(succeeded=DUE - MINUTE), DAILY, DUE + 5 * MINUTE) is None


def test_after_days_without_the_daemon_it_is_due_at_once() -> None:
    assert not_due(History(succeeded=DUE - 9 * DAY), DAILY, DUE + 7 * 60 * MINUTE) is None


def test_while_one_is_queued_or_running_none_is_asked_for() -> None:
    history = History(under_way=True, succeeded=YESTERDAY)

    assert not_due(history, DAILY, DUE + 5 * MINUTE) == "A reconciliation is queued or running."


@pytest.mark.parametrize(("failures", "minutes"), [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 240), (60, 240)])
def test_one_that_failed_is_tried_again_after_a_pause_that_grows(failures: int, minutes: int) -> None:
    failed = DUE + 20 * MINUTE
    history = History(succeeded=YESTERDAY, failures=failures, failed=failed)

    assert "failed: look at the newest failed run." in (not_due(history, DAILY, failed + (minutes - 1) * MINUTE) or "")
    assert not_due(history, DAILY, failed + minutes * MINUTE) is None


@pytest.mark.parametrize(
    ("failures", "sentences"),
    [
        (
            1,
            "The newest reconciliation failed: look at the newest failed run. "
            "The next try is due at 2026-11-24 04:05 UTC.",
        ),
        (
            2,
            "The newest 2 reconciliations failed: look at the newest failed run. "
            "The next try is due at 2026-11-24 04:15 UTC.",
        ),
    ],
)
def test_after_failures_it_says_how_many_there_were_and_when_the_next_try_is_due(failures: int, sentences: str) -> None:
    history = History(succeeded=YESTERDAY, failures=failures, failed=DUE + 20 * MINUTE)

    assert not_due(history, DAILY, DUE + 20 * MINUTE) == sentences


def test_a_failure_after_a_success_of_the_same_day_is_not_tried_again_before_the_next() -> None:
    history = History(succeeded=DUE + 5 * MINUTE, failures=1, failed=DUE + 60 * MINUTE)

    assert "The next one is due at 2026-11-25 03:35 UTC" in (not_due(history, DAILY, DUE + 180 * MINUTE) or "")


def test_one_that_a_person_cancelled_is_not_started_again_before_the_next_time() -> None:
    history = History(succeeded=YESTERDAY, cancelled=DUE + 20 * MINUTE)

    assert not_due(history, DAILY, DUE + 60 * MINUTE) == (
        "The newest reconciliation was cancelled by hand. The next one is due at 2026-11-25 03:35 UTC."
    )
    assert not_due(history, DAILY, DUE + DAY) is None


def test_the_first_one_is_left_to_a_person_until_the_daily_time() -> None:
    first_import = "No reconciliation has succeeded yet: launch a full reconciliation by hand for the first import."

    assert (not_due(History(), DAILY, DUE - 5 * MINUTE) or "").startswith(first_import)
    assert not_due(History(), DAILY, DUE + 5 * MINUTE) is None
    assert (not_due(History(), DAILY, DUE + LOOK_EVERY) or "").startswith(first_import)


def test_a_first_import_that_failed_is_tried_again() -> None:
    history = History(failures=1, failed=DUE + 120 * MINUTE)

    assert not_due(history, DAILY, DUE + 125 * MINUTE) is not None
    assert not_due(history, DAILY, DUE + 130 * MINUTE) is None


RECONCILED = datetime(2026, 11, 23, 3, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("history", "reconciled", "says"),
    [
        (History(), RECONCILED, None),
        (History(succeeded=RECONCILED - MINUTE), RECONCILED, None),
        (
            History(failures=1, failed=RECONCILED + MINUTE),
            RECONCILED,
            "The newest pass over companies failed. The next try is due at 2026-11-23 03:46 UTC.",
        ),
        (History(failures=1, failed=RECONCILED - 5 * MINUTE), RECONCILED, None),
        (History(failures=1, failed=RECONCILED - 50 * MINUTE), RECONCILED, None),
        (History(), None, "No reconciliation has succeeded yet, and companies follow one."),
        (History(under_way=True), RECONCILED, "A pass over companies is queued or running."),
        *[
            (
                History(succeeded=RECONCILED + minutes * MINUTE),
                RECONCILED,
                f"The newest pass over companies began at 2026-11-23 03:3{5 + minutes} UTC. One follows each "
                "reconciliation.",
            )
            for minutes in (0, 1)
        ],
        *[
            (
                History(cancelled=RECONCILED + minutes * MINUTE),
                RECONCILED,
                "The newest pass over companies was cancelled by hand. The next one follows the next reconciliation.",
            )
            for minutes in (0, 1)
        ],
        (History(cancelled=RECONCILED - MINUTE), RECONCILED, None),
    ],
)
def test_companies_follow_each_reconciliation_once_and_are_tried_again_after_a_failure(
    history: History, reconciled: datetime | None, says: str | None
) -> None:
    assert companies_not_due(history, reconciled, RECONCILED + 5 * MINUTE) == says


def test_the_pause_has_an_end() -> None:
    assert pause(10**6) == LONGEST_PAUSE

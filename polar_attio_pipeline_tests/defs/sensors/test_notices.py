"""One notice when a state turns bad and one when it is over."""

import pytest

from polar_attio_pipeline.channels import Kind, Notice
from polar_attio_pipeline.defs.sensors.notices import FAILING_HOURS, OVERDUE_HOURS, State, notices, remember

WELL = State(FAILING_HOURS, None)
ILL = State(FAILING_HOURS, "One hour has failed.")
FAILED = Notice(FAILING_HOURS, "One hour has failed.")
KNOWN = {FAILING_HOURS: "One hour has failed."}


def test_a_state_that_turns_bad_is_told_once() -> None:
    assert notices({}, [ILL]) == [FAILED]
    assert remember({}, [FAILED]) == KNOWN
    assert notices(KNOWN, [ILL]) == []


def test_a_state_that_is_over_is_told_once_with_what_it_was() -> None:
    (over,) = notices(KNOWN, [WELL])
    assert over == Notice(FAILING_HOURS, "This is over. It began as: One hour has failed.", Kind.OVER)
    assert over.title == "Polar to Attio: failing hours (over)"
    assert remember(KNOWN, [over]) == {}


def test_what_was_always_well_is_not_told() -> None:
    assert notices({}, [WELL]) == []


def test_another_problem_of_a_state_that_is_bad_already_is_not_told_again() -> None:
    assert notices(KNOWN, [State(FAILING_HOURS, "Two hours have failed.")]) == []


def test_states_are_told_of_independently() -> None:
    late = State(OVERDUE_HOURS, "3 hours are missing.")
    assert [notice.title for notice in notices(KNOWN, [ILL, late])] == ["Polar to Attio: overdue hours"]


@pytest.mark.parametrize("announced", [{}, KNOWN])
def test_a_state_that_could_not_be_judged_stays_as_it_was_told(announced: dict[str, str]) -> None:
    assert notices(announced, []) == []


def test_a_notice_that_was_not_taken_is_due_again() -> None:
    assert notices(remember({}, []), [ILL]) == [FAILED]
    assert [notice.kind for notice in notices(remember(KNOWN, []), [WELL])] == [Kind.OVER]

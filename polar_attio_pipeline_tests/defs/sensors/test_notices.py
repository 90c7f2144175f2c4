"""One notice when a state turns bad, one when it is good again; sent to a real receiver on this machine."""

from collections.abc import Iterator

import pytest

from polar_attio_pipeline.channels import Notice, fingerprint, is_channel, send
from polar_attio_pipeline.defs.sensors.notices import State, dump, load, notices, remember
from polar_attio_pipeline_tests.receiver import Receiver, receiving

WELL = State("customer_sync", None)
ILL = State("customer_sync", "The newest run failed.")
FAILED = Notice("customer_sync", "The newest run failed.", good=False)
KNOWN = {"customer_sync": "The newest run failed."}


def test_a_state_that_turns_bad_is_told_once() -> None:
    assert notices({}, [ILL]) == [FAILED]
    assert remember({}, [FAILED]) == KNOWN
    assert notices(KNOWN, [ILL]) == []


def test_a_state_that_is_good_again_is_told_once() -> None:
    (over,) = notices(KNOWN, [WELL])
    assert over.good
    assert over.title == "Polar to Attio: customer_sync is well again"
    assert over.text == "Over: The newest run failed."
    assert remember(KNOWN, [over]) == {}


def test_what_was_always_well_is_not_told() -> None:
    assert notices({}, [WELL]) == []


def test_another_problem_of_a_state_that_is_bad_already_is_not_told_again() -> None:
    assert notices(KNOWN, [State("customer_sync", "Another run failed.")]) == []


def test_states_are_told_of_independently() -> None:
    late = State("overdue hours", "3 hours are missing.")
    assert [notice.title for notice in notices(KNOWN, [ILL, late])] == ["Polar to Attio: overdue hours"]


def test_a_notice_that_was_not_taken_is_due_again() -> None:
    assert notices(remember({}, []), [ILL]) == [FAILED]
    assert [notice.good for notice in notices(remember(KNOWN, []), [WELL])] == [True]


def test_what_a_channel_was_told_survives_being_stored_without_its_password() -> None:
    channel = fingerprint("mailto://me:secret@example.com")
    stored = dump({channel: KNOWN})
    assert load(stored) == {channel: KNOWN}
    assert "secret" not in stored


@pytest.mark.parametrize("cursor", [None, "", "garbage", "[1, 2]", "3", '{"customer_sync": "The newest run failed."}'])
def test_a_lost_cursor_tells_again_rather_than_never(cursor: str | None) -> None:
    assert load(cursor) == {}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as channel:
        yield channel


def test_a_notice_reaches_the_channel(receiver: Receiver) -> None:
    assert send(FAILED, receiver.url)
    (message,) = receiver.received
    assert message["title"] == "Polar to Attio: customer_sync"
    assert message["message"] == "The newest run failed."
    assert message["type"] == "failure"


def test_a_channel_that_takes_nothing_is_noticed_so_that_it_can_be_tried_again(receiver: Receiver) -> None:
    receiver.status = 500
    assert not send(FAILED, receiver.url)


def test_an_address_that_apprise_does_not_know_is_noticed() -> None:
    assert not send(FAILED, "nonsense")


@pytest.mark.parametrize(
    ("url", "known"), [("json://127.0.0.1/", True), ("mailto://me:secret@example.com", True), ("nonsense", False)]
)
def test_an_address_can_be_judged_before_it_is_needed(url: str, known: bool) -> None:
    assert is_channel(url) is known

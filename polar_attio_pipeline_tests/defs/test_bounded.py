"""A call that may take long is waited for so long and no longer."""

import threading

import pytest

from polar_attio_pipeline.defs.bounded import within


def test_what_a_call_returns_is_returned() -> None:
    assert within(10, lambda: "an answer") == "an answer"


def test_what_a_call_raises_is_raised() -> None:
    def ask() -> None:
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing"):
        within(10, ask)


def test_a_call_that_does_not_return_is_given_up() -> None:
    never = threading.Event()

    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 seconds"):
        within(0.05, never.wait)
    never.set()

"""Fixed windows, as both services count in them."""

from datetime import timedelta

import pytest

from polar_attio_pipeline.sandbox.clock import Clock
from polar_attio_pipeline.sandbox.limits import OFF, REAL, FixedWindow, parse_scale
from polar_attio_pipeline_tests.sandbox.conftest import NOW


@pytest.fixture
def clock() -> Clock:
    return Clock(source=lambda: NOW)


def allowed(window: FixedWindow, times: int, key: str = "a") -> list[bool]:
    return [bool(window.hit(key)) for _ in range(times)]


def test_a_window_lets_its_limit_through_for_each_key(clock: Clock) -> None:
    window = FixedWindow(2, 60, clock)
    assert allowed(window, 3) == [True, True, False]
    assert allowed(window, 1, key="b") == [True]


def test_it_ends_its_length_after_its_first_request(clock: Clock) -> None:
    window = FixedWindow(1, 60, clock)
    ends_at = window.hit("a").ends_at
    clock.shift(timedelta(seconds=59))
    assert window.hit("a").ends_at == ends_at == NOW + timedelta(seconds=60)
    clock.shift(timedelta(seconds=1))
    assert allowed(window, 2) == [True, False]


def test_a_scale_multiplies_the_limit_or_lifts_it(clock: Clock) -> None:
    window = FixedWindow(2, 60, clock)
    window.scale = 2
    assert allowed(window, 5) == [True] * 4 + [False]
    window.scale = OFF
    assert all(allowed(window, 100))


def test_a_reset_opens_it_anew(clock: Clock) -> None:
    window = FixedWindow(1, 60, clock)
    assert allowed(window, 2) == [True, False]
    window.reset()
    assert allowed(window, 1) == [True]


@pytest.mark.parametrize(("text", "scale"), [("real", REAL), ("off", OFF), ("0.5", 0.5), ("10", 10)])
def test_a_scale_is_read_from_text(text: str, scale: float) -> None:
    assert parse_scale(text) == scale


@pytest.mark.parametrize("text", ["0", "-1", "nan", "some"])
def test_what_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"factor|could not convert"):
        parse_scale(text)

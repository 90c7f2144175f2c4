"""A subscription's revenue a month is Polar's own: measured values, and the fraction that they come from."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.sync.revenue import monthly

A_YEAR_HAS = {"year": 1, "month": 12, "week": 52, "day": 365}


@pytest.mark.parametrize(
    ("amount", "interval", "count", "a_month"),
    [
        (12000, "year", 1, 1000),
        (12000, "year", 2, 500),
        (1200, "week", 1, 5200),
        (100, "day", 1, 3042),
        (1000, "month", 3, 333),
        (1000, "month", 1, 1000),
        (5000, "month", 1, 5000),
    ],
)
def test_what_polar_was_seen_to_say(amount: int, interval: str, count: int, a_month: int) -> None:
    assert monthly(amount, interval, count) == a_month


@pytest.mark.parametrize(("amount", "months", "rounded"), [(1, 2, 1), (1, 3, 0), (2, 3, 1), (3, 2, 2), (5, 2, 3)])
def test_a_half_is_rounded_up(amount: int, months: int, rounded: int) -> None:
    assert monthly(amount, "month", months) == rounded


@pytest.mark.parametrize(("interval", "count"), [("fortnight", 1), ("", 1), ("Month", 1), ("month", 0), ("month", -1)])
def test_of_an_interval_that_is_not_known_nothing_is_said(interval: str, count: int) -> None:
    assert monthly(1000, interval, count) is None


@pytest.mark.parametrize("interval", A_YEAR_HAS)
@pytest.mark.parametrize("amount", [0, -1, -1000])
def test_a_price_that_is_not_above_zero_makes_no_revenue(amount: int, interval: str) -> None:
    assert monthly(amount, interval, 1) == 0


@given(st.integers(0, 2**63), st.sampled_from(list(A_YEAR_HAS)), st.integers(1, 1000))
def test_it_is_the_exact_fraction_to_half_a_cent_and_never_a_float(amount: int, interval: str, count: int) -> None:
    found = monthly(amount, interval, count)

    assert type(found) is int
    assert abs(found - Fraction(amount * A_YEAR_HAS[interval], 12 * count)) <= Fraction(1, 2)

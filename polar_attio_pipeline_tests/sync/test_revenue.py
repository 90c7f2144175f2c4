"""A subscription's revenue a month is Polar's own: measured values, and the fraction that they come from."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.sandbox.polar.billing_rows import Discount
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.billing import billing
from polar_attio_pipeline.sync.mapping import Target, wanted
from polar_attio_pipeline.sync.purchases import Subscription
from polar_attio_pipeline.sync.records import ValueType
from polar_attio_pipeline.sync.revenue import monthly
from polar_attio_pipeline_tests.sync.builders import customer

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
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


@pytest.mark.parametrize(
    ("price", "percent_off", "currency", "interval", "count", "shown"),
    [
        (2900, 0, "USD", "month", 1, "29.00"),
        (2900, 15, "USD", "month", 1, "24.65"),
        (999, 33, "USD", "month", 1, "6.69"),
        (2900, 100, "USD", "month", 1, "0"),
        (1000, 0, "USD", "month", 3, "3.33"),
        (1000, 0, "EUR", "month", 6, "1.67"),
        (12000, 0, "USD", "year", 1, "10.00"),
        (12000, 50, "EUR", "year", 1, "5.00"),
        (9999, 0, "USD", "year", 1, "8.33"),
        (9999, 0, "EUR", "year", 2, "4.17"),
        (1200, 0, "USD", "week", 1, "52.00"),
        (777, 0, "EUR", "week", 2, "16.84"),
        (100, 0, "USD", "day", 1, "30.42"),
        (333, 0, "USD", "day", 10, "10.13"),
        (100, 0, "USD", "day", 30, "1.01"),
        (5000, 0, "JPY", "month", 1, "5000"),
        (5000, 0, "JPY", "year", 1, "417"),
        (5000, 25, "JPY", "week", 1, "16250"),
        (10500, 0, "KWD", "month", 3, "3.500"),
    ],
)
def test_what_attio_shows_of_one_subscription(  # noqa: PLR0917  # as pytest gives it
    price: int, percent_off: int, currency: str, interval: str, count: int, shown: str
) -> None:
    off = Discount("discount", NOW, "off", percent_off * 100).of(price)
    one = Subscription("sub", "ada", "active", "Pro", price - off, currency, interval, count, started_at=NOW)
    attribute = Target(BY_KEY["polar_mrr"], ValueType.CURRENCY, currency=currency)

    paid = wanted(customer(billing=billing([one], None, now=NOW)), (attribute,))

    assert str(paid.values["polar_mrr"]) == shown


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

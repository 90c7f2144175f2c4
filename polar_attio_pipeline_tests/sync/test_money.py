"""Money is whole numbers of a currency's smallest unit: never a float, never summed over currencies."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.sync.money import Money, totals

amounts = st.builds(Money, st.integers(-(2**63), 2**63), st.sampled_from(["USD", "EUR", "JPY", "KWD"]))


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (1999, "USD", "19.99"),
        (5, "EUR", "0.05"),
        (0, "USD", "0.00"),
        (-1, "USD", "-0.01"),
        (5000, "JPY", "5000"),
        (1234, "KWD", "1.234"),
        (2**63 - 1, "USD", "92233720368547758.07"),
    ],
)
def test_an_amount_has_the_decimal_places_of_its_currency(minor: int, currency: str, amount: str) -> None:
    assert str(Money(minor, currency).amount) == amount


@pytest.mark.parametrize("currency", ["XYZ", "usd", "", "XAU"])
def test_of_a_currency_without_known_decimal_places_there_is_no_amount(currency: str) -> None:
    assert Money(100, currency).amount is None


@given(st.lists(amounts))
def test_each_currency_is_added_up_by_itself(some: list[Money]) -> None:
    added = {money.currency: money.minor for money in totals(some)}

    assert added == {
        currency: sum(money.minor for money in some if money.currency == currency)
        for currency in {money.currency for money in some}
    }


@given(amounts)
def test_an_amount_is_exact_and_never_a_float(money: Money) -> None:
    places = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}[money.currency]

    assert type(money.amount) is Decimal
    assert int(money.amount * 10**places) == money.minor

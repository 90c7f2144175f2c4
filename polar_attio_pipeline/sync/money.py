"""Amounts of money: whole numbers of a currency's smallest unit, never a float."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from iso4217 import Currency


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency.

    Attributes:
        minor: In the currency's smallest unit: cents of a dollar, whole yen.
        currency: ISO 4217 code, in capitals.
    """

    minor: int
    currency: str

    @property
    def amount(self) -> Decimal | None:
        """The amount in the currency's main unit, such as dollars; None for a currency that ISO 4217 does not know."""
        places = decimal_places(self.currency)
        return None if places is None else Decimal(self.minor).scaleb(-places)


def decimal_places(currency: str) -> int | None:
    """Return how many decimal places a currency has: 2 for USD, 0 for JPY, 3 for KWD; None if it is unknown."""
    try:
        return Currency(currency).exponent
    except ValueError:
        return None


def totals(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """Add amounts up, each currency by itself, in the order of their codes."""
    sums: dict[str, int] = {}
    for money in amounts:
        sums[money.currency] = sums.get(money.currency, 0) + money.minor
    return tuple(Money(minor, currency) for currency, minor in sorted(sums.items()))

"""All subscriptions at a glance: counts by status, and revenue by the rules of `polar_mrr`."""

from dataclasses import replace
from datetime import timedelta

from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.overview import Overview, Product, overview
from polar_attio_pipeline.sync.purchases import Subscription
from polar_attio_pipeline_tests.sync.builders import ADA, SPRING

PRO = Subscription("s1", ADA, "active", "Pro", 900, "USD", "month", 1)


def test_an_empty_book() -> None:
    assert overview([], now=SPRING) == Overview(0, {}, (), (), 0)


def test_revenue_is_added_up_by_currency_and_product_and_never_over_currencies() -> None:
    found = overview(
        [
            PRO,
            replace(PRO, amount=12_000, interval="year", status="past_due"),
            replace(PRO, amount=500, currency="EUR"),
            replace(PRO, product="Team", amount=5000, currency="JPY"),
        ],
        now=SPRING,
    )

    assert found.mrr == (Money(500, "EUR"), Money(5000, "JPY"), Money(1900, "USD"))
    assert found.products == (
        Product("Pro", 2, Money(1900, "USD")),
        Product("Pro", 1, Money(500, "EUR")),
        Product("Team", 1, Money(5000, "JPY")),
    )
    assert found.by_status == {"active": 3, "past_due": 1}


def test_what_brings_nothing_is_counted_and_in_no_revenue() -> None:
    ended = replace(PRO, ends_at=SPRING - timedelta(days=1))
    found = overview(
        [ended, replace(PRO, status="trialing"), replace(PRO, status="canceled"), replace(PRO, amount=0)], now=SPRING
    )

    assert (found.subscriptions, found.mrr, found.products) == (4, (), ())


def test_an_interval_that_is_not_known_is_said_to_be_missing() -> None:
    found = overview([PRO, *[replace(PRO, interval="century")] * 2], now=SPRING)

    assert (found.mrr, found.uncounted) == ((Money(900, "USD"),), 2)

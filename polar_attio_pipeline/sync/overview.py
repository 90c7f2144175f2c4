"""All subscriptions of an organization at a glance: how many in which status, and what they bring in a month."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from polar_attio_pipeline.sync.billing import EARNING
from polar_attio_pipeline.sync.money import Money, totals
from polar_attio_pipeline.sync.purchases import Subscription
from polar_attio_pipeline.sync.revenue import monthly


@dataclass(frozen=True, slots=True)
class Product:
    """What one product brings in one currency.

    Attributes:
        name: Of the product; those of one name are one.
        subscriptions: How many bring something.
        mrr: In a month.
    """

    name: str
    subscriptions: int
    mrr: Money


@dataclass(frozen=True, slots=True)
class Overview:
    """Subscriptions at a glance.

    Attributes:
        subscriptions: How many there are, ended ones too.
        by_status: How many in each status, by Polar's words, the most frequent first.
        mrr: Monthly recurring revenue, each currency by itself, by the rules of `billing`.
        products: What brings revenue, the product with the most subscriptions first.
        uncounted: How many bring something at an interval that is not known, which `mrr` lacks.
    """

    subscriptions: int
    by_status: Mapping[str, int]
    mrr: tuple[Money, ...]
    products: tuple[Product, ...]
    uncounted: int


def overview(subscriptions: Iterable[Subscription], *, now: datetime) -> Overview:
    """Return all subscriptions at a glance.

    Args:
        subscriptions: Those of all customers.
        now: When they were read, UTC.
    """
    statuses: Counter[str] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    sums: Counter[tuple[str, str]] = Counter()
    uncounted = 0
    for one in subscriptions:
        statuses[one.status] += 1
        if one.status not in EARNING or one.has_ended(now):
            continue
        minor = monthly(one.amount, one.interval, one.interval_count)
        if minor is None:
            uncounted += 1
        elif minor:
            counts[one.product, one.currency] += 1
            sums[one.product, one.currency] += minor
    ordered = sorted(counts, key=lambda sold: (-counts[sold], sold))
    products = tuple(Product(sold[0], counts[sold], Money(sums[sold], sold[1])) for sold in ordered)
    return Overview(
        subscriptions=statuses.total(),
        by_status=dict(statuses.most_common()),
        mrr=totals(product.mrr for product in products),
        products=products,
        uncounted=uncounted,
    )

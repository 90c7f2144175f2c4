"""What random histories choose from."""

from datetime import timedelta
from typing import Any

from polar_attio_pipeline.sandbox.polar.billing_rows import Interval
from polar_attio_pipeline.sandbox.polar.events import EventRules
from polar_attio_pipeline.sync.audience import Audience

EMAILS = tuple(f"{who}@example.com" for who in ("ada", "bob", "cyd", "dan", "eve", "fay", "gus"))
NAMES = (None, "Ada Lovelace", "Bob", "Ludwig van Beethoven")
CURRENCIES = ("usd", "usd", "eur", "jpy")
AUDIENCES = (Audience.EVERYBODY, Audience.EVERYBODY, *Audience)
PRICES: tuple[tuple[Interval, int, int], ...] = (
    ("month", 1, 2900), ("month", 3, 1000), ("month", 6, 999), ("year", 1, 12_000), ("year", 2, 9_999),
    ("week", 1, 1_200), ("week", 2, 777), ("day", 1, 100), ("day", 10, 333), ("month", 1, 0),
)  # fmt: skip
TYPED: tuple[dict[str, Any], ...] = (
    {"polar_status": "Paying"},
    {"polar_status": "Deleted"},
    {"polar_mrr": 12},
    {"polar_lifetime_value": 7.5},
    {"polar_products": "A deal by hand"},
    {"polar_seats": 3},
    {"polar_renews_at": "2027-01-01T00:00:00Z"},
    {"polar_churn_reason": "went quiet"},
    {"job_title": "Mathematician"},
    {"name": {"first_name": "Countess", "last_name": "Ada", "full_name": "Countess Ada"}},
    {"polar_customer": False},
    {"polar_customer_id": "see Stripe"},
)
OURS = 2
"""So many of these, the last ones, only a member types."""
CLEARED = ("polar_customer_id", "polar_customer", "polar_status", "polar_mrr", "polar_ends_at", "name", "job_title")
MINUTE = timedelta(minutes=1)
EVENT_RULES = (
    EventRules(),
    EventRules(store_delay=MINUTE / 2, jitter=MINUTE),
    EventRules(worker_delay=MINUTE, jitter=2 * MINUTE),
    EventRules(lost=0.3, rowless=0.2, jitter=MINUTE),
)

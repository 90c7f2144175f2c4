"""Polar's charts in the sandbox, and where the revenue that is written to Attio agrees with them."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from polar_attio_pipeline.polar.subscriptions import subscription_entry
from polar_attio_pipeline.sandbox.polar.billing import Billing
from polar_attio_pipeline.sandbox.polar.billing_rows import Subscription
from polar_attio_pipeline.sandbox.polar.metrics_calendar import beginnings
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.billing import billing as billing_of
from polar_attio_pipeline_tests.fixtures.schemas import assert_allowed
from polar_attio_pipeline_tests.sandbox.conftest import NOW

TODAY = NOW.date().isoformat()
MRR, TRIAL_MRR = "monthly_recurring_revenue", "trial_monthly_recurring_revenue"


@pytest.fixture
def billing(sandbox: Sandbox) -> Billing:
    return sandbox.polar.billing


@pytest.fixture
def ada(sandbox: Sandbox) -> str:
    return sandbox.polar.add_customer(email="ada@example.com", name="Ada").id


async def chart(polar: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    asked = {"start_date": TODAY, "end_date": TODAY, "interval": "day", **params}
    answer = await polar.get("/v1/metrics/", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def today(polar: httpx.AsyncClient, *slugs: str) -> list[Any]:
    """Return what some charts say of today."""
    (period,) = (await chart(polar, metrics=list(slugs)))["periods"]
    return [period[slug] for slug in slugs]


async def written_mrr(polar: httpx.AsyncClient) -> int:
    """Return the sum of what is written to Attio as `polar_mrr`, over all customers and currencies."""
    held = defaultdict(list)
    page, last = 1, 1
    while page <= last:
        answer = (await polar.get("/v1/subscriptions/", params={"limit": 100, "page": page})).json()
        for row in answer["items"]:
            subscription = subscription_entry(row).value
            assert subscription is not None
            held[row["customer_id"]].append(subscription)
        page, last = page + 1, answer["pagination"]["max_page"]
    billings = [billing_of(rows, None, now=NOW) for rows in held.values()]
    return sum(money.minor for one in billings for money in one.mrr or ())


class TestAgreement:
    """The sum of `polar_mrr` over a book is Polar's chart of today, where the rules are the same."""

    @pytest.mark.parametrize(
        ("amount", "interval", "count", "a_month"),
        [
            (12000, "year", 1, 1000),
            (12000, "year", 2, 500),
            (1200, "week", 1, 5200),
            (100, "day", 1, 3042),
            (1000, "month", 3, 333),
            (5, "month", 2, 3),
        ],
    )
    async def test_of_one_subscription_both_say_what_polar_was_seen_to_say(
        self,
        *,
        amount: int,
        interval: Any,
        count: int,
        a_month: int,
        billing: Billing,
        ada: str,
        polar: httpx.AsyncClient,
    ) -> None:
        billing.subscribe(
            ada, billing.product("Pro", amount=amount), interval=interval, interval_count=count, at=NOW - timedelta(1)
        )
        assert await today(polar, MRR) == [await written_mrr(polar)] == [a_month]

    async def test_of_a_book_of_prices_seats_discounts_cancellations_and_failed_payments_both_say_the_same(
        self, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        sandbox.fill(customers=300, seed=1)
        now = sandbox.clock()
        for row in list(sandbox.polar.subscriptions):
            if row.status == "paused" or (row.started_at is None):
                sandbox.polar.subscriptions.put(with_end(row, now - timedelta(days=2)))
        (found,) = await today(polar, MRR)
        assert found == await written_mrr(polar) > 100_000
        statuses = {row.status for row in sandbox.polar.subscriptions if row.ended_at is None}
        assert statuses == {"active", "trialing", "past_due"}

    @pytest.mark.parametrize(
        ("happens", "in_chart", "written"),
        [
            pytest.param(
                lambda b, ada: b.subscribe(ada, b.product("Pro"), amount=1200, inclusive_tax=200),
                1000,
                1200,
                id="a price that includes tax: the API does not say the amount without it",
            ),
            pytest.param(
                lambda b, ada: b.pause(b.subscribe(ada, b.product("Pro")).id),
                2900,
                0,
                id="a pause: no money comes",
            ),
            pytest.param(
                lambda b, ada: b.subscribe(ada, b.product("Pro"), is_incomplete=True),
                2900,
                0,
                id="a first payment that has not come",
            ),
            pytest.param(
                lambda b, ada: b.cancel(b.subscribe(ada, b.product("Pro"), at=NOW.replace(month=10, hour=22)).id),
                0,
                2900,
                id="an end later today: the chart has whole days",
            ),
            pytest.param(
                lambda b, ada: b.subscribe(ada, b.product("Pro"), trial_days=7, at=NOW - timedelta(days=6, hours=22)),
                2900,
                0,
                id="a trial that ends later today",
            ),
        ],
    )
    async def test_where_the_rules_differ_the_documentation_says_so(
        self,
        *,
        happens: Callable[[Billing, str], object],
        in_chart: int,
        written: int,
        billing: Billing,
        ada: str,
        polar: httpx.AsyncClient,
    ) -> None:
        happens(billing, ada)
        assert (await today(polar, MRR), await written_mrr(polar)) == ([in_chart], written)

    async def test_a_trial_counts_in_a_chart_of_its_own_and_in_no_revenue(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.subscribe(ada, billing.product("Pro"), trial_days=14)
        assert await today(polar, MRR, TRIAL_MRR) == [0, 2900]
        assert await written_mrr(polar) == 0

    async def test_currencies_are_added_up_one_to_one_by_the_chart_and_never_in_attio(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.subscribe(ada, billing.product("Pro"), amount=1000, currency="eur")
        billing.subscribe(ada, billing.product("Pro"), amount=5000, currency="jpy")
        assert await today(polar, MRR) == [6000]

    async def test_a_deleted_customers_subscription_that_is_paused_still_counts_in_the_chart(
        self, sandbox: Sandbox, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.pause(billing.subscribe(ada, billing.product("Pro")).id)
        sandbox.polar.delete_customer(ada)
        assert await today(polar, MRR) == [2900]


class TestCharts:
    async def test_what_is_set_to_end_runs_but_is_not_committed(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.cancel(billing.subscribe(ada, billing.product("Pro")).id, "unused")
        slugs = [MRR, f"committed_{MRR}", "active_subscriptions", "committed_subscriptions"]
        assert await today(polar, *slugs) == [2900, 0, 1, 0]
        slugs = ["canceled_subscriptions", "canceled_subscriptions_unused", "canceled_subscriptions_other"]
        assert await today(polar, *slugs) == [1, 1, 0]

    async def test_what_has_ended_today_counts_as_churned_and_no_longer_as_revenue(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro"), at=NOW - timedelta(days=40))
        billing.revoke(held.id)
        assert await today(polar, MRR, "active_subscriptions", "churned_subscriptions") == [0, 0, 1]

    async def test_orders_are_what_was_paid_first_again_and_once(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        old = billing.subscribe(ada, billing.product("Pro", amount=2900), at=NOW - timedelta(days=31))
        billing.renew(old.id, at=NOW)
        billing.subscribe(ada, billing.product("Team", amount=9900))
        bought = billing.buy_once(ada, billing.product("Book", amount=1900, interval=None), tax=361)
        billing.refund(bought.id, 900)
        billing.past_due(billing.subscribe(ada, billing.product("Late", amount=100), at=NOW - timedelta(days=31)).id)

        slugs = ["orders", "revenue", "net_revenue", "average_order_value"]
        assert await today(polar, *slugs) == [3, 14700, 13800, 4900]
        kinds = ("one_time_products", "new_subscriptions", "renewed_subscriptions")
        assert await today(polar, *kinds) == [1, 1, 1]
        assert await today(polar, *(f"{kind}_revenue" for kind in kinds)) == [1900, 9900, 2900]
        assert await today(polar, "cumulative_revenue") == [14700 + 2900 + 100]

    async def test_revenue_per_user_is_shared_by_those_in_a_trial_too(
        self, sandbox: Sandbox, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        bea = sandbox.polar.add_customer(email="bea@example.com").id
        billing.subscribe(ada, billing.product("Pro", amount=1001))
        billing.subscribe(bea, billing.product("Pro"), trial_days=14)
        assert await today(polar, "average_revenue_per_user") == [501]

    async def test_churn_is_what_was_canceled_in_30_days_of_what_ran_before(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        for number in range(4):
            held = billing.subscribe(ada, billing.product(f"{number}"), at=NOW - timedelta(days=60))
            if number == 0:
                billing.revoke(held.id, at=NOW - timedelta(days=3))
        assert await today(polar, "churn_rate") == [0.25]

    async def test_totals_are_sums_of_what_happens_and_the_last_value_of_what_stands(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        for days in (2, 1):
            billing.subscribe(ada, billing.product("Pro"), at=NOW - timedelta(days=days))
        slugs = ["orders", MRR, "average_order_value"]
        found = await chart(polar, start_date=(NOW - timedelta(days=2)).date().isoformat(), metrics=slugs)
        assert [period[MRR] for period in found["periods"]] == [2900, 5800, 5800]
        assert [period["orders"] for period in found["periods"]] == [1, 1, 0]
        assert found["totals"] == {"orders": 2, MRR: 5800, "average_order_value": 2900}
        assert found["metrics"][MRR] == {"slug": MRR, "display_name": "Monthly Recurring Revenue", "type": "currency"}

    async def test_an_empty_book_says_zero_of_everything(self, polar: httpx.AsyncClient) -> None:
        found = await chart(polar)
        assert len(found["totals"]) > 30
        assert set(found["totals"].values()) == {0}
        assert found["totals"].keys() == found["metrics"].keys() == found["periods"][0].keys() - {"timestamp"}

    @pytest.mark.parametrize(
        ("params", "count"),
        [
            ({}, 3),
            ({"billing_type": "one_time"}, 1),
            ({"billing_type": ["one_time", "recurring"]}, 3),
            ({"product_id": "Pro"}, 2),
            ({"customer_id": "bea"}, 1),
            ({"organization_id": "00000000-0000-4000-8000-000000000000"}, 0),
        ],
    )
    async def test_charts_are_filtered(
        self, params: dict[str, Any], count: int, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        billing = sandbox.polar.billing
        ids = {name: sandbox.polar.add_customer(email=f"{name}@example.com").id for name in ("ada", "bea")}
        pro = billing.product("Pro")
        for customer_id in ids.values():
            billing.subscribe(customer_id, pro)
        billing.buy_once(ids["ada"], billing.product("Book", interval=None))
        named = {**ids, "Pro": pro.id}
        asked = {name: named.get(value, value) if isinstance(value, str) else value for name, value in params.items()}
        assert (await chart(polar, **asked))["totals"]["orders"] == count


class TestIntervals:
    @pytest.mark.parametrize(
        ("interval", "start", "end", "zone", "begin"),
        [
            ("year", "2025-03-01", "2026-01-01", "UTC", ["2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]),
            ("month", "2026-01-31", "2026-03-01", "UTC", [f"2026-0{month}-01T00:00:00Z" for month in (1, 2, 3)]),
            ("week", "2026-11-22", "2026-11-23", "UTC", ["2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"]),
            ("day", "2026-10-24", "2026-10-26", "Europe/Berlin", [
                "2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00",
            ]),
        ],
    )  # fmt: skip
    async def test_they_begin_as_the_calendar_of_the_time_zone_does(
        self, *, interval: str, start: str, end: str, zone: str, begin: list[str], polar: httpx.AsyncClient
    ) -> None:
        found = await chart(polar, interval=interval, start_date=start, end_date=end, timezone=zone)
        assert [period["timestamp"] for period in found["periods"]] == begin

    @pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
    def test_a_day_on_which_clocks_change_has_its_hours_each_once(self, day: date, hours: int) -> None:
        found = list(beginnings(day, day, "hour", ZoneInfo("Europe/Berlin")))
        assert len(set(found)) == len(found) == hours
        assert found[-1] - found[0] == timedelta(hours=hours - 1)

    async def test_what_happens_belongs_to_the_day_of_the_time_zone(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.buy_once(ada, billing.product("Book", interval=None), at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC))
        for zone, orders in [("UTC", 0), ("Europe/Berlin", 1)]:
            assert (await chart(polar, timezone=zone))["totals"]["orders"] == orders


class TestRefusals:
    @pytest.mark.parametrize(
        ("params", "error", "where", "message"),
        [
            ({"start_date": []}, "RequestValidationError", ["query", "start_date"], "Field required"),
            ({"end_date": "soon"}, "RequestValidationError", ["query", "end_date"], "Input should be a valid date"),
            (
                {"interval": "decade"},
                "RequestValidationError",
                ["query", "interval"],
                "Input should be 'year', 'month'",
            ),
            ({"timezone": "Mars"}, "RequestValidationError", ["query", "timezone"], "Invalid timezone name."),
            (
                {"metrics": [MRR, "mrr"]},
                "PolarRequestValidationError",
                ["query", "metrics"],
                "Invalid metric slugs: mrr",
            ),
            ({"start_date": "2026-11-24"}, "PolarRequestValidationError", ["query"], "The interval is too big."),
            ({"start_date": "2025-11-21"}, "PolarRequestValidationError", ["query"], "The interval is too big."),
            (
                {"start_date": "2026-11-15", "interval": "hour"},
                "PolarRequestValidationError",
                ["query"],
                "The interval is too big.",
            ),
        ],
    )
    async def test_what_cannot_be_answered_is_named(
        self, params: dict[str, Any], error: str, where: list[str], message: str, polar: httpx.AsyncClient
    ) -> None:
        asked = {"start_date": TODAY, "end_date": TODAY, "interval": "day", **params}
        answer = await polar.get("/v1/metrics/", params=asked)
        assert answer.status_code == 422
        assert_allowed("HTTPValidationError", answer.json())
        (entry,) = answer.json()["detail"]
        assert (answer.json()["error"], entry["loc"]) == (error, where)
        assert entry["msg"].startswith(message)

    async def test_a_metric_that_polar_has_and_the_sandbox_has_not_is_left_out(self, polar: httpx.AsyncClient) -> None:
        found = await chart(polar, metrics=["checkouts", "orders"])
        assert found["totals"] == {"orders": 0}

    async def test_they_have_one_scope_of_their_own(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        token = sandbox.polar.tokens[POLAR_TOKEN]
        token.scopes = token.scopes - {"metrics:read"}
        answer = await polar.get("/v1/metrics/")
        assert answer.status_code == 403
        assert 'scope="metrics:read"' in answer.headers["www-authenticate"]


def with_end(row: Subscription, end: datetime) -> Subscription:
    """Return a subscription that has ended, and had begun before."""
    return replace(row, status="canceled", started_at=row.started_at or row.created_at, ended_at=end, ends_at=end)

"""What happens to subscriptions and orders of the sandbox's Polar, and how it is listed."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.polar.billing import Billing
from polar_attio_pipeline.sandbox.polar.sales import ImpossibleError
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.fixtures.schemas import assert_allowed


@pytest.fixture
def billing(sandbox: Sandbox) -> Billing:
    return sandbox.polar.billing


@pytest.fixture
def ada(sandbox: Sandbox) -> str:
    return sandbox.polar.add_customer(email="ada@example.com", name="Ada", external_id="usr_1").id


async def items(polar: httpx.AsyncClient, what: str, **params: Any) -> list[dict[str, Any]]:
    answer = await polar.get(f"/v1/{what}/", params={"limit": 100, **params})
    assert answer.status_code == 200
    listed: list[dict[str, Any]] = answer.json()["items"]
    return listed


def names(sandbox: Sandbox) -> list[str]:
    """Return the names of what has happened, customers apart, in the order in which it was written."""
    return [event.name for event in sandbox.polar.events.ordered(())[0] if not event.name.startswith("customer.")]


class TestSubscribing:
    async def test_it_is_paid_at_once(
        self, sandbox: Sandbox, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro", amount=2900))
        (subscription,) = await items(polar, "subscriptions")
        (order,) = await items(polar, "orders")
        assert (subscription["id"], subscription["status"], subscription["amount"]) == (held.id, "active", 2900)
        assert subscription["current_period_end"] == "2026-12-23T21:03:27.130000Z"
        assert (order["status"], order["net_amount"], order["billing_reason"]) == ("paid", 2900, "subscription_create")
        assert order["subscription_id"] == held.id
        assert names(sandbox) == ["subscription.created", "order.paid"]

    async def test_a_trial_costs_nothing_until_it_ends(
        self, sandbox: Sandbox, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro"), trial_days=14)
        assert (held.status, held.trial_end) == ("trialing", held.created_at + timedelta(days=14))
        sandbox.clock.shift(timedelta(days=14))
        held = billing.end_trial(held.id)
        assert held.status == "active"
        assert [order["total_amount"] for order in await items(polar, "orders")] == [2900, 0]
        assert names(sandbox)[2:] == ["order.paid", "subscription.cycled"]

    def test_a_discount_comes_off_the_price_of_all_seats(self, billing: Billing, ada: str) -> None:
        off = billing.discount("LAUNCH", percent=20)
        held = billing.subscribe(ada, billing.product("Team", amount=1000), seats=5, discount=off)
        (order,) = billing.orders.of(ada)
        assert (held.amount, order.subtotal_amount, order.discount_amount, order.net_amount) == (4000, 5000, 1000, 4000)

    async def test_inclusive_tax_is_in_the_amount_and_not_in_what_was_paid_net(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.subscribe(ada, billing.product("Pro"), amount=1200, inclusive_tax=200, currency="eur")
        (order,) = await items(polar, "orders")
        assert (order["net_amount"], order["tax_amount"], order["total_amount"]) == (1000, 200, 1200)
        assert order["currency"] == "eur"

    async def test_one_that_never_started_is_not_listed(
        self, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.subscribe(ada, billing.product("Pro"), is_incomplete=True)
        assert await items(polar, "subscriptions") == []
        assert await items(polar, "subscriptions", customer_id=ada) == []

    def test_a_product_that_is_sold_once_takes_no_subscription(self, billing: Billing, ada: str) -> None:
        with pytest.raises(ImpossibleError, match="sold once"):
            billing.subscribe(ada, billing.product("Book", interval=None))


class TestEnding:
    def test_a_cancelled_one_stays_active_until_its_period_ends(
        self, sandbox: Sandbox, billing: Billing, ada: str
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro"))
        held = billing.cancel(held.id, "too_expensive", comment="Alas")
        assert (held.status, held.cancel_at_period_end, held.ends_at) == ("active", True, held.current_period_end)
        assert (held.reason, held.comment) == ("too_expensive", "Alas")
        sandbox.clock.shift(timedelta(days=31))
        ended = billing.renew(held.id)
        assert (ended.status, ended.ended_at) == ("canceled", held.current_period_end)
        assert names(sandbox)[2:] == ["subscription.canceled", "subscription.revoked"]

    def test_a_cancellation_can_be_taken_back(self, sandbox: Sandbox, billing: Billing, ada: str) -> None:
        held = billing.subscribe(ada, billing.product("Pro"))
        billing.cancel(held.id, "unused")
        back = billing.uncancel(held.id)
        assert (back.cancel_at_period_end, back.canceled_at, back.ends_at, back.reason) == (False, None, None, None)
        assert names(sandbox)[-1] == "subscription.uncanceled"
        with pytest.raises(ImpossibleError):
            billing.uncancel(held.id)

    @pytest.mark.parametrize(("unpaid", "status"), [(False, "canceled"), (True, "unpaid")])
    def test_a_revoked_one_ends_at_once(
        self, unpaid: bool, status: str, sandbox: Sandbox, billing: Billing, ada: str
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro"))
        ended = billing.revoke(held.id, unpaid=unpaid)
        assert (ended.status, ended.ended_at) == (status, sandbox.clock())
        assert names(sandbox)[-1] == "subscription.revoked"
        for change in (billing.cancel, billing.pause, billing.renew, billing.revoke, billing.resume):
            with pytest.raises(ImpossibleError, match=status):
                change(held.id)

    async def test_those_of_a_deleted_customer_end_and_stay_listed(
        self, sandbox: Sandbox, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing.subscribe(ada, billing.product("Pro"))
        sandbox.polar.delete_customer(ada)
        (subscription,) = await items(polar, "subscriptions")
        (order,) = await items(polar, "orders")
        assert subscription["status"] == "canceled"
        assert subscription["customer"]["deleted_at"] == order["customer"]["deleted_at"] is not None


class TestPaying:
    def test_a_pause_ends_with_a_period_that_is_paid_unless_one_still_runs(
        self, sandbox: Sandbox, billing: Billing, ada: str
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro"))
        assert billing.pause(held.id).paused_at == sandbox.clock()
        assert billing.resume(held.id).current_period_end == held.current_period_end
        assert names(sandbox)[2:] == ["subscription.paused", "subscription.resumed"]
        billing.pause(held.id)
        sandbox.clock.shift(timedelta(days=40))
        assert billing.resume(held.id).current_period_start == sandbox.clock()
        assert names(sandbox)[-2:] == ["subscription.resumed", "order.paid"]

    async def test_a_payment_that_failed_is_pending_until_it_is_paid(
        self, sandbox: Sandbox, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro"))
        sandbox.clock.shift(timedelta(days=31))
        late = billing.past_due(held.id)
        assert (late.past_due_at, late.current_period_start) == (sandbox.clock(), held.current_period_end)
        (pending,) = await items(polar, "orders", status="pending")
        assert (pending["paid"], names(sandbox)[-1]) == (False, "subscription.past_due")
        billing.pay(pending["id"])
        paid = billing.subscriptions[held.id]
        assert (paid.status, paid.current_period_end) == ("active", late.current_period_end)
        assert names(sandbox)[-2:] == ["order.paid", "subscription.reactivated"]
        with pytest.raises(ImpossibleError):
            billing.pay(pending["id"])

    def test_a_renewal_is_paid_and_begins_where_the_last_period_ended(
        self, sandbox: Sandbox, billing: Billing, ada: str
    ) -> None:
        held = billing.subscribe(ada, billing.product("Pro, yearly", amount=29000, interval="year"))
        renewed = billing.renew(held.id)
        assert renewed.current_period_start == held.current_period_end
        assert renewed.current_period_end == held.current_period_end.replace(year=2028)
        assert names(sandbox)[-2:] == ["order.paid", "subscription.cycled"]

    async def test_a_refund_is_part_of_an_order_or_all_of_it(
        self, sandbox: Sandbox, billing: Billing, ada: str, polar: httpx.AsyncClient
    ) -> None:
        bought = billing.buy_once(ada, billing.product("Book", amount=1000, interval=None), tax=190)
        billing.refund(bought.id, 400)
        (order,) = await items(polar, "orders")
        assert (order["status"], order["refunded_amount"], order["refunded_tax_amount"]) == (
            "partially_refunded",
            400,
            76,
        )
        billing.refund(bought.id)
        (order,) = await items(polar, "orders", status="refunded", paid="true")
        assert (order["refunded_amount"], order["refunded_tax_amount"], order["refundable_amount"]) == (1000, 190, 0)
        with pytest.raises(ImpossibleError):
            billing.refund(bought.id, 1)
        assert names(sandbox) == ["order.paid", "order.refunded", "order.refunded"]

    def test_an_order_that_waits_can_be_given_up(self, sandbox: Sandbox, billing: Billing, ada: str) -> None:
        held = billing.subscribe(ada, billing.product("Pro"))
        billing.past_due(held.id)
        assert billing.void(billing.orders.of(ada)[-1].id).status == "void"
        assert names(sandbox)[-1] == "order.voided"


class TestLists:
    @pytest.fixture(autouse=True)
    def book(self, sandbox: Sandbox, billing: Billing, ada: str) -> None:
        """Give Ada a subscription in each state and a purchase, a day between them, and Bea a subscription."""
        pro = billing.product("Pro")
        for change in (billing.cancel, billing.pause, billing.past_due, billing.revoke):
            change(billing.subscribe(ada, pro).id)
            sandbox.clock.shift(timedelta(days=1))
        billing.buy_once(ada, billing.product("Book", interval=None))
        bea = sandbox.polar.add_customer(email="bea@example.com")
        billing.subscribe(bea.id, billing.product("Team"), discount=billing.discount("LAUNCH", percent=50))

    @pytest.mark.parametrize("what", ["subscriptions", "orders", "events"])
    async def test_every_row_is_as_the_contract_says(
        self, what: str, sandbox: Sandbox, ada: str, polar: httpx.AsyncClient
    ) -> None:
        free = sandbox.polar.billing.product("Free", amount=0)
        sandbox.polar.billing.subscribe(ada, free, trial_days=7, seats=3)
        answer = await polar.get(f"/v1/{what}/", params={"limit": 100})
        assert_allowed(f"ListResource_{what.removesuffix('s').title()}_", answer.json())
        assert answer.json()["items"]

    @pytest.mark.parametrize(
        ("params", "statuses"),
        [
            ({"active": "true"}, ["active", "active"]),
            ({"active": "false"}, ["canceled"]),
            ({"cancel_at_period_end": "true"}, ["active"]),
            ({"status": ["paused", "past_due"]}, ["past_due", "paused"]),
            ({"external_customer_id": "usr_1", "status": "active"}, ["active"]),
            ({"started_after": "2026-11-24T21:03:27.130000Z"}, ["active", "canceled", "past_due"]),
            ({"started_before": "2026-11-24T21:03:27.130000Z"}, ["active"]),
            ({"canceled_at_after": "2026-11-26T21:03:27.130000Z"}, ["canceled"]),
            ({"canceled_at_before": "2026-11-23T21:03:27.130000Z"}, ["active"]),
            ({"metadata[plan]": "a"}, []),
        ],
    )
    async def test_subscriptions_are_filtered(
        self, params: dict[str, Any], statuses: list[str], polar: httpx.AsyncClient
    ) -> None:
        assert [row["status"] for row in await items(polar, "subscriptions", **params)] == statuses

    async def test_subscriptions_of_several_customers_come_with_one_request(
        self, ada: str, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        ids = [row.id for row in sandbox.polar.customers.values()]
        assert len(await items(polar, "subscriptions", customer_id=ids)) == 5
        assert len(await items(polar, "subscriptions", customer_id=ada)) == 4
        assert await items(polar, "subscriptions", customer_id=ids[1], external_customer_id="usr_1") == []

    @pytest.mark.parametrize(
        ("params", "count"),
        [
            ({"product_billing_type": "one_time"}, 1),
            ({"product_billing_type": "recurring", "status": "paid"}, 5),
            ({"external_customer_id": "usr_1"}, 6),
            ({"created_after": "2026-11-27T21:03:27.129000Z"}, 2),
            ({"created_before": "2026-11-24T21:03:27.130000Z"}, 1),
        ],
    )
    async def test_orders_are_filtered(self, params: dict[str, Any], count: int, polar: httpx.AsyncClient) -> None:
        assert len(await items(polar, "orders", **params)) == count

    @pytest.mark.parametrize("what", ["subscriptions", "orders", "events"])
    async def test_each_list_has_a_scope_of_its_own(
        self, what: str, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        token = sandbox.polar.tokens[POLAR_TOKEN]
        token.scopes = token.scopes - {f"{what}:read", f"{what}:write"}
        answer = await polar.get(f"/v1/{what}/")
        assert answer.status_code == 403
        assert f'scope="{what}:read {what}:write"' in answer.headers["www-authenticate"]

    @pytest.mark.parametrize("what", ["subscriptions", "orders", "events"])
    async def test_a_page_has_at_most_100_rows(self, what: str, polar: httpx.AsyncClient, sandbox: Sandbox) -> None:
        pro = sandbox.polar.billing.product("Pro")
        for number in range(101):
            row = sandbox.polar.add_customer(email=f"{number}@example.com")
            sandbox.polar.billing.subscribe(row.id, pro)
        answer = (await polar.get(f"/v1/{what}/", params={"limit": 1000})).json()
        assert len(answer["items"]) == 100
        assert answer["pagination"]["max_page"] == -(-answer["pagination"]["total_count"] // 100)

    async def test_starts_at_one_moment_have_no_order_of_their_own(
        self, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        pro = sandbox.polar.billing.product("Pro")
        for number in range(30):
            row = sandbox.polar.add_customer(email=f"{number}@example.com")
            sandbox.polar.billing.subscribe(row.id, pro)
        pages = [
            {row["id"] for row in await items(polar, "subscriptions", page=number, limit=7)} for number in range(1, 6)
        ]
        assert sum(map(len, pages)) == 35
        assert len(set.union(*pages)) < 35

    async def test_exports_divide_amounts_by_100_and_hold_the_columns_asked_for(self, polar: httpx.AsyncClient) -> None:
        answer = await polar.get(
            "/v1/subscriptions/export", params={"columns": ["email", "net_amount", "discount"], "status": "active"}
        )
        assert answer.text.splitlines() == [
            "Email,Net Amount,Discount",
            "bea@example.com,14.5,LAUNCH",
            "ada@example.com,29.0,",
        ]
        assert answer.headers["content-disposition"] == "attachment; filename=polar-subscriptions.csv"
        answer = await polar.get("/v1/orders/export", params={"status": "pending"})
        header, row = answer.text.splitlines()
        assert header == "Email,Created At,Product,Net Amount,Currency,Status,Invoice Number"
        assert row.startswith("ada@example.com,2026-11-25T21:03:27.130000+00:00,Pro,29.0,usd,pending,")

    async def test_exports_write_times_in_the_zone_asked_for_and_periods_in_words(
        self, sandbox: Sandbox, ada: str, polar: httpx.AsyncClient
    ) -> None:
        billing = sandbox.polar.billing
        billing.subscribe(ada, billing.product("Slow", amount=5), interval="week", interval_count=2)
        columns = ["product", "started_at", "recurring_interval", "amount", "cancel_at_period_end"]
        params = {"columns": columns, "timezone": "Asia/Tokyo", "product_id": billing.product("Slow").id}
        answer = await polar.get("/v1/subscriptions/export", params=params)
        assert answer.text.splitlines() == [
            "Product,Started At,Billing Interval,Amount,Cancels At Period End",
            "Slow,2026-11-28T06:03:27.130000+09:00,2 weeks,0.05,false",
        ]
        answer = await polar.get("/v1/subscriptions/export", params={"columns": "email"})
        assert answer.text.splitlines()[0] == "Email"

    @pytest.mark.parametrize("params", [{"timezone": "Mars"}, {"columns": "id"}])
    @pytest.mark.parametrize("what", ["subscriptions", "orders"])
    async def test_an_export_refuses_a_zone_or_a_column_that_there_is_not(
        self, what: str, params: dict[str, str], polar: httpx.AsyncClient
    ) -> None:
        assert (await polar.get(f"/v1/{what}/export", params=params)).status_code == 422


def test_a_list_is_sorted_once_and_again_after_a_write(billing: Billing, ada: str) -> None:
    billing.subscribe(ada, billing.product("Pro"))
    first, _ = billing.subscriptions.ordered(["-started_at"])
    again, _ = billing.subscriptions.ordered(["-started_at"])
    assert again is first
    held = billing.subscribe(ada, billing.product("Team"))
    assert held in billing.subscriptions.ordered(["-started_at"])[0]

"""Subscriptions and orders as Polar lists them: all of them without a loss, and those of some customers."""

import itertools
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.http.errors import ApiError, FatalError, LostAnswerError, TransientError
from polar_attio_pipeline.polar.billing import CUSTOMERS_A_REQUEST, OF_ORDERS, OF_SUBSCRIPTIONS, BillingLists, Kind
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.errors import MissingScopeError
from polar_attio_pipeline.polar.holdings import Holdings
from polar_attio_pipeline.polar.orders import condensed
from polar_attio_pipeline.polar.subscriptions import subscription_entry
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.billing import billing
from polar_attio_pipeline.sync.purchases import Order, Subscription
from polar_attio_pipeline_tests.polar.fake_billing import FakeBilling, order, subscription
from polar_attio_pipeline_tests.polar.fakes import NOW, api, polar_id, server_error

MINUTE = timedelta(minutes=1)


async def scanned(fake: FakeBilling, kind: Kind[Any] = OF_SUBSCRIPTIONS) -> Holdings[Any]:
    found = kind.holdings()
    async with api(fake) as connection:
        async for entries in BillingLists(connection).all(kind):
            found.add(entries)
    return found


async def asked(fake: FakeBilling, customers: Sequence[int], kind: Kind[Any] = OF_SUBSCRIPTIONS) -> Holdings[Any]:
    async with api(fake) as connection:
        return await BillingLists(connection).of(kind, [polar_id(number) for number in customers])


async def test_a_subscription_is_read_as_the_core_knows_it_with_its_currency_in_capitals() -> None:
    row = subscription(
        1, currency="eur", trial_end="2026-11-20T00:00:00Z", cancel_at_period_end=True, seats=3, status="past_due"
    )

    found = await scanned(FakeBilling([row]))

    assert found.of(polar_id(1)) == (
        Subscription(
            id=row["id"],
            customer_id=polar_id(1),
            status="past_due",
            product="Pro",
            amount=900,
            currency="EUR",
            interval="month",
            interval_count=1,
            started_at=NOW - MINUTE,
            current_period_end=NOW + timedelta(days=20),
            trial_end=datetime(2026, 11, 20, tzinfo=UTC),
            cancel_at_period_end=True,
            seats=3,
        ),
    )


async def test_an_order_is_read_as_the_core_knows_it() -> None:
    fake = FakeBilling(orders=[order(5, currency="jpy", refunded_amount=100, status="partially_refunded")])

    (found,) = (await asked(fake, [1], OF_ORDERS)).of(polar_id(1)) or ()

    assert found == Order(polar_id(1), "partially_refunded", 900, 100, "JPY", NOW - 5 * MINUTE, of_subscription=True)


async def test_a_scan_of_an_unchanged_list_takes_few_more_requests_than_there_are_pages() -> None:
    fake = FakeBilling(subscription(number, customer=number) for number in range(1, 4001))

    found = await scanned(fake)

    assert found.count == 4000
    # 99 new rows a page, the end, and one look at what came meanwhile.
    assert len(fake.requests) <= 40 * 100 / 99 + 2


async def test_a_list_of_one_page_is_read_with_one_request() -> None:
    fake = FakeBilling(subscription(number) for number in range(1, 50))

    assert (await scanned(fake)).count == 49
    assert len(fake.requests) == 1


@settings(max_examples=30)
@given(
    places=st.lists(st.tuples(st.booleans(), st.floats(0, 0.999)), max_size=8),
    tied=st.integers(1, 30),
)
async def test_no_subscription_is_lost_while_others_come_and_go(places: list[tuple[bool, float]], tied: int) -> None:
    rows = [subscription(number, customer=number, age=number // tied * MINUTE) for number in range(1, 420)]
    fake = FakeBilling(rows)
    left: set[str] = set()

    def change(comes: bool, place: float, number: int) -> Any:  # drawn
        def happen(listed: list[dict[str, Any]]) -> None:
            if comes:
                listed.append(subscription(5000 + number, customer=5000 + number, age=-number * MINUTE))
            elif listed:
                left.add(listed.pop(int(place * len(listed)))["customer_id"])

        return happen

    fake.changes = [change(comes, place, number) for number, (comes, place) in enumerate(places)]

    found = await scanned(fake)

    lasting = {row["customer_id"] for row in rows} - left
    assert lasting <= set(found.by_customer)
    assert all(len(held) == 1 for held in found.by_customer.values())


@pytest.mark.parametrize("tied", [99, 100, 101, 499])
async def test_subscriptions_that_start_at_one_instant_are_all_found(tied: int) -> None:
    fake = FakeBilling(
        subscription(number, customer=number, age=number // tied * MINUTE + MINUTE) for number in range(1, 500)
    )

    assert (await scanned(fake)).count == 499


@pytest.mark.parametrize("kind", [OF_SUBSCRIPTIONS, OF_ORDERS], ids=lambda kind: kind.what)
async def test_a_server_that_does_not_heed_the_moment_has_its_list_walked_down(kind: Kind[Any]) -> None:
    numbers = range(1, 421)
    fake = FakeBilling(
        (subscription(number, customer=number) for number in numbers),
        (order(number, customer=number) for number in numbers),
    )
    fake.heeds_moments = False

    assert (await scanned(fake, kind)).count == 420


async def test_imported_subscriptions_of_teams_without_an_address_are_all_found_in_a_list_that_changes() -> None:
    sandbox = Sandbox(scale=OFF)
    polar, begun = sandbox.polar, NOW - 30 * MINUTE
    pro = polar.billing.product("Pro")
    for number in range(260):
        email = f"c{number}@example.com" if number % 12 else None
        one = polar.add_customer(email=email, type="individual" if email else "team")
        polar.billing.subscribe(one.id, pro, at=begun)
    found = OF_SUBSCRIPTIONS.holdings()
    transport = httpx.ASGITransport(create_app(sandbox))
    newcomers = iter(range(5))

    async with api(transport, token=POLAR_TOKEN, base_url="http://sandbox") as connection:
        async for entries in BillingLists(connection).all(OF_SUBSCRIPTIONS):
            found.add(entries)
            for number in itertools.islice(newcomers, 1):
                newcomer = polar.add_customer(email=f"new{number}@example.com")
                polar.billing.subscribe(newcomer.id, pro, at=NOW)

    assert found.count == 265
    assert {row.customer_id for row in polar.subscriptions if row.started_at == begun} <= set(found.by_customer)


async def test_a_list_that_holds_less_than_polar_counts_is_no_list() -> None:
    fake = FakeBilling(subscription(number) for number in range(1, 250))
    listed = fake._listed

    def cut(request: httpx.Request) -> httpx.Response:
        whole = listed(request).json()
        whole["pagination"]["total_count"] += 7
        return httpx.Response(200, json=whole)

    fake._listed = cut  # type: ignore[method-assign]

    with pytest.raises(TransientError, match="list of subscriptions"):
        await scanned(fake)


async def test_some_customers_are_asked_for_in_addresses_below_four_thousand_characters() -> None:
    fake = FakeBilling(subscription(number, customer=number) for number in range(1, 200))

    found = await asked(fake, range(1, 200))

    assert found.count == 199
    assert len(fake.requests) == -(-199 // CUSTOMERS_A_REQUEST)
    assert max(len(str(request.url)) for request in fake.requests) < 4000


async def test_a_customer_with_hundreds_of_orders_has_all_of_them_counted() -> None:
    fake = FakeBilling(orders=[order(number) for number in range(1, 351)])

    (found,) = (await asked(fake, [1, 2], OF_ORDERS)).of(polar_id(1)) or ()

    assert (found.net, found.created_at) == (350 * 900, NOW - MINUTE)


async def test_a_customer_without_anything_has_nothing_which_is_not_the_same_as_unreadable() -> None:
    found = await asked(FakeBilling([subscription(1, amount="much")]), [1, 2])

    assert found.of(polar_id(1)) is None
    assert found.of(polar_id(2)) == ()


@pytest.mark.parametrize(
    "fields",
    [{"amount": None}, {"amount": 9.5}, {"started_at": "soon"}, {"product": None}, {"cancel_at_period_end": None}],
    ids=str,
)
async def test_a_bad_row_costs_its_own_customer_only_and_no_value_of_it_is_said(fields: dict[str, Any]) -> None:
    fake = FakeBilling([subscription(1, customer=1, **fields), subscription(2, customer=2)])

    found = await scanned(fake)

    (field,) = fields
    assert field in found.problems[polar_id(1)]
    assert "soon" not in found.problems[polar_id(1)]
    assert found.of(polar_id(1)) is None
    assert len(found.of(polar_id(2)) or ()) == 1


async def test_the_subscriptions_of_a_customer_with_a_bad_row_are_unreadable_altogether() -> None:
    fake = FakeBilling([subscription(1), subscription(2, status=None), subscription(3)])

    assert (await scanned(fake)).of(polar_id(1)) is None


async def test_a_row_that_does_not_say_whose_it_is_spoils_the_list_since_it_may_be_anybodys() -> None:
    fake = FakeBilling([subscription(1), subscription(2, customer_id=None)])

    with pytest.raises(TransientError, match="does not say whose it is"):
        await scanned(fake)


async def test_a_status_that_is_not_known_yet_is_read_all_the_same() -> None:
    (found,) = (await scanned(FakeBilling([subscription(1, status="on_the_moon")]))).of(polar_id(1)) or ()

    assert found.status == "on_the_moon"


@pytest.mark.parametrize("kind", [OF_SUBSCRIPTIONS, OF_ORDERS], ids=lambda kind: kind.what)
async def test_a_missing_scope_is_told_from_other_failures_and_remembered(kind: Kind[Any]) -> None:
    fake = FakeBilling()
    fake.forbidden = {kind.path}

    async with api(fake) as connection:
        lists = PolarClient(connection).billing
        assert not await lists.may_read(kind)
        with pytest.raises(MissingScopeError, match=kind.scope):
            await lists.of(kind, [polar_id(1)])

        assert lists.missing == {kind.scope}


async def test_a_refusal_that_is_not_about_scopes_is_no_missing_scope() -> None:
    fake = FakeBilling()
    fake.failing["/v1/orders/"] = lambda: httpx.Response(403, text="Forbidden by a firewall")

    with pytest.raises(FatalError) as raised:
        await scanned(fake, OF_ORDERS)

    assert not isinstance(raised.value, MissingScopeError)


async def test_customers_whose_rows_polar_cannot_serialise_are_found_among_others() -> None:
    fake = FakeBilling(subscription(number, customer=number) for number in range(1, 61))
    fake.broken = {polar_id(17), polar_id(44)}

    found = await asked(fake, range(1, 61))

    assert set(found.problems) == fake.broken
    assert found.count == 58
    assert len(fake.requests) < 100


async def test_a_list_that_fails_whatever_is_asked_is_given_up_after_a_few_requests() -> None:
    fake = FakeBilling()
    fake.failing["/v1/subscriptions/"] = server_error

    with pytest.raises(LostAnswerError):
        await asked(fake, range(1, 61))

    assert len(fake.requests) <= 6


async def test_an_id_that_polar_does_not_take_is_not_asked_for_and_harms_no_other() -> None:
    fake = FakeBilling([subscription(1)])
    foreign = str(UUID(int=5))

    async with api(fake) as connection:
        found = await BillingLists(connection).of(OF_SUBSCRIPTIONS, [foreign, polar_id(1)])

    assert found.of(foreign) is None
    assert len(found.of(polar_id(1)) or ()) == 1
    assert foreign not in str(fake.requests[0].url)


ORDERS = st.builds(
    Order,
    customer_id=st.just(polar_id(1)),
    status=st.sampled_from(["paid", "refunded", "partially_refunded", "pending", "void", "draft"]),
    net=st.integers(0, 10_000),
    refunded=st.integers(0, 5_000),
    currency=st.sampled_from(["USD", "EUR"]),
    created_at=st.integers(0, 10**6).map(lambda minutes: NOW - minutes * MINUTE),
    of_subscription=st.booleans(),
)


@given(orders=st.lists(ORDERS, max_size=12))
def test_the_same_billing_follows_from_condensed_orders(orders: list[Order]) -> None:
    kept: tuple[Order, ...] = ()
    for one in orders:
        kept = condensed((*kept, one))

    assert billing((), kept, now=NOW) == billing((), orders, now=NOW)
    assert len(kept) <= 4


def test_twenty_thousand_subscriptions_of_as_many_customers_need_less_than_forty_megabytes() -> None:
    found = OF_SUBSCRIPTIONS.holdings()
    tracemalloc.start()
    for number in range(1, 20_001):
        row = subscription(number, customer=number, product={"name": f"Plan {number % 5}"}, status=f"{'active'}")
        found.add([subscription_entry(row)])
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size < 40e6


async def test_an_answer_that_is_no_list_is_an_error() -> None:
    fake = FakeBilling()
    fake.failing["/v1/orders/"] = lambda: httpx.Response(200, json={"items": None})

    with pytest.raises(ApiError, match="not a list"):
        await scanned(fake, OF_ORDERS)

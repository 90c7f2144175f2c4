"""Every combination of subscriptions and orders has one status: enumerated, and checked against a table by hand."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.sync.billing import billing
from polar_attio_pipeline.sync.purchases import Order, Subscription
from polar_attio_pipeline.sync.status import STATUS_RULES, Status

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
DAY = timedelta(days=1)

TABLE = """
status              price  set to end  trial    end      counts as

incomplete          any    any         any      any      nothing
incomplete_expired  any    any         any      any      nothing

active              price  no          any      none     Paying
active              price  no          any      later    Paying
active              price  yes         any      none     Canceling
active              price  yes         any      later    Canceling
active              zero   any         any      none     Free
active              zero   any         any      later    Free
past_due            any    any         any      none     Past due
past_due            any    any         any      later    Past due
trialing            any    any         any      none     Trialing
trialing            any    any         any      later    Trialing
paused              any    any         any      none     Paused
paused              any    any         any      later    Paused
on_holiday          any    any         any      none     unknown
on_holiday          any    any         any      later    unknown

active              zero   any         any      reached  ended unpaid
active              price  any         runs     reached  ended unpaid
active              price  any         none     reached  ended paid
active              price  any         over     reached  ended paid
past_due            zero   any         any      reached  ended unpaid
past_due            price  any         runs     reached  ended unpaid
past_due            price  any         none     reached  ended paid
past_due            price  any         over     reached  ended paid
trialing            zero   any         any      reached  ended unpaid
trialing            price  any         runs     reached  ended unpaid
trialing            price  any         none     reached  ended paid
trialing            price  any         over     reached  ended paid
paused              zero   any         any      reached  ended unpaid
paused              price  any         runs     reached  ended unpaid
paused              price  any         none     reached  ended paid
paused              price  any         over     reached  ended paid
on_holiday          zero   any         any      reached  ended unpaid
on_holiday          price  any         runs     reached  ended unpaid
on_holiday          price  any         none     reached  ended paid
on_holiday          price  any         over     reached  ended paid

canceled            zero   any         any      any      ended unpaid
canceled            price  any         runs     any      ended unpaid
canceled            price  any         none     any      ended paid
canceled            price  any         over     any      ended paid
unpaid              zero   any         any      any      ended unpaid
unpaid              price  any         runs     any      ended unpaid
unpaid              price  any         none     any      ended paid
unpaid              price  any         over     any      ended paid
"""

BEST_FIRST = ("Paying", "Canceling", "Past due", "Trialing", "Paused", "Free")

NOTHING_RUNS = {
    # orders:         nothing ended   only unpaid ones   a paid one
    "not read":      (None,           "Never paid",      "Churned"),
    "none":          ("Never paid",   "Never paid",      "Never paid"),
    "only free":     ("Never paid",   "Never paid",      "Never paid"),
    "paid once":     ("Bought once",  "Bought once",     "Bought once"),
    "subscription":  ("Churned",      "Churned",         "Churned"),
    "all refunded":  ("Bought once",  "Bought once",     "Bought once"),
}  # fmt: skip

STATUSES = (
    "incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused", "on_holiday",
)  # fmt: skip
STATES = list(
    product(STATUSES, ("price", "zero"), ("yes", "no"), ("none", "runs", "over"), ("none", "later", "reached"))
)
"""Of one subscription: Polar's status and one that it may add, price, set to end, trial, end."""

State = tuple[str, str, str, str, str]

ONCE = Order("ada", "paid", 500, 0, "USD", NOW - 9 * DAY, of_subscription=False)
ORDERS: dict[str, list[Order] | None] = {
    "not read": None,
    "none": [],
    "only free": [replace(ONCE, net=0), replace(ONCE, net=0, of_subscription=True)],
    "paid once": [ONCE],
    "subscription": [ONCE, replace(ONCE, of_subscription=True)],
    "all refunded": [replace(ONCE, status="refunded", refunded=500)],
}

PAID = ("paid", "refunded", "partially_refunded")
ORDER_STATES = list(product(("draft", "pending", "void", *PAID), ("price", "zero"), ("once", "subscription")))
"""Of one order: Polar's status, price, and what it is for."""


def order(status: str, price: str, what: str) -> Order:
    net = {"price": 500, "zero": 0}[price]
    refunded = {"refunded": net, "partially_refunded": net // 2}.get(status, 0)
    return replace(ONCE, status=status, net=net, refunded=refunded, of_subscription=what == "subscription")


@cache
def rows() -> list[tuple[State, str]]:
    """The table's rows."""
    return list(_parsed())


def _parsed() -> Iterator[tuple[State, str]]:
    for line in TABLE.strip().splitlines()[1:]:
        if line:
            status, price, closing, trial, end, *counts_as = line.split()
            yield (status, price, closing, trial, end), " ".join(counts_as)


@cache
def by_hand(state: State) -> str:
    """What the one row that holds for a state says."""
    (found,) = (
        counts_as
        for row, counts_as in rows()
        if all(said in {"any", is_so} for said, is_so in zip(row, state, strict=True))
    )
    return found


def subscription(state: State) -> Subscription:
    status, price, closing, trial, end = state
    return Subscription(
        id="sub",
        customer_id="ada",
        status=status,
        product="Pro",
        amount={"price": 1000, "zero": 0}[price],
        currency="USD",
        interval="month",
        interval_count=1,
        started_at=NOW - 60 * DAY,
        cancel_at_period_end=closing == "yes",
        trial_end={"none": None, "runs": NOW + DAY, "over": NOW - 30 * DAY}[trial],
        ends_at={"none": None, "later": NOW + DAY, "reached": NOW}[end],
    )


def expected(kinds: Iterable[str], orders: str) -> str | None:
    """The status of a customer whose subscriptions count as these, said without the code that decides."""
    found = set(kinds)
    best = next((one for one in BEST_FIRST if one in found), None)
    if "unknown" in found:
        return "Paying" if best == "Paying" else None
    if best:
        return best
    column = 2 if "ended paid" in found else 1 if "ended unpaid" in found else 0
    return NOTHING_RUNS[orders][column]


def test_each_state_of_a_subscription_stands_in_exactly_one_row() -> None:
    assert {by_hand(state) for state in STATES} == {counts_as for _, counts_as in rows()}


@pytest.mark.parametrize("orders", ORDERS)
def test_a_customer_without_subscriptions(orders: str) -> None:
    assert billing([], ORDERS[orders], now=NOW).status == expected([], orders)


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_state_of_one_subscription(status: str, orders: str) -> None:
    for state in STATES:
        if state[0] == status:
            found = billing([subscription(state)], ORDERS[orders], now=NOW).status
            assert found == expected([by_hand(state)], orders), state


@pytest.mark.parametrize("orders", ORDERS)
def test_every_pair_of_subscriptions(orders: str) -> None:
    # The second one stands for all states of the same status that count the same: each of those is the first one once.
    others = {(state[0], by_hand(state)): subscription(state) for state in STATES}
    for state in STATES:
        first = subscription(state)
        for (_, other), second in others.items():
            wanted = expected((by_hand(state), other), orders)
            assert billing((first, second), ORDERS[orders], now=NOW).status == wanted, (state, second)


def test_of_three_subscriptions_the_best_counts() -> None:
    alone = {by_hand(state): subscription(state) for state in STATES}
    for three in product(alone, repeat=3):
        found = billing([alone[one] for one in three], [ONCE], now=NOW).status
        assert found == expected(three, "paid once"), three


def test_every_pair_of_orders() -> None:
    ended = {
        "nothing": [],
        "unpaid": [subscription(("canceled", "zero", "no", "none", "none"))],
        "paid": [subscription(("canceled", "price", "no", "none", "none"))],
    }
    for two in product(ORDER_STATES, repeat=2):
        orders = [order(*state) for state in two]
        paid_for = {what for status, price, what in two if status in PAID and price == "price"}
        wanted = "Churned" if "subscription" in paid_for else "Bought once" if paid_for else "Never paid"
        for subscriptions in ended.values():
            found = billing(subscriptions, orders, now=NOW)
            assert (found.status, found.ever_paid) == (wanted, bool(paid_for)), two


@pytest.mark.parametrize("orders", ORDERS)
def test_who_ever_paid_and_who_pays_now_in_every_state_of_one_subscription(orders: str) -> None:
    for state in STATES:
        found = billing([subscription(state)], ORDERS[orders], now=NOW)
        pays_now = by_hand(state) in {"Paying", "Canceling", "Past due"}
        paid_before = orders in {"paid once", "subscription", "all refunded"}
        went_on = by_hand(state) == "ended paid" or (
            by_hand(state) == "Paused" and state[1] == "price" and state[3] != "runs"
        )
        assert found.pays_now is (None if by_hand(state) == "unknown" else pays_now), state
        assert found.ever_paid is (pays_now or paid_before or (orders == "not read" and went_on)), state


@pytest.mark.parametrize("orders", ORDERS)
def test_every_status_but_deleted_can_come_about_and_has_a_rule(orders: str) -> None:
    found = {billing([subscription(state)], ORDERS[orders], now=NOW).status for state in STATES}

    assert found <= {None, *STATUS_RULES}
    assert Status.DELETED not in found
    assert STATUS_RULES.keys() == set(Status)


@pytest.mark.parametrize(("status", "counts_as"), [("active", Status.PAYING), ("canceled", Status.CHURNED)])
def test_the_smallest_price_is_a_price(status: str, counts_as: Status) -> None:
    smallest = replace(subscription((status, "price", "no", "none", "none")), amount=1)

    assert billing([smallest], None, now=NOW).status is counts_as


def test_an_end_is_reached_at_its_very_moment_and_not_before() -> None:
    ends = replace(subscription(("active", "price", "yes", "none", "later")), ends_at=NOW)

    assert billing([ends], None, now=NOW - timedelta(microseconds=1)).status is Status.CANCELING
    assert billing([ends], None, now=NOW).status is Status.CHURNED


def test_when_it_ended_counts_before_when_it_was_to_end() -> None:
    planned = subscription(("active", "price", "yes", "none", "later"))

    assert billing([replace(planned, ended_at=NOW - DAY)], None, now=NOW).status is Status.CHURNED
    assert billing([replace(planned, ends_at=NOW - DAY, ended_at=NOW + DAY)], None, now=NOW).status is Status.CANCELING


some = st.lists(st.sampled_from(STATES).map(subscription), max_size=5)
read = st.sampled_from([name for name in ORDERS if name != "not read"])


def rank(status: Status | None) -> int:
    assert status is not None
    return list(Status).index(status)


@given(before=some, added=st.sampled_from(STATES).map(subscription), orders=read)
def test_one_more_subscription_never_makes_the_status_worse(
    before: list[Subscription], added: Subscription, orders: str
) -> None:
    known = [one for one in before if one.status != "on_holiday"]
    first = billing(known, ORDERS[orders], now=NOW).status
    then = billing([*known, added], ORDERS[orders], now=NOW).status

    assert then is None or rank(then) <= rank(first)


@given(subscriptions=some, orders=st.sampled_from(list(ORDERS)), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(subscriptions: list[Subscription], orders: str, seed: Random) -> None:
    shuffled = list(subscriptions)
    seed.shuffle(shuffled)

    assert billing(shuffled, ORDERS[orders], now=NOW) == billing(subscriptions, ORDERS[orders], now=NOW)

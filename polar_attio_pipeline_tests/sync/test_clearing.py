"""What Polar no longer says is cleared if a pass wrote it; what an attribute cannot hold is left empty, and named."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from polar_attio_pipeline.sync.attributes import ATTRIBUTES, BY_KEY
from polar_attio_pipeline.sync.billing import Billing
from polar_attio_pipeline.sync.mapping import Target, wanted
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.money import Money
from polar_attio_pipeline.sync.outcomes import Reason, Result, written
from polar_attio_pipeline.sync.planning import Action, Change, Plan, plan
from polar_attio_pipeline.sync.records import Actor, Customer, Person, Value, ValueType
from polar_attio_pipeline.sync.status import Status
from polar_attio_pipeline_tests.sync.builders import customer, person

THEN = datetime(2026, 10, 1, 12, tzinfo=UTC)
OPTIONS = frozenset(status.value for status in Status)
BILLED = {
    attribute.key: Target(
        attribute,
        attribute.types[0],
        currency="USD" if attribute.types[0] is ValueType.CURRENCY else None,
        options=OPTIONS if attribute.types[0] is ValueType.SELECT else frozenset(),
    )
    for attribute in ATTRIBUTES
    if attribute.scope in {"subscriptions:read", "orders:read"}
}
FULL = Billing(
    status=Status.PAYING,
    products=("Pro", "Team"),
    mrr=(Money(1999, "USD"),),
    seats=3,
    subscribed_since=THEN,
    trial_ends_at=THEN,
    renews_at=THEN,
    ends_at=THEN,
    churn_reason="unused",
    lifetime_value=(Money(500000, "USD"),),
    last_paid_at=THEN,
)
EMPTY = Billing(status=Status.NEVER_PAID, lifetime_value=())
CLEARED = (
    "polar_products",
    "polar_seats",
    "polar_subscribed_since",
    "polar_trial_ends_at",
    "polar_renews_at",
    "polar_ends_at",
    "polar_churn_reason",
    "polar_last_paid_at",
)


def says(billing: Billing | None, *keys: str) -> dict[str, Value | None]:
    return wanted(customer(billing=billing), tuple(BILLED[key] for key in keys or BILLED)).values


def plan_of(new: Customer, held: Person, *keys: str, overwrite: bool = False) -> Plan:
    targets = tuple(BILLED[key] for key in keys)
    return plan(new, Match(Case.KNOWN, held, (held,)), targets, overwrite_typed=overwrite)


def test_every_attribute_of_a_customer_who_pays() -> None:
    assert says(FULL) == {
        "polar_status": "Paying",
        "polar_products": "Pro, Team",
        "polar_mrr": Decimal("19.99"),
        "polar_seats": Decimal(3),
        "polar_subscribed_since": THEN,
        "polar_trial_ends_at": THEN,
        "polar_renews_at": THEN,
        "polar_ends_at": THEN,
        "polar_churn_reason": "unused",
        "polar_lifetime_value": Decimal(5000),
        "polar_last_paid_at": THEN,
    }


def test_who_pays_nothing_has_zero_revenue_and_all_that_no_longer_holds_is_cleared() -> None:
    zero: dict[str, Value | None] = {
        "polar_status": "Never paid",
        "polar_mrr": Decimal(0),
        "polar_lifetime_value": Decimal(0),
    }

    assert says(EMPTY) == {**zero, **dict.fromkeys(CLEARED)}


def test_nothing_is_said_of_what_was_not_read() -> None:
    assert says(None) == {}
    assert says(Billing(lifetime_value=None), "polar_lifetime_value", "polar_last_paid_at") == {}


def test_nothing_is_said_of_what_may_run_where_a_subscription_cannot_be_understood() -> None:
    found = says(Billing(mrr=None, lifetime_value=(Money(100, "USD"),), last_paid_at=THEN, is_certain=False))

    assert found == {"polar_lifetime_value": Decimal(1), "polar_last_paid_at": THEN}


@pytest.mark.parametrize("key", CLEARED)
def test_what_a_pass_wrote_is_cleared(key: str) -> None:
    value = says(FULL, key)[key]
    assert value is not None

    due = plan_of(customer(billing=EMPTY), person("p1", "ada@example.com", actor="api-token", **{key: value}), key)

    assert due.action is Action.UPDATE
    assert due.changes == (Change(key, value, None),)
    assert due.values == {key: None}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("actor", ["workspace-member", "system", "app"])
@pytest.mark.parametrize("key", CLEARED)
def test_what_a_pass_did_not_write_is_never_cleared(key: str, actor: Actor, *, overwrite: bool) -> None:
    value = says(FULL, key)[key]
    assert value is not None

    held = person("p1", "ada@example.com", actor=actor, **{key: value})
    due = plan_of(customer(billing=EMPTY), held, key, overwrite=overwrite)

    assert due.action is Action.KEEP
    assert due.kept == (Change(key, value, None),)


@pytest.mark.parametrize("key", CLEARED)
def test_where_nothing_is_there_nothing_is_cleared(key: str) -> None:
    due = plan_of(customer(billing=EMPTY), person("p1", "ada@example.com"), key)

    assert (due.action, due.changes, due.kept) == (Action.KEEP, (), ())


def test_a_new_person_is_created_without_what_there_is_none_of() -> None:
    created = plan(customer(billing=EMPTY), Match(Case.NEW), tuple(BILLED.values()), overwrite_typed=False)

    assert created.values == {"polar_status": "Never paid", "polar_mrr": Decimal(0), "polar_lifetime_value": Decimal(0)}


EUROS = Billing(status=Status.PAYING, mrr=(Money(900, "EUR"), Money(1999, "USD")))


def test_an_amount_in_another_currency_clears_the_older_one_and_says_why() -> None:
    held = person("p1", "ada@example.com", polar_mrr=Decimal("19.99"))

    due = plan_of(customer(billing=EUROS), held, "polar_mrr")
    outcome = written(due, held)

    assert due.changes == (Change("polar_mrr", Decimal("19.99"), None),)
    assert (outcome.result, outcome.reason) == (Result.UPDATED, Reason.LEFT_EMPTY)
    assert outcome.detail == "polar_mrr is left empty: it is paid in EUR, the attribute is in USD."


def test_an_amount_that_a_human_typed_stays_and_is_not_called_empty() -> None:
    held = person("p1", "ada@example.com", actor="workspace-member", polar_mrr=Decimal(20))

    due = plan_of(customer(billing=EUROS), held, "polar_mrr")

    assert (due.action, dict(due.left_empty)) == (Action.KEEP, {})
    assert due.kept == (Change("polar_mrr", Decimal(20), None),)
    assert written(due, held).reason is None


def test_a_status_whose_option_is_missing_is_left_empty_and_says_what_to_do() -> None:
    lacking = Target(BY_KEY["polar_status"], ValueType.SELECT, options=OPTIONS - {"Paying"})

    found = wanted(customer(billing=FULL), (lacking,))

    assert found.values == {"polar_status": None}
    assert found.left_empty == {"polar_status": "the attribute has no option Paying: run `polar-attio setup`"}


@pytest.mark.parametrize(
    ("currency", "minor", "amount"), [("JPY", 5000, "5000"), ("KWD", 1234, "1.234"), ("EUR", 5, "0.05")]
)
def test_an_amount_is_in_the_main_unit_of_its_currency(currency: str, minor: int, amount: str) -> None:
    target = Target(BY_KEY["polar_mrr"], ValueType.CURRENCY, currency=currency)

    found = wanted(customer(billing=Billing(mrr=(Money(minor, currency),))), (target,))

    assert str(found.values["polar_mrr"]) == amount


def test_an_amount_in_a_currency_of_unknown_decimal_places_is_left_empty_rather_than_zero() -> None:
    target = Target(BY_KEY["polar_mrr"], ValueType.CURRENCY, currency="XAU")

    found = wanted(customer(billing=Billing(mrr=(Money(100, "XAU"),))), (target,))

    assert found.values == {"polar_mrr": None}
    assert found.left_empty == {"polar_mrr": "how many decimal places the currency XAU has is not known"}

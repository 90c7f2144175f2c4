"""A token that lacks scopes: what needs them is off and named, and everything else works, in each kind of pass."""

import itertools
import logging
from collections.abc import Callable, Collection
from typing import Any

import pytest

from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.passes.changed import sync_changed
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import ALL_SCOPES
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sync.attributes import ATTRIBUTES, ORDERS, SUBSCRIPTIONS
from polar_attio_pipeline_tests.passes.stage import Stage

CUSTOMERS, EVENTS, MEMBERS, ORGANIZATIONS = "customers:read", "events:read", "members:read", "organizations:read"
OPTIONAL = (SUBSCRIPTIONS, ORDERS, EVENTS, MEMBERS, ORGANIZATIONS)
LACKING = [(), *((one,) for one in OPTIONAL), *itertools.combinations(OPTIONAL, 2), OPTIONAL]

Run = Callable[[Stage, Collection[Customer]], object]


def hourly(stage: Stage, customers: Collection[Customer]) -> object:
    return stage.hourly()


def reconciling(stage: Stage, customers: Collection[Customer]) -> object:
    return stage.reconcile()


def changed(stage: Stage, customers: Collection[Customer]) -> object:
    async def run() -> object:
        async with stage.context() as context:
            return await sync_changed(context, [one.id for one in customers])

    return stage.run(run())


EACH_PASS = pytest.mark.parametrize("run", [hourly, reconciling, changed])


def take_away(stage: Stage, scopes: Collection[str]) -> None:
    """Leave the token all scopes but these; the scope to write a thing is one to read it too."""
    gone = {*scopes, *(scope.replace(":read", ":write") for scope in scopes)}
    stage.sandbox.polar.tokens[POLAR_TOKEN].scopes = ALL_SCOPES - gone


def keys_of(scope: str) -> set[str]:
    """The attributes that Ada, who pays, has a value of, and which need a scope."""
    without_value = {"polar_seats", "polar_trial_ends_at", "polar_ends_at", "polar_churn_reason"}
    return {attribute.key for attribute in ATTRIBUTES if attribute.scope == scope} - without_value


@EACH_PASS
@pytest.mark.parametrize("lacking", LACKING, ids=lambda scopes: "+".join(scopes) or "none")
def test_what_is_off_without_scopes_is_what_needs_them_and_no_more(
    stage: Stage, caplog: pytest.LogCaptureFixture, run: Run, lacking: tuple[str, ...]
) -> None:
    caplog.set_level(logging.INFO, logger="polar_attio_pipeline")
    ada, team = stage.add("ada", name="Ada Lovelace"), stage.add_team("acme")
    pro = stage.sandbox.polar.billing.product("Pro", amount=900)
    stage.sandbox.polar.billing.subscribe(ada.id, pro)
    take_away(stage, lacking)

    run(stage, [ada, team])

    person = stage.person_of(ada.id)
    assert person is not None
    assert (person.values["name"], person.values["polar_customer"]) == ("Ada Lovelace", True)
    for scope in (SUBSCRIPTIONS, ORDERS):
        there = keys_of(scope) & person.values.keys()
        assert there == (set() if scope in lacking else keys_of(scope))
        # Once, at INFO: it is a choice, and no trouble.
        about = [record.levelno for record in caplog.records if scope in record.getMessage()]
        assert about == ([logging.INFO] if scope in lacking else [])
    assert (stage.person_of(team.id) is None) == (MEMBERS in lacking)
    assert ("/dashboard/sandbox/" in str(person.values["polar_customer_url"])) == (ORGANIZATIONS not in lacking)

    writes = stage.writes
    run(stage, [ada, team])
    assert stage.writes == writes


@EACH_PASS
def test_without_the_scope_for_customers_a_pass_stops_and_says_which_to_add(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    take_away(stage, [CUSTOMERS])

    with pytest.raises(FatalError, match="customers:read"):
        run(stage, [ada])

    assert stage.writes == 0


@EACH_PASS
@pytest.mark.parametrize("scope", [SUBSCRIPTIONS, ORDERS, MEMBERS])
def test_a_scope_that_comes_back_brings_what_was_off(stage: Stage, run: Run, scope: str) -> None:
    ada, team = stage.add("ada"), stage.add_team("acme")
    stage.sandbox.polar.billing.subscribe(ada.id, stage.sandbox.polar.billing.product("Pro", amount=900))
    take_away(stage, [scope])
    run(stage, [ada, team])
    take_away(stage, [])

    run(stage, [ada, team])

    person = stage.person_of(ada.id)
    assert person is not None
    assert keys_of(SUBSCRIPTIONS) | keys_of(ORDERS) <= person.values.keys()
    assert stage.person_of(team.id) is not None


def test_that_a_customer_was_deleted_is_said_without_the_scope_for_subscriptions_and_taken_back_too(
    stage: Stage,
) -> None:
    """No subscription tells it; a customer who lives must not be called deleted because a scope is missing."""
    ada = stage.add("ada")
    stage.add_many(5)
    take_away(stage, [SUBSCRIPTIONS])
    stage.reconcile()
    stage.sandbox.polar.delete_customer(ada.id)
    changed(stage, [ada])
    said = status(stage, ada)
    again = stage.add("ada", hour=1)

    stage.reconcile()

    assert said == "Deleted"
    assert status(stage, again) is None


def status(stage: Stage, customer: Customer) -> Any:
    person = stage.person_of(customer.id)
    assert person is not None
    return person.values.get("polar_status")


@EACH_PASS
@pytest.mark.parametrize("scope", ["record_permission:read-write", "object_configuration:read"])
def test_each_scope_of_attio_s_is_needed_and_named_before_anything_is_written(
    stage: Stage, run: Run, scope: str
) -> None:
    ada = stage.add("ada")
    token = stage.sandbox.attio.tokens[ATTIO_TOKEN]
    what = scope.partition(":")[0]
    token.scopes = frozenset(one for one in token.scopes if not one.startswith(what))

    with pytest.raises(ConfigurationError, match=scope):
        run(stage, [ada])

    assert stage.writes == 0


@EACH_PASS
def test_of_attio_s_scopes_no_other_is_needed(stage: Stage, run: Run) -> None:
    ada = stage.add("ada")
    token = stage.sandbox.attio.tokens[ATTIO_TOKEN]
    token.scopes = frozenset({"record_permission:read-write", "object_configuration:read"})

    run(stage, [ada])

    assert stage.person_of(ada.id) is not None

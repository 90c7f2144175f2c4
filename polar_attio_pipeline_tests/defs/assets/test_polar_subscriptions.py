"""All subscriptions in one scan: what the UI shows of them, and what the reconciliation of the same run uses."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline_tests.conftest import RECONCILIATION, Pipeline

SUBSCRIPTIONS = dg.AssetKey("polar_subscriptions")
PATH = "/v1/subscriptions/"


def subscribe(pipeline: Pipeline, customer: Customer, name: str = "Pro", **fields: Any) -> None:
    billing = pipeline.sandbox.polar.billing
    product = billing.product(name, **{"amount": 900, **fields})
    billing.subscribe(customer.id, product, at=pipeline.here + timedelta(hours=1))


def report(pipeline: Pipeline) -> dict[str, Any]:
    return pipeline.recorded(SUBSCRIPTIONS)[""]


def scans(pipeline: Pipeline) -> int:
    return pipeline.sandbox.traffic.count(service="polar", route=PATH)


def failed(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    return {one.check_name: one.description or "" for one in result.get_asset_check_evaluations() if not one.passed}


def status(pipeline: Pipeline, who: str) -> object:
    return pipeline.person(who).values.get("polar_status")


def test_the_ui_shows_how_many_there_are_in_which_status_and_what_they_bring(pipeline: Pipeline) -> None:
    ada, bob = pipeline.add("ada"), pipeline.add("bob")
    subscribe(pipeline, ada)
    subscribe(pipeline, bob, "Team", amount=12_000, interval="year")
    subscribe(pipeline, bob, "Storage", amount=500, currency="eur")

    pipeline.reconcile()

    shown = report(pipeline)
    assert shown["subscriptions"] == 3
    assert shown["MRR in USD, smallest unit"] == 1900
    assert shown["MRR in EUR, smallest unit"] == 500
    assert shown["MRR"] == "5.00 EUR + 19.00 USD"
    assert "| active | 3 |" in shown["by status"]
    assert "| Team | 1 | 10.00 USD |" in shown["by product"]


def test_the_reconciliation_of_the_same_run_scans_nothing_again(pipeline: Pipeline) -> None:
    subscribe(pipeline, pipeline.add("ada"))

    pipeline.reconcile()

    assert status(pipeline, "ada") == "Paying"
    assert scans(pipeline) == report(pipeline)["requests"] == 1


def test_a_second_run_writes_nothing_to_attio(pipeline: Pipeline) -> None:
    subscribe(pipeline, pipeline.add("ada"))
    pipeline.reconcile()
    writes = pipeline.writes

    pipeline.reconcile()

    assert pipeline.writes == writes


def test_a_reconciliation_by_itself_reads_its_subscriptions_itself(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    subscribe(pipeline, ada)

    pipeline.run("full_reconciliation", selection=[RECONCILIATION])

    assert status(pipeline, "ada") == "Paying"


def test_a_snapshot_that_is_too_old_is_read_anew(pipeline: Pipeline) -> None:
    pipeline.configure(polar_attio_snapshot_minutes=0)
    subscribe(pipeline, pipeline.add("ada"))

    pipeline.reconcile()

    assert status(pipeline, "ada") == "Paying"
    assert scans(pipeline) > report(pipeline)["requests"]


def test_without_the_scope_the_reconciliation_goes_on_and_the_asset_says_so(pipeline: Pipeline) -> None:
    subscribe(pipeline, pipeline.add("ada"))
    token = pipeline.sandbox.polar.tokens[POLAR_TOKEN]
    token.scopes = token.scopes - {"subscriptions:read", "subscriptions:write"}

    result = pipeline.reconcile()

    assert "subscriptions:read" in failed(result)["subscriptions_can_be_read"]
    assert "subscriptions:read" in report(pipeline)["not read"]
    assert status(pipeline, "ada") is None
    assert pipeline.names() == {"ada"}


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}], ids=str)
def test_a_list_that_fails_stops_no_reconciliation_and_is_shown(
    pipeline: Pipeline, impatient: None, fault: dict[str, Any]
) -> None:
    subscribe(pipeline, pipeline.add("ada"))
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", path=PATH, **fault))

    result = pipeline.reconcile()

    assert str(fault["status"]) in failed(result)["subscriptions_can_be_read"]
    assert pipeline.names() == {"ada"}


def test_no_address_and_no_name_of_a_customer_is_shown(pipeline: Pipeline) -> None:
    subscribe(pipeline, pipeline.add("ada"))

    pipeline.reconcile()

    assert "ada" not in str(report(pipeline)).lower()

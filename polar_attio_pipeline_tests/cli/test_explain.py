"""`polar-attio explain`: who it is, by which rule, what comes next and why not more; nothing is written."""

import json

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.hours import key
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.conftest import Pipeline


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None) -> None:
    """Every test runs with them."""


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain", *arguments])


def said(result: Result) -> str:
    """The output on one line, as it is read."""
    return " ".join(result.stdout.split())


def test_of_a_customer_that_is_in_attio_everything_is_said_at_80_columns(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    billing = pipeline.sandbox.polar.billing
    billing.subscribe(ada.id, billing.product("Pro", amount=900), at=pipeline.here)
    pipeline.reconcile()
    writes = pipeline.writes

    result = explain("ada@example.com")

    assert result.exit_code == 0, result.output
    text = said(result)
    assert f"Customer {ada.id} https://polar.sh/" in text
    assert "Live, individual, ada@example.com, Ada Example." in text
    assert f"in the hour {key(pipeline.here)}." in text
    assert "Paying. A subscription is active, has a price above zero" in text
    assert "Pro: active, 9.00 USD every month, since" in text
    assert "known: One person holds the customer's id" in text
    assert pipeline.person("ada").url in text
    assert "Writes nothing: Attio has everything already." in text
    assert "created since" in text
    assert "(reconciliation, " in text
    assert "polar_status: nothing -> Paying" in text
    assert all(len(line) <= 80 or "https://" in line for line in result.stdout.splitlines())
    assert pipeline.writes == writes


def test_of_a_new_customer_it_shows_what_would_be_created(pipeline: Pipeline) -> None:
    pipeline.add("ada")

    text = said(explain("ada@example.com"))

    assert "new: No person holds the id or the address" in text
    assert "Creates the person: - email_addresses: ada@example.com" in text
    assert "No outcome: no pass has come to the customer" in text
    assert pipeline.writes == 0


def test_it_says_what_would_be_updated_and_what_is_left_alone_and_why(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada", billing_address={"country": "DE"})
    pipeline.reconcile()
    person = pipeline.person("ada")
    pipeline.sandbox.attio.edit_person(person.id, {"name": "Countess Lovelace"})
    pipeline.sandbox.polar.update_customer(ada.id, external_id="crm-7")

    text = said(explain(person.url))

    assert "Updates the person: - polar_external_id: nothing -> crm-7" in text
    assert "name stays Countess Lovelace, not Ada Example: a workspace member typed it." in text


def test_an_ambiguous_customer_is_shown_with_every_person_and_what_to_do(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    one = pipeline.sandbox.attio.add_person(emails=["ada@example.com"])
    other = pipeline.sandbox.attio.add_person(emails=["other@example.com"], values={"polar_customer_id": ada.id})

    text = said(explain(ada.id))

    assert "two_records: One person holds the id, another one the address." in text
    assert f"/person/{one}" in text
    assert f"/person/{other}" in text
    assert "Writes nothing until a person has decided." in text


def test_one_that_is_left_out_is_shown_as_such_with_the_reason(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.ledger.skip(ada.id, why="a test account")

    text = said(explain(ada.id))

    assert "Writes nothing: left out on purpose since" in text
    assert "(a test account)" in text


def test_what_attio_has_refused_is_not_said_to_be_written_again(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada", email="ada@mail.test")
    pipeline.reconcile()
    text = said(explain(ada.id))

    assert "Writes nothing: Attio has refused just this before." in text
    assert "rejected, refused_by_attio since" in text


def test_one_that_polar_no_longer_has_is_explained_by_attio_and_the_ledger(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.add("bob")
    pipeline.reconcile()
    pipeline.sandbox.polar.delete_customer(ada.id)
    pipeline.reconcile()

    result = explain(ada.id)

    assert result.exit_code == 0, result.output
    text = said(result)
    assert "No such customer (any more). A pass noticed that on" in text
    assert f"Held by its Polar id: {pipeline.person('ada').url}" in text
    assert "Writes to its person in Attio that the customer was deleted" in text
    assert "polar_customer_id: nothing ->" in text


def test_a_person_without_a_customer_is_found_in_attio_only_and_that_is_said(pipeline: Pipeline) -> None:
    record = pipeline.sandbox.attio.add_person(emails=["ada@example.com"])

    result = explain("ada@example.com")

    assert result.exit_code == 0, result.output
    assert f"/person/{record} holds no Polar id, and Polar has no customer with one of its addresses." in said(result)


def test_of_a_team_the_owner_is_shown_by_whom_it_is_known(pipeline: Pipeline) -> None:
    team = pipeline.add("team", email=None, type="team")
    pipeline.sandbox.polar.add_member(team.id, email="owner@example.com", name="Owen Owner")

    text = said(explain(team.id))

    assert "Live, team, owner@example.com, Team Example." in text
    assert "- name: Owen Owner" in text


def test_several_customers_of_one_address_are_all_shown(pipeline: Pipeline) -> None:
    before = pipeline.add("ada")
    pipeline.reconcile()
    pipeline.sandbox.polar.delete_customer(before.id)
    again = pipeline.add("ada")

    text = said(explain("ada@example.com"))

    assert "ada@example.com is of 2 customers:" in text
    assert text.index(f"Customer {again.id}") < text.index(f"Customer {before.id}")
    assert "recreated: No person holds the id; one person holds the address" in text


@pytest.mark.parametrize(("service", "shown"), [("polar", "Held by its Polar id"), ("attio", "Live, individual")])
def test_a_service_that_does_not_answer_is_named_and_the_rest_is_shown(
    pipeline: Pipeline, impatient: None, monkeypatch: pytest.MonkeyPatch, service: str, shown: str
) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service=service))

    result = explain(ada.id)

    assert result.exit_code == 2, result.output
    text = said(result)
    assert service.title() in text.split("Customer")[0]
    assert shown in text
    assert "created since" in text
    assert "Cannot be said, because a service did not answer." in text


def test_whom_nothing_knows_is_said(pipeline: Pipeline) -> None:
    result = explain("nowhere@example.com")

    assert result.exit_code == 1
    assert "The ledger knows no customer for nowhere@example.com, nor do Polar and Attio." in result.stderr


def test_as_json_it_is_one_document_with_everything(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    billing = pipeline.sandbox.polar.billing
    billing.subscribe(ada.id, billing.product("Pro", amount=900), at=pipeline.here)
    pipeline.reconcile()

    (customer,) = json.loads(explain(ada.id, "--json").stdout)["customers"]

    assert customer["id"] == ada.id
    assert customer["match"]["case"] == "known"
    assert customer["subscriptions"][0]["product"] == "Pro"
    assert customer["billing"]["status"] == "Paying"
    assert customer["next_pass"]["action"] == "keep"
    assert customer["on_record"]["outcome"] == "created"
    assert {change["attribute"] for change in customer["changes"]} > {"polar_status", "name"}
    assert [row["kind"] for row in customer["passes"]] == ["reconciliation"]

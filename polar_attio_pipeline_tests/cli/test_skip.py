"""`polar-attio skip` and `unskip`: whom, by what was typed, and what a person reads."""

import json

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.sync.outcomes import Result as Became
from polar_attio_pipeline_tests.conftest import Pipeline


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None) -> None:
    """Every test runs with them."""


def polar_attio(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_customer_is_left_out_by_its_id_without_a_question_to_a_service_that_the_ledger_answers(
    pipeline: Pipeline,
) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    asked = pipeline.sandbox.traffic.count()

    result = polar_attio("skip", ada.id, "--why", "a test account")

    assert result.exit_code == 0, result.output
    assert f"Customer {ada.id} is left out from now on: no pass" in result.stdout
    assert f"polar-attio unskip {ada.id}" in result.stdout
    assert "https://app.attio.com/" in result.stdout
    assert pipeline.sandbox.traffic.count() == asked
    assert pipeline.ledger.counts()[Became.EXCLUDED] == 1


@pytest.mark.parametrize("known", [True, False], ids=["on record", "not on record"])
def test_each_way_to_name_a_customer_finds_it(pipeline: Pipeline, known: bool) -> None:
    ada = pipeline.add("ada")
    pipeline.add("bob")
    pipeline.reconcile()
    person, link = pipeline.person("ada"), f"https://polar.sh/dashboard/acme/customers/{ada.id}"

    for typed in (ada.id, "ADA@example.com", link, person.id, person.url):
        if not known:
            pipeline.ledger.erase(ada.id)
        result = polar_attio("skip", typed)

        assert result.exit_code == 0, result.output
        assert pipeline.ledger.skipped() == {ada.id}
        pipeline.ledger.unskip(ada.id)


def test_of_two_customers_that_had_an_address_the_living_one_is_meant(pipeline: Pipeline) -> None:
    before = pipeline.add("ada")
    pipeline.reconcile()
    pipeline.sandbox.polar.delete_customer(before.id)
    again = pipeline.add("ada")

    assert polar_attio("skip", "ada@example.com").exit_code == 0
    assert pipeline.ledger.skipped() == {again.id}


def test_an_id_that_somebody_typed_in_attio_is_no_customer(pipeline: Pipeline) -> None:
    typed = {"polar_customer_id": "ada00000-0000-4000-8000-000000000001"}
    pipeline.sandbox.attio.add_person(emails=["ada@example.com"], values=typed)

    assert polar_attio("skip", "ada@example.com").exit_code == 1
    assert pipeline.ledger.skipped() == frozenset()


def test_the_list_says_who_since_when_and_why(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    assert polar_attio("skip", "--list").stdout == "No customer is left out.\n"
    polar_attio("skip", ada.id, "--why", "a test account")

    assert polar_attio("skip", "--list").stdout.startswith(f"{ada.id}  since 20")
    (entry,) = json.loads(polar_attio("skip", "--list", "--json").stdout)
    assert (entry["customer"], entry["skipped"], entry["why"]) == (ada.id, True, "a test account")


@pytest.mark.parametrize("arguments", [(), ("--list", "ada@example.com"), ("  ",)])
def test_either_one_customer_or_the_list(pipeline: Pipeline, arguments: tuple[str, ...]) -> None:
    result = polar_attio("skip", *arguments)

    assert result.exit_code == 1
    assert "Name one customer, or use --list" in result.stderr


def test_a_mistyped_id_leaves_out_nobody(pipeline: Pipeline) -> None:
    pipeline.add("ada")

    result = polar_attio("skip", "ada00000-0000-4000-8000-000000000001")

    assert result.exit_code == 1
    assert "The ledger knows no customer for ada00000-0000-4000-8000-000000000001, nor do Polar and Attio." in (
        result.stderr
    )
    assert pipeline.ledger.skipped() == frozenset()


def test_an_address_of_two_customers_is_refused_with_the_ids_of_both(pipeline: Pipeline) -> None:
    first, second = pipeline.add("ada"), pipeline.add("bob")
    pipeline.reconcile()
    person = pipeline.person("ada")
    pipeline.sandbox.attio.edit_person(pipeline.person("bob").id, {"polar_customer_id": first.id})
    pipeline.sandbox.attio.edit_person(person.id, {"polar_customer_id": second.id})
    pipeline.ledger.erase(first.id)
    pipeline.ledger.erase(second.id)

    result = polar_attio("skip", "ada@example.com")

    assert result.exit_code == 1
    assert "may be any of 2 customers" in result.stderr
    assert first.id in result.stderr
    assert second.id in result.stderr


def test_without_tokens_an_unknown_customer_is_not_taken_on_trust(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "")
    monkeypatch.setenv("ATTIO_API_KEY", "")

    result = polar_attio("skip", "ada00000-0000-4000-8000-000000000001")

    assert result.exit_code == 1
    assert "Polar was not asked: POLAR_ACCESS_TOKEN is not set." in result.stderr


def test_unskip_says_when_the_customer_comes_and_refuses_who_was_not_left_out(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    polar_attio("skip", ada.id)

    result = polar_attio("unskip", "ada@example.com")

    assert result.exit_code == 0, result.output
    assert f"At once: polar-attio sync {ada.id}" in result.stdout
    again = polar_attio("unskip", ada.id)
    assert again.exit_code == 1
    assert f"Customer {ada.id} is not left out" in again.stderr

"""`polar-attio forget`: asked first, erased to the last row, and what remains is said."""

import json
import threading

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline_tests.conftest import Pipeline


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None) -> None:
    """Every test runs with them."""


def forget(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["forget", *arguments], input=answer)


def said(result: Result) -> str:
    """The output on one line, as it is read."""
    return " ".join(result.stdout.split())


def traces(pipeline: Pipeline, who: str) -> int:
    """How often an address is in the files of the ledger."""
    return sum(file.read_bytes().count(f"{who}@example.com".encode()) for file in pipeline.database.parent.iterdir())


def test_a_person_whom_polar_no_longer_has_is_erased_by_an_address_in_the_history(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.add("bob")
    pipeline.reconcile()
    pipeline.sandbox.polar.delete_customer(ada.id)
    pipeline.reconcile()
    assert traces(pipeline, "ada")

    result = forget("ada@example.com", answer="y\n")

    assert result.exit_code == 0, result.output
    assert f"Erased customer {ada.id} from the ledger" in said(result)
    assert "Attio keeps the person, since nothing is deleted there: https://app.attio.com/" in said(result)
    assert "the next pass" not in said(result)
    assert traces(pipeline, "ada") == 0
    assert traces(pipeline, "bob")


@pytest.mark.parametrize("kind", ["id", "record id", "link"])
def test_a_deleted_customer_is_found_by_its_id_and_by_its_record(pipeline: Pipeline, kind: str) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    person = pipeline.person("ada")
    pipeline.sandbox.polar.delete_customer(ada.id)
    pipeline.sandbox.attio.delete(person.id)

    result = forget({"id": ada.id, "record id": person.id, "link": person.url}[kind], "--yes")

    assert result.exit_code == 0, result.output
    assert not pipeline.ledger.is_on_record(ada.id)


def test_of_a_customer_that_polar_has_it_says_that_it_comes_back_and_how_to_prevent_it(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()

    result = forget(ada.id, "--yes")

    assert f"Polar has the customer {ada.id}, so the next pass puts it on record again." in said(result)
    assert f"polar-attio skip {ada.id}" in said(result)


def test_one_that_is_left_out_does_not_come_back_but_for_its_id(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    pipeline.ledger.skip(ada.id, why="ada@example.com asked us")

    result = forget(ada.id, "--yes")
    pipeline.reconcile()

    assert f"The ledger keeps the id {ada.id}" in said(result)
    assert traces(pipeline, "ada") == 0
    assert pipeline.ledger.skipped() == {ada.id}


def test_both_customers_of_a_person_that_was_created_anew_are_erased(pipeline: Pipeline) -> None:
    before = pipeline.add("ada")
    pipeline.reconcile()
    pipeline.sandbox.polar.delete_customer(before.id)
    again = pipeline.add("ada")
    pipeline.reconcile()

    document = json.loads(forget(again.id, "--yes", "--json").stdout)

    assert document["customers"] == sorted([before.id, again.id])
    assert document["rows"] > 2
    assert traces(pipeline, "ada") == 0


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_nothing_is_erased_unless_the_answer_is_yes(pipeline: Pipeline, answer: str) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()

    result = forget(ada.id, answer=answer)

    assert result.exit_code == 1
    assert "It cannot be taken back." in result.stderr
    assert pipeline.ledger.is_on_record(ada.id)


def test_whom_nothing_knows_is_said_and_is_a_failure(pipeline: Pipeline) -> None:
    result = forget("nowhere@example.com", "--yes")

    assert result.exit_code == 1
    assert "The ledger knows no customer for nowhere@example.com, nor do Polar and Attio." in result.stderr


def test_of_whom_the_ledger_holds_nothing_is_said(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")

    result = forget(ada.id, "--yes")

    assert result.exit_code == 1
    assert f"The ledger holds nothing of {ada.id}." in result.stderr


def test_without_the_services_the_ledger_is_enough(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "")
    monkeypatch.setenv("ATTIO_API_KEY", "")

    result = forget("ada@example.com", "--yes")

    assert result.exit_code == 0, result.output
    assert f"Whether Polar has the customer {ada.id} is not known" in said(result)
    assert "Polar was not asked: POLAR_ACCESS_TOKEN is not set." in result.stderr
    assert traces(pipeline, "ada") == 0


def test_it_waits_for_a_pass_that_is_at_work(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.reconcile()
    token = pipeline.ledger.acquire_lease('{"host": "other", "pid": 7, "started": 1}', "a reconciliation of everything")
    assert token is not None

    result = _releasing(pipeline, token, ada.id)

    assert result.exit_code == 0, result.output
    assert (
        "Another pass is at work (a reconciliation of everything, in process 7 on other), so this one waits."
        in result.stderr
    )
    assert not pipeline.ledger.is_on_record(ada.id)


def _releasing(pipeline: Pipeline, token: int, customer_id: str) -> Result:
    """Forget a customer, while the pass that has the lease ends after two seconds."""
    ending = threading.Timer(2, pipeline.ledger.release_lease, [token])
    ending.start()
    try:
        return forget(customer_id, "--yes")
    finally:
        ending.join()

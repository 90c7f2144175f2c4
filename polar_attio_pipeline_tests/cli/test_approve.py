"""`polar-attio approve`: what waits for a person, and how it is let through."""

import json

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.passes.approvals import CONFIRMABLE
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline_tests.conftest import Pipeline


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("POLAR_ATTIO_CHANGE_MIN_PEOPLE", "2")


@pytest.fixture
def stopped(pipeline: Pipeline) -> list[Customer]:
    """A reconciliation was stopped that would have renamed ten people."""
    customers = [pipeline.add(f"customer{number}") for number in range(10)]
    assert run("sync").exit_code == 0
    for one in customers:
        pipeline.sandbox.polar.update_customer(one.id, name=f"Renamed {one.id[:8]}")
    ended = run("sync")
    assert ended.exit_code == 1
    assert "would change 10 of the 10 people" in ended.output
    return customers


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_without_a_name_it_lists_what_can_be_approved_and_that_nothing_waits(pipeline: Pipeline) -> None:
    del pipeline
    listed = run("approve")
    assert listed.exit_code == 0
    for name in ("organization", "fewer-customers", "many-changes"):
        assert f"\n{name}: " in listed.stdout
    assert listed.stdout.count("No pass waits for it.") == len(CONFIRMABLE)
    assert max(map(len, listed.stdout.splitlines())) <= 80


def test_what_waits_is_listed_with_ten_people_and_without_a_value(pipeline: Pipeline, stopped: list[Customer]) -> None:
    listed = run("approve").stdout
    assert "A reconciliation waits for it since" in listed
    assert listed.count("    - name replaced\n      https://") == 10
    assert all(one.id in listed for one in stopped)
    assert "Renamed" not in listed
    assert "@" not in listed
    (waiting,) = json.loads(run("approve", "--json").stdout)["approvable"]["many-changes"]["waiting"]
    assert waiting["attributes"] == [{"attribute": "name", "effect": "replaced", "people": 10}]
    assert (waiting["kind"], waiting["people"], len(waiting["examples"])) == ("reconciliation", 10, 10)
    assert pipeline.writes == 10


def test_an_approval_says_what_it_allows_and_lets_one_pass_through(pipeline: Pipeline, stopped: list[Customer]) -> None:
    approved = run("approve", "many-changes")
    assert approved.exit_code == 0
    assert "One reconciliation may change, of people who hold a Polar id already:" in approved.stdout
    assert "  name replaced of at most 12 (named: 10)" in approved.stdout
    assert "Approved at" in run("approve").stdout

    assert run("sync").exit_code == 0
    assert pipeline.writes == 10 + len(stopped)
    assert run("approve").stdout.count("No pass waits for it.") == len(CONFIRMABLE)

    for one in stopped:
        pipeline.sandbox.polar.update_customer(one.id, name="Again")
    assert run("sync").exit_code == 1


def test_many_changes_cannot_be_approved_before_a_person_could_see_them(pipeline: Pipeline) -> None:
    del pipeline
    refused = run("approve", "many-changes")
    assert refused.exit_code == 1
    assert "there is nothing to approve" in refused.stderr


def test_another_owner_can_be_approved_beforehand(pipeline: Pipeline) -> None:
    approved = run("approve", "organization")
    assert approved.exit_code == 0
    assert "The next pass may go on with another Polar organization" in " ".join(approved.stdout.split())
    assert pipeline.ledger.take_confirmation("organization")


def test_an_unknown_name_is_refused_with_the_known_ones(pipeline: Pipeline) -> None:
    del pipeline
    refused = run("approve", "many_changes")
    assert refused.exit_code == 1
    assert "one of fewer-customers, many-changes, organization" in refused.stderr


def test_the_preview_says_that_the_next_pass_would_stop(stopped: list[Customer]) -> None:
    shown = " ".join(run("plan").stdout.split())
    assert f"would change {len(stopped)} of the 10 people" in shown
    assert "`polar-attio approve many-changes` allows that." in shown

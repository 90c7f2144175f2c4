"""`polar-attio sync`: a pass without a daemon, told line by line, that Ctrl-C ends between two writes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline.sync.outcomes import Result as Became
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.conftest import Pipeline

_STARTS_WITHIN = 60


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None) -> None:
    """Every test runs with them."""


def sync(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sync", *arguments])


def test_it_brings_all_customers_and_says_so_line_by_line(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.add("bob", hour=3)

    result = sync()

    assert result.exit_code == 0, result.output
    assert pipeline.names() == {"ada", "bob"}
    lines = [line.partition(" ")[2] for line in result.stdout.splitlines()]
    assert lines[0] == "A reconciliation of everything begins (polar-attio sync)."
    assert any(line.startswith("Finished after") and "2 customers: 2 created" in line for line in lines)
    assert lines[-1].startswith("The next pass begins when this command is run again")


def test_it_brings_the_customers_of_some_hours_and_no_others(pipeline: Pipeline) -> None:
    for hour in range(4):
        pipeline.add(f"customer{hour}", hour=hour)

    result = sync("--from", key(pipeline.here + HOUR), "--to", key(pipeline.here + 2 * HOUR))

    assert result.exit_code == 0, result.output
    assert pipeline.names() == {"customer1", "customer2"}
    assert "2 customers in 2 hours to bring to Attio" in result.stdout


@pytest.mark.parametrize("kind", ["id", "address", "link"])
def test_it_brings_one_customer_and_no_other(pipeline: Pipeline, kind: str) -> None:
    ada = pipeline.add("ada")
    pipeline.add("bob")
    typed = {
        "id": ada.id,
        "address": "ada@example.com",
        "link": f"https://polar.sh/dashboard/acme/customers/{ada.id}",
    }

    result = sync(typed[kind])

    assert result.exit_code == 0, result.output
    assert pipeline.names() == {"ada"}
    assert "A pass over 1 changed customer begins (polar-attio sync)." in result.stdout


def test_it_brings_several_customers_in_one_pass(pipeline: Pipeline) -> None:
    ada, bob = pipeline.add("ada"), pipeline.add("bob")
    pipeline.add("cyd")

    result = sync(ada.id, "bob@example.com", bob.id)

    assert result.exit_code == 0, result.output
    assert pipeline.names() == {"ada", "bob"}
    assert "2 customers: 2 created" in result.stdout


def test_a_customer_that_is_left_out_stays_so(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.ledger.skip(ada.id)

    result = sync(ada.id)

    assert "1 excluded" in result.stdout
    assert pipeline.writes == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere@example.com",), "The ledger knows no customer for nowhere@example.com"),
        (("Ada Lovelace",), "Ada Lovelace is not what names a customer"),
        (("ada@example.com", "--from", "2026-11-23-14:00"), "Name either customers, or hours"),
    ],
)
def test_what_names_no_customer_begins_no_pass(pipeline: Pipeline, arguments: tuple[str, ...], said: str) -> None:
    result = sync(*arguments)

    assert result.exit_code == 1
    assert said in result.stderr
    assert pipeline.ledger.newest_passes(1) == []


def test_a_customer_that_polar_cannot_be_asked_for_is_named_and_the_others_are_done(
    pipeline: Pipeline, impatient: None
) -> None:
    ada, bob = pipeline.add("ada"), pipeline.add("bob")
    sync()
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada King")
    fault = Fault(kind=Kind.STATUS, status=503, service="polar", path=f"/v1/customers/{bob.id}")
    pipeline.sandbox.faults.add(fault)

    result = sync(ada.id, bob.id)

    assert result.exit_code == 1
    assert f"Polar could not be asked for {bob.id}" in result.stderr
    assert pipeline.person("ada").name == "Ada King"


def test_the_pass_over_companies_follows_that_over_all_customers_where_the_setting_is_on(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLAR_ATTIO_COMPANIES", "true")
    add_attributes(pipeline.sandbox.attio, COMPANY_ATTRIBUTES, object_slug="companies")
    pipeline.add("ada", email="ada@acme.com")

    result = sync()

    assert result.exit_code == 0, result.output
    lines = [line.partition(" ")[2] for line in result.stdout.splitlines()]
    next_one = lines.index("The pass over companies comes next.")
    assert lines[next_one + 1] == "A pass over all companies begins (polar-attio sync)."
    assert any("1 company: 0 created, 1 updated" in line for line in lines[next_one:])
    assert lines[-1].startswith("The next pass begins when this command is run again")


def test_customers_that_were_left_out_are_named_and_are_no_failure(pipeline: Pipeline) -> None:
    team = pipeline.add("team", email=None, type="team")

    result = sync()

    assert result.exit_code == 0, result.output
    assert "1 rejected, no_email:" in result.stdout
    assert f"/customers/{team.id}" in result.stdout


def test_hours_that_are_none_are_refused(pipeline: Pipeline) -> None:
    result = sync("--from", "yesterday")

    assert result.exit_code == 1
    assert "write them like 2026-11-23-14:00" in result.stderr
    assert pipeline.sandbox.traffic.count() == 0


def test_a_failure_is_one_sentence_and_the_exit_code_1(pipeline: Pipeline, impatient: None) -> None:
    pipeline.add("ada")
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar"))

    result = sync()

    assert result.exit_code == 1
    assert "Polar" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Failed after" in result.stdout


def test_requests_are_shown_only_on_demand(pipeline: Pipeline) -> None:
    pipeline.add("ada")

    assert "Polar: GET /v1/customers/: 200 in" not in sync().stdout
    assert "DEBUG: Polar: GET /v1/customers/: 200 in" in sync("--debug").stdout


def test_what_the_package_warns_of_is_shown(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.sandbox.polar.break_customer(pipeline.add("bob").id)

    assert "WARNING: Polar cannot show 1 of its customers" in sync().stdout


def test_as_json_it_names_each_pass_with_what_became_of_its_customers(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    team = pipeline.add("team", email=None, type="team")

    result = sync("--json")

    found = json.loads(result.stdout)
    (newest,) = pipeline.ledger.newest_passes(1)
    (only,) = found["passes"]
    assert found["error"] is None
    assert only["pass"] == newest.pass_id
    assert (only["ended"], only["counts"]["created"], only["remaining"]) == ("finished", 1, 0)
    (left,) = only["left_out"]
    assert (left["reason"], left["count"]) == ("no_email", 1)
    assert left["first"][0].endswith(team.id)
    assert "A reconciliation of everything begins" in result.stderr


def test_as_json_a_failure_is_in_the_document_too(pipeline: Pipeline, impatient: None) -> None:
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar"))

    result = sync("--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["passes"][0]["ended"] == "failed"
    assert found["error"] == result.stderr.splitlines()[-1]


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_between_two_writes_and_it_says_what_it_did(
    pipeline: Pipeline, tmp_path: Path, by: signal.Signals, code: int
) -> None:
    for number in range(300):
        pipeline.add(f"customer{number}", minute=number % 60)
    program = "from polar_attio_pipeline.cli.app import app; app()"
    environment = {**os.environ, "ATTIO_WRITES_PER_SECOND": "40", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program, "sync"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        until = time.monotonic() + _STARTS_WITHIN
        while pipeline.writes < 30:
            assert time.monotonic() < until, "it does not write"
            time.sleep(0.05)
        process.send_signal(by)
        said, _ = process.communicate(timeout=30)

    counts = pipeline.ledger.counts()
    assert process.returncode == code
    assert counts[Became.CREATED] == pipeline.writes < 300, "every write that Attio took is on record"
    assert f"300 customers: {pipeline.writes} created" not in said
    assert f"{pipeline.writes} customers: {pipeline.writes} created" in said
    assert f"{300 - pipeline.writes} customers without an outcome" in said

"""`polar-attio status`: one screen, and an exit code for monitors."""

import json
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner
from typer.testing import Result as CommandResult

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline_tests.conftest import Pipeline
from polar_attio_pipeline_tests.ledger.builders import outcome


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with them, and without Dagster."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


def status(*arguments: str) -> CommandResult:
    return CliRunner().invoke(app, ["status", *arguments])


def test_after_a_reconciliation_all_is_well_in_one_screen(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.add("team", email=None, type="team")
    ada = pipeline.add("bob")
    for number in range(30):
        pipeline.add(f"customer{number}")
    pipeline.ledger.skip(ada.id)
    CliRunner().invoke(app, ["sync"])

    result = status()

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "All is well."
    assert len(lines) <= 24
    assert all(len(line) <= 80 for line in lines if "/" not in line)
    assert "Customers  31 in Attio, 1 not in Attio or out of date" in result.stdout
    assert "- 1 rejected, no_email, such as" in result.stdout
    assert "1 left out by polar-attio skip" in result.stdout
    assert "reconciliation finished: " in result.stdout
    assert "Hours      not known: DAGSTER_HOME names no instance" in result.stdout


def test_customers_in_attio_without_a_value_are_one_line_whatever_became_of_them_last(pipeline: Pipeline) -> None:
    results = [*[Result.UNCHANGED] * 3, *[Result.CREATED] * 2]
    given = [outcome(f"c{number}", result, reason=Reason.LEFT_EMPTY) for number, result in enumerate(results)]
    pipeline.ledger.record(given, pass_id="p1")

    lines = [line.strip() for line in status("--offline").stdout.splitlines() if "without a value" in line]

    assert lines == ["- 5 in Attio without a value, left_empty, such as c0"]


def test_without_a_reconciliation_it_is_not_well_and_exits_with_1(pipeline: Pipeline) -> None:
    result = status()

    assert result.exit_code == 1
    assert "- No reconciliation has finished yet" in result.stdout
    assert not pipeline.database.exists()


def test_a_service_that_cannot_be_used_is_no_matter_where_it_is_not_asked(pipeline: Pipeline, impatient: None) -> None:
    CliRunner().invoke(app, ["sync"])
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="attio"))

    asked, offline = status(), status("--offline")

    assert asked.exit_code == 1
    assert "Attio cannot be used" in asked.stdout
    assert offline.exit_code == 0, offline.output
    assert "Services   not asked" in offline.stdout


def test_a_ledger_that_cannot_be_used_is_an_exit_code_of_its_own(pipeline: Pipeline) -> None:
    pipeline.database.parent.mkdir(parents=True)
    pipeline.database.write_text("no database")

    result = status("--offline")

    assert result.exit_code == 3
    assert "ledger" in result.stderr.lower()


def test_of_a_long_error_the_beginning_and_the_end_are_shown_and_json_has_all_of_it(pipeline: Pipeline) -> None:
    CliRunner().invoke(app, ["sync"])
    examples = "\n".join(f"- https://polar.sh/dashboard/acme/customers/{number:036}" for number in range(50))
    error = f"It would change 50 people. Such as:\n{examples}\nRun `polar-attio approve many-changes`."
    pipeline.ledger.begin_pass("p1", kind="reconciliation", reason="test")
    pipeline.ledger.end_pass("p1", ended=error, counts={}, requests=1)

    result = status("--offline")

    text = " ".join(result.stdout.split())
    assert "failed: It would change 50 people. Such as: - https://polar.sh/" in text
    assert "Run `polar-attio approve many-changes`." in text
    assert len(result.stdout.splitlines()) <= 24
    assert error in json.loads(status("--offline", "--json").stdout)["problems"][0]


def test_as_json_it_has_everything_a_monitor_may_ask(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    CliRunner().invoke(app, ["sync"])

    found = json.loads(status("--json").stdout)

    assert found["healthy"] is True
    assert found["customers"]["created"] == 1
    assert [one["problem"] for one in found["services"]] == [None, None]
    assert found["passes"][0]["kind"] == "reconciliation"
    assert found["hours"] is None


def test_with_an_instance_of_dagster_it_says_which_hours_are_missing_and_what_comes_next(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("POLAR_ATTIO_START_DATE", f"{pipeline.here:%Y-%m-%d}")
    with dg.DagsterInstance.get() as instance:
        event = dg.AssetMaterialization("attio_people", partition=key(pipeline.here))
        instance.report_runless_asset_event(event)

    hours = json.loads(status("--offline", "--json").stdout)["hours"]

    assert key(pipeline.here) not in hours["missing"]
    assert key(pipeline.here + HOUR) in hours["missing"]
    assert hours["start"] == f"{pipeline.here:%Y-%m-%d}-00:00"
    assert "Hours that ended long ago were never synced" in " ".join(status("--offline").stdout.split())
    assert "Next       hourly pass 20" in status("--offline").stdout


@pytest.mark.parametrize("home", ["/nowhere/at/all", "relative"])
def test_an_instance_of_dagster_that_cannot_be_read_is_named_and_the_rest_is_shown(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    CliRunner().invoke(app, ["sync"])
    monkeypatch.setenv("DAGSTER_HOME", home)
    monkeypatch.setenv("POLAR_ATTIO_START_DATE", f"{pipeline.here:%Y-%m-%d}")

    result = status("--offline")

    assert result.exit_code == 1
    assert "The instance of Dagster in DAGSTER_HOME cannot be read" in " ".join(result.stdout.split())
    assert "reconciliation finished" in result.stdout

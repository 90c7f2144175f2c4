"""`polar-attio plan --out` and `polar-attio apply`: a plan is kept, and exactly that is written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.hours import key
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.conftest import Pipeline

_STARTS_WITHIN = 60


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "a plan.json")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def planned(file: str, *arguments: str) -> Result:
    result = run("plan", "--out", file, *arguments)
    assert result.exit_code == 0, result.output
    return result


def test_a_plan_that_is_kept_is_shown_too_and_says_how_to_write_it(pipeline: Pipeline, file: str) -> None:
    pipeline.add("ada")

    shown = planned(file).stdout

    assert shown.startswith("1 customer, 1 to create,")
    assert f"To write exactly this: polar-attio apply '{file}'" in shown
    assert pipeline.writes == 0
    assert not pipeline.database.exists()


def test_a_file_that_exists_is_refused_before_anything_is_read(pipeline: Pipeline, file: str) -> None:
    Path(file).write_text("mine")

    result = run("plan", "--out", file)

    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert pipeline.sandbox.traffic.count() == 0
    assert run("plan", "--out", file, "--force").exit_code == 0


def test_what_was_planned_for_some_hours_is_written_and_nothing_else(pipeline: Pipeline, file: str) -> None:
    pipeline.add("ada")
    pipeline.add("later", hour=1)
    planned(file, "--from", key(pipeline.here))

    result = run("apply", file)

    assert result.exit_code == 0, result.output
    assert pipeline.names() == {"ada"}
    assert "1 customer: 1 created" in result.stdout
    assert result.stdout.splitlines()[-1] == "All of the plan is in Attio."


def test_who_has_drifted_is_named_with_the_attributes_and_the_exit_code_is_2(pipeline: Pipeline, file: str) -> None:
    ada, _ = pipeline.add("ada"), pipeline.add("bob")
    planned(file)
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada King")

    result = run("apply", file)

    assert result.exit_code == 2, result.output
    assert pipeline.names() == {"bob"}
    said = " ".join(result.stdout.split())
    assert "Not written as the plan says, 1:" in said
    assert f"{ada.id}: name: Polar says something else now." in said
    assert "King" not in said
    assert all(len(line) <= 80 for line in result.stdout.partition("\n\n")[2].splitlines())


def test_as_json_everything_is_one_document(pipeline: Pipeline, file: str) -> None:
    ada, bob = pipeline.add("ada"), pipeline.add("bob")
    planned(file)
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada King")

    result = run("apply", file, "--json", "--only", ada.id, "--only", bob.id)

    assert result.exit_code == 2
    told: dict[str, Any] = json.loads(result.stdout)
    assert (told["counts"]["created"], told["counts"]["drifted"]) == (1, 1)
    assert told["plan"]["sha256"] == json.loads(Path(file).read_text())["sha256"]
    (drift,) = told["drifted"]
    assert (drift["customer"], drift["attributes"]) == (ada.id, {"name": "Polar says something else now"})
    assert "begins (polar-attio apply: the plan of" in result.stderr


def test_some_customers_alone_can_be_written(pipeline: Pipeline, file: str) -> None:
    ada, _ = pipeline.add("ada"), pipeline.add("bob")
    planned(file)

    assert run("apply", file, "--only", ada.id).exit_code == 0

    assert pipeline.names() == {"ada"}


def test_a_plan_that_was_edited_is_refused_in_a_sentence(pipeline: Pipeline, file: str) -> None:
    pipeline.add("ada")
    planned(file)
    Path(file).write_text(Path(file).read_text().replace("Ada", "Eve"))

    result = run("apply", file)

    assert result.exit_code == 1
    assert "edited or damaged" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert pipeline.writes == 0


def test_a_failure_is_one_sentence_and_the_exit_code_1(pipeline: Pipeline, file: str, impatient: None) -> None:
    pipeline.add("ada")
    planned(file)
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar"))

    result = run("apply", file)

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_people_of_deleted_customers_are_in_the_plan_and_written(pipeline: Pipeline, file: str) -> None:
    customers = [pipeline.add(f"customer{number}") for number in range(12)]
    pipeline.sync()
    pipeline.sandbox.polar.delete_customer(customers[0].id)

    shown = " ".join(planned(file).stdout.split())
    told = json.loads(run("plan", "--json").stdout)
    result = run("apply", file)

    assert "1 person to update whose customer was deleted in Polar." in shown
    assert told["deleted"] == 1
    notes = {change["note"] for change in told["changes"] if change["customer"] == customers[0].id}
    assert notes == {"the customer was deleted in Polar"}
    assert result.exit_code == 0, result.output
    assert "People whose customer was deleted in Polar: 1 updated, 0 left out" in result.stdout
    assert pipeline.person("customer0").values["polar_status"] == "Deleted"


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130)])
def test_ctrl_c_ends_it_between_two_writes_and_again_writes_the_rest(
    pipeline: Pipeline, file: str, by: signal.Signals, code: int
) -> None:
    for number in range(200):
        pipeline.add(f"customer{number}", minute=number % 60)
    planned(file)
    program = "from polar_attio_pipeline.cli.app import app; app()"
    environment = {**os.environ, "ATTIO_WRITES_PER_SECOND": "40", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program, "apply", file], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        until = time.monotonic() + _STARTS_WITHIN
        while pipeline.writes < 30:
            assert time.monotonic() < until, "it does not write"
            time.sleep(0.05)
        process.send_signal(by)
        said, _ = process.communicate(timeout=30)

    written = pipeline.writes
    assert process.returncode == code
    assert 30 <= written < 200
    assert "Apply the same file again: it writes the rest, and nothing twice." in said
    assert run("apply", file).exit_code == 0
    assert pipeline.writes == 200

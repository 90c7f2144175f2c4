"""`polar-attio undo`: passes are listed, what would happen is shown first, and nothing is written without a yes."""

import json
import re
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli import asking
from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.conftest import Pipeline
from polar_attio_pipeline_tests.passes.undoing import living_in


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None) -> None:
    """Every test runs with them."""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sits there."""
    monkeypatch.setattr(asking, "is_terminal", lambda: True)


def polar_attio(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer)


def sync_known(pipeline: Pipeline, *names: str, **fields: Any) -> str:
    """Sync customers whose people a person has typed in before; return the id of the pass."""
    for name in names:
        pipeline.sandbox.attio.add_person(emails=[f"{name}@example.com"], name=f"{name.title()} Example")
        pipeline.add(name, **fields)
    assert polar_attio("sync").exit_code == 0
    return pipeline.ledger.newest_passes(1)[0].pass_id


def is_marked(pipeline: Pipeline, name: str) -> bool:
    return pipeline.person(name).values.get("polar_customer") is True


def test_without_a_pass_the_newest_ones_are_listed_with_what_they_wrote(pipeline: Pipeline) -> None:
    assert polar_attio("undo").stdout == "No pass that has written something to Attio is on record.\n"
    name = sync_known(pipeline, "ada")
    values = pipeline.ledger.newest_passes(1)[0].values

    listed = polar_attio("undo")

    assert polar_attio("sync").exit_code == 0, "which writes nothing, and is not listed"
    assert polar_attio("undo").stdout == listed.stdout
    assert listed.exit_code == 0
    assert f"reconciliation, {values} values written, finished" in listed.stdout
    assert f"  {name}\n  polar-attio sync; 1 updated\n" in listed.stdout
    (row,) = json.loads(polar_attio("undo", "--json").stdout)
    assert (row["id"], row["values"], row["counts"]["updated"]) == (name, values, 1)


def test_it_shows_what_would_happen_and_asks(pipeline: Pipeline, terminal: None) -> None:
    name = sync_known(pipeline, "ada", **living_in("DE"))

    result = polar_attio("undo", name[:8], answer="y\n")

    assert result.exit_code == 0, result.output
    assert f"Pass {name} wrote" in result.stdout
    assert re.search(r"^  polar_country +1  DE -> nothing$", result.stdout, re.MULTILINE)
    assert "The next pass writes again what Polar says" in result.stdout
    undone = pipeline.ledger.newest_passes(1)[0]
    assert f"To take this undo back: polar-attio undo {undone.pass_id}" in result.stdout
    assert not is_marked(pipeline, "ada")


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_without_a_yes_nothing_is_written(pipeline: Pipeline, terminal: None, answer: str) -> None:
    name = sync_known(pipeline, "ada")
    writes = pipeline.writes

    result = polar_attio("undo", name, answer=answer)

    assert result.exit_code == 1
    assert "Nothing was written." in result.stderr
    assert pipeline.writes == writes
    assert is_marked(pipeline, "ada")


def test_where_nobody_can_be_asked_nothing_is_written(pipeline: Pipeline) -> None:
    name = sync_known(pipeline, "ada")
    writes = pipeline.writes

    result = polar_attio("undo", name)

    assert result.exit_code == 1
    assert "--yes" in result.stderr
    assert pipeline.writes == writes


def test_a_dry_run_shows_it_and_writes_nothing(pipeline: Pipeline) -> None:
    name = sync_known(pipeline, "ada")
    writes = pipeline.writes

    result = polar_attio("undo", name, "--dry-run")

    assert result.exit_code == 0
    assert "Cleared," in result.stdout
    assert pipeline.writes == writes
    assert pipeline.ledger.newest_passes(1)[0].pass_id == name


def test_of_a_pass_without_an_end_it_says_that_it_may_still_be_under_way(pipeline: Pipeline) -> None:
    name = sync_known(pipeline, "ada")
    assert "no end on record" not in polar_attio("undo", name, "--dry-run").stdout
    pipeline.ledger.begin_pass(name, kind="reconciliation", reason="killed")

    assert "It has no end on record" in polar_attio("undo", name, "--dry-run").stdout


def test_no_line_is_wider_than_a_terminal(pipeline: Pipeline) -> None:
    name = sync_known(pipeline, *(f"customer{number}" for number in range(7)), **living_in("DE"))
    pipeline.sandbox.attio.edit_person(pipeline.person("customer1").id, {"polar_country": "typed"})

    for arguments in (["undo"], ["undo", name, "--dry-run"]):
        lines = polar_attio(*arguments).stdout.splitlines()
        assert [line for line in lines if len(line) > 80 and "http" not in line] == []


def test_scripts_undo_without_a_question_and_read_json(pipeline: Pipeline) -> None:
    name = sync_known(pipeline, "ada", "bob", **living_in("DE"))
    pipeline.sandbox.attio.edit_person(pipeline.person("bob").id, {"polar_country": "typed"})

    result = polar_attio("undo", name, "--yes", "--json")

    assert result.exit_code == 2, "something stays as it is"
    said = json.loads(result.stdout)
    left = [value for value in said["values"] if value["verdict"] == "changed since"]
    assert (said["pass"]["id"], said["dry_run"], said["left"]) == (name, False, 1)
    assert [(one["attribute"], one["held"], one["held_by"]) for one in left] == [
        ("polar_country", "typed", "workspace-member")
    ]
    assert said["undo"] == pipeline.ledger.newest_passes(1)[0].pass_id
    assert "Finished after" in result.stderr


def test_json_asks_for_a_decision_before_anything_is_done(pipeline: Pipeline) -> None:
    result = polar_attio("undo", "any", "--json")

    assert result.exit_code == 1
    assert "--dry-run" in result.stderr
    assert pipeline.sandbox.traffic.count() == 0


def test_people_whom_the_pass_made_are_named_and_the_exit_code_says_so(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    polar_attio("sync")
    name = pipeline.ledger.newest_passes(1)[0].pass_id

    shown = polar_attio("undo", name, "--dry-run")
    cleared = polar_attio("undo", name, "--clear-created", "--yes")

    assert shown.exit_code == 2
    assert "Created by the pass, not deleted, 1" in shown.stdout
    assert "There is nothing to put back." in shown.stdout
    assert cleared.exit_code == 0, cleared.output
    assert not is_marked(pipeline, "ada")


def test_parts_of_a_pass_are_named_by_options(pipeline: Pipeline) -> None:
    name = sync_known(pipeline, "ada", "bob", **living_in("DE"))
    ada = pipeline.sandbox.polar.by_email("ada@example.com")
    assert ada

    result = polar_attio("undo", name, "--customer", ada.id, "--attribute", "polar_country", "--yes")

    assert result.exit_code == 0, result.output
    assert pipeline.person("ada").values.get("polar_country") is None
    assert pipeline.person("bob").values.get("polar_country") == "DE"
    assert is_marked(pipeline, "ada")


def test_an_undo_of_a_pass_of_an_unknown_name_is_one_sentence(pipeline: Pipeline) -> None:
    result = polar_attio("undo", "nothing", "--dry-run")

    assert result.exit_code == 1
    assert result.stderr.startswith("No pass on record has the id nothing")


def test_a_failure_is_one_sentence_and_the_exit_code_1(pipeline: Pipeline, impatient: None) -> None:
    name = sync_known(pipeline, "ada")
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="attio", method="PATCH"))
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="attio", path="/v2/self", skip=1))

    result = polar_attio("undo", name, "--yes")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "Run the same command again" in result.stdout

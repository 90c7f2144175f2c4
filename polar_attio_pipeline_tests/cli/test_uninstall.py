"""`polar-attio uninstall`: shown first, asked, done, and what remains is said."""

import json

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli import asking
from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline_tests.conftest import Pipeline
from polar_attio_pipeline_tests.passes.undoing import living_in, workspace


@pytest.fixture(autouse=True)
def synced(pipeline: Pipeline, pipeline_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One person who was known and one whom the sync created; a person sits at the terminal."""
    monkeypatch.setattr(asking, "is_terminal", lambda: True)
    pipeline.sandbox.attio.add_person(emails=["ada@example.com"], name="Ada Example")
    pipeline.add("ada", **living_in("DE"))
    pipeline.add("bob")
    assert run("sync").exit_code == 0


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer)


def said(result: Result) -> str:
    return " ".join(result.stdout.split())


def ours(pipeline: Pipeline) -> set[str]:
    return {key for one in pipeline.sandbox.attio.people() for key in one.values if key.startswith("polar_")}


def test_it_shows_what_would_go_asks_does_it_and_says_what_remains(pipeline: Pipeline) -> None:
    result = run("uninstall", answer="y\n")

    assert result.exit_code == 0, result.output
    assert ours(pipeline) == set()
    assert "Created by the sync, not deleted, 1" in said(result)
    assert pipeline.person("bob").url in result.stdout
    assert "Stop Dagster and cron first" in said(result)
    assert "In Polar nothing" in said(result)
    assert f"To take this back: polar-attio undo {pipeline.ledger.newest_passes(1)[0].pass_id}" in said(result)


def test_a_dry_run_writes_nothing(pipeline: Pipeline) -> None:
    full = workspace(pipeline.sandbox.attio)

    result = run("uninstall", "--dry-run")

    assert result.exit_code == 0, result.output
    assert workspace(pipeline.sandbox.attio) == full


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_without_a_yes_nothing_is_written(pipeline: Pipeline, answer: str) -> None:
    full = workspace(pipeline.sandbox.attio)

    result = run("uninstall", answer=answer)

    assert result.exit_code == 1
    assert "Nothing was written." in result.stderr
    assert workspace(pipeline.sandbox.attio) == full


def test_scripts_read_json_and_what_stays_makes_the_exit_code_2(pipeline: Pipeline) -> None:
    pipeline.sandbox.attio.edit_person(pipeline.person("ada").id, {"polar_country": "typed"})
    assert run("uninstall", "--json").exit_code == 1

    result = run("uninstall", "--yes", "--json")

    assert result.exit_code == 2, result.output
    document = json.loads(result.stdout)
    assert (document["dry_run"], document["left"], document["marked_without_history"]) == (False, 1, 0)
    left = [one for one in document["values"] if one["verdict"] == "changed since"]
    assert [(one["attribute"], one["held"], one["held_by"]) for one in left] == [
        ("polar_country", "typed", "workspace-member")
    ]
    assert document["pass"] == pipeline.ledger.newest_passes(1)[0].pass_id


def test_a_sync_afterwards_is_refused_and_approved_it_brings_everything_again(pipeline: Pipeline) -> None:
    run("uninstall", "--yes")

    refused = run("sync")
    approved = run("approve", "reinstall")

    assert refused.exit_code == 1
    assert "polar-attio approve reinstall" in refused.stderr
    assert approved.exit_code == 0
    assert run("sync").exit_code == 0
    assert "polar_customer_id" in ours(pipeline)


def test_archived_attributes_are_named_and_the_way_back_is_set_up_then_undo(pipeline: Pipeline) -> None:
    full = workspace(pipeline.sandbox.attio)

    shown, done = (
        run("uninstall", "--dry-run", "--archive-attributes"),
        run("uninstall", "--yes", "--archive-attributes"),
    )

    assert "Would be archived: " in said(shown)
    assert done.exit_code == 0, done.output
    assert "polar_customer of people" in said(done)
    assert "To take this back: `polar-attio setup`, then polar-attio undo" in said(done)
    again = run("uninstall", "--dry-run")
    assert again.exit_code == 1
    assert "is archived: run `polar-attio setup`" in again.stderr
    assert run("setup").exit_code == 0
    assert run("undo", pipeline.ledger.newest_passes(1)[0].pass_id, "--yes").exit_code == 0
    assert workspace(pipeline.sandbox.attio) == full
    writes = pipeline.writes
    assert run("sync").exit_code == 0
    assert pipeline.writes == writes


def test_no_line_is_wider_than_a_terminal(pipeline: Pipeline) -> None:
    for arguments in (["--dry-run"], ["--yes"]):
        lines = run("uninstall", *arguments).stdout.splitlines()
        assert [line for line in lines if len(line) > 80 and "/" not in line and line[2:3] != ":"] == []

"""`polar-attio restore`: what would be lost is said first, and a backup of somebody else is refused."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli import asking
from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN
from polar_attio_pipeline_tests.conftest import Pipeline

BACKUP = "backup.db"


@pytest.fixture(autouse=True)
def lost(pipeline: Pipeline, pipeline_settings: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A backup with ada, and a later pass that brought bob; a person sits at the terminal."""
    monkeypatch.setattr(asking, "is_terminal", lambda: True)
    pipeline.add("ada")
    assert run("sync").exit_code == 0
    assert run("backup", BACKUP).exit_code == 0
    pipeline.add("bob")
    assert run("sync").exit_code == 0
    return pipeline.ledger.newest_passes(1)[0].pass_id


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=answer)


def said(result: Result) -> str:
    return " ".join(result.stdout.split())


def test_it_says_what_would_be_lost_asks_and_says_what_comes_next(pipeline: Pipeline, lost: str) -> None:
    values = len(pipeline.ledger.changes_of_pass(lost))

    result = run("restore", BACKUP, answer="y\n")

    assert result.exit_code == 0, result.output
    assert f"Newer than the backup are 1 pass and {values} written values of the ledger" in said(result)
    assert "launch full_reconciliation, or run `polar-attio sync`" in said(result)
    assert pipeline.ledger.changes_of_pass(lost) == []
    (kept,) = pipeline.database.parent.glob("ledger.db.before-restore-*")
    assert kept.name in result.stdout.replace("\n", "")
    assert len(Ledger(kept).changes_of_pass(lost)) == values
    writes = pipeline.writes
    assert run("sync").exit_code == 0
    assert (pipeline.writes, len(pipeline.sandbox.attio.people())) == (writes, 2)


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_without_a_yes_nothing_is_changed(pipeline: Pipeline, lost: str, answer: str) -> None:
    result = run("restore", BACKUP, answer=answer)

    assert result.exit_code == 1
    assert "Nothing was changed." in result.stderr
    assert pipeline.ledger.changes_of_pass(lost)


def test_scripts_say_yes_before_and_read_json(pipeline: Pipeline, lost: str) -> None:
    assert run("restore", BACKUP, "--json").exit_code == 1

    result = run("restore", BACKUP, "--yes", "--json")

    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["lost_passes"], document["backup"]["customers"], document["not_asked"]) == (1, 1, [])
    assert Path(document["kept"]).exists()
    assert pipeline.ledger.changes_of_pass(lost) == []


def test_a_backup_of_another_organization_than_the_token_is_refused(
    pipeline: Pipeline, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.sandbox.polar.add_organization().add_customer(email="other@example.com")
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", OTHER_POLAR_TOKEN)

    result = run("restore", BACKUP, "--yes")

    assert result.exit_code == 1
    assert "The backup belongs to the Polar organization" in result.stderr
    assert pipeline.ledger.changes_of_pass(lost)


def test_without_tokens_and_without_services_it_is_restored_all_the_same(
    pipeline: Pipeline, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="attio"))
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "")

    result = run("restore", BACKUP, "--yes")

    assert result.exit_code == 0, result.output
    assert "Whether the backup belongs to this token was not asked" in said(result)
    assert pipeline.ledger.changes_of_pass(lost) == []


def test_a_damaged_ledger_is_moved_aside_and_that_nobody_may_be_at_work_is_said(pipeline: Pipeline) -> None:
    pipeline.database.write_bytes(b"\xff" * 9000)

    result = run("restore", BACKUP, "--yes")

    assert result.exit_code == 0, result.output
    assert "damaged, or no SQLite database. It is moved aside." in said(result)
    assert "stop Dagster and cron before" in said(result)
    assert len(pipeline.ledger.of_customers(list(pipeline.sandbox.polar.customers))) == 1


def test_a_file_that_is_no_backup_is_one_sentence(pipeline: Pipeline, lost: str) -> None:
    Path("text.db").write_text("no backup" * 100)

    for name, why in (("text.db", "is damaged, or no SQLite database"), ("none.db", "is not there: no such file")):
        result = run("restore", name, "--yes")
        assert result.exit_code == 1
        assert result.stderr.startswith(f"The backup {name} {why}")
    assert pipeline.ledger.changes_of_pass(lost)


def test_of_a_ledger_in_postgres_it_prints_the_command_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", "postgresql://me:s3cr3t@db.example.com/ledger")

    result = run("restore", "ledger.dump", "--yes")

    assert result.exit_code == 2
    assert "--dbname=postgresql://me@db.example.com/ledger ledger.dump\n" in result.stdout
    assert "s3cr3t" not in result.output

"""A ledger that moves: from SQLite to Postgres and back, and out of a backup."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.ledger.copying import CopyStoppedError, copy_ledger, places
from polar_attio_pipeline.passes.guards import ORGANIZATION_FACT
from polar_attio_pipeline.sync.outcomes import Result as Became
from polar_attio_pipeline_tests.faults.crash_points import NewDatabase
from polar_attio_pipeline_tests.passes.stage import Stage
from polar_attio_pipeline_tests.postgres import page
from polar_attio_pipeline_tests.replay import check_history


@pytest.fixture
def stage(tmp_path: Path, clean_environment: None) -> Stage:
    """A book that was brought to Attio, with a ledger in SQLite."""
    stage = Stage(tmp_path)
    stage.add_many(20)
    stage.add("nameless", email=None, type="team")
    stage.reconcile()
    stage.ledger.skip(stage.add("left-out").id, why="a competitor")
    return stage


def copy(source: str, target: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", target)
    return CliRunner().invoke(app, ["copy-ledger", source])


def on_record(ledger: Ledger) -> tuple[object, ...]:
    """What a ledger has, as it gives it back."""
    return (
        ledger.counts(),
        ledger.unresolved(limit=None),
        ledger.all_changes(),
        ledger.newest_passes(10),
        ledger.skipped_rows(),
        ledger.fact(ORGANIZATION_FACT),
    )


def test_a_copy_has_all_that_is_on_record_and_passes_go_on_there(
    stage: Stage, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, back = new_database(), str(tmp_path / "back.db")
    before = on_record(stage.ledger)

    result = copy(str(tmp_path / "ledger.db"), database, monkeypatch)

    assert result.exit_code == 0, result.output
    assert "rows from" in result.stdout
    stage.ledger = Ledger(database)
    assert on_record(stage.ledger) == before
    writes = stage.writes
    stage.reconcile()
    assert stage.writes == writes
    stage.add("later")
    stage.reconcile()
    check_history(stage.sandbox.attio, stage.ledger.all_changes())
    assert stage.ledger.lease_holder().owner is None

    assert copy(database, back, monkeypatch).exit_code == 0
    assert on_record(Ledger(back)) == on_record(stage.ledger)


def test_nothing_is_copied_into_a_ledger_that_is_in_use(
    stage: Stage, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_database()
    ledger = Ledger(database)
    ledger.begin_pass("p1", kind="hourly", reason="test")

    result = copy(str(tmp_path / "ledger.db"), database, monkeypatch)

    assert result.exit_code == 1
    assert "has rows of its own (in passes), and nothing is mixed with them: name a new database" in result.stderr
    assert ledger.all_changes() == []


def test_a_copy_that_is_asked_to_end_leaves_nothing(stage: Stage, new_database: NewDatabase, tmp_path: Path) -> None:
    database = new_database()
    asked = iter([False, False])

    with pytest.raises(CopyStoppedError):
        copy_ledger(*places(str(tmp_path / "ledger.db"), database), patience=5, is_stopping=lambda: next(asked, True))

    assert next(asked, None) is None
    assert Ledger(database).counts()[Became.CREATED] == 0


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("nowhere.db", "There is no ledger nowhere.db: name the file"), ("new.db", "cannot be copied into itself")],
)
def test_a_source_that_is_none_is_said_to_be_so(
    clean_environment: None, monkeypatch: pytest.MonkeyPatch, source: str, sentence: str
) -> None:
    result = copy(source, "new.db", monkeypatch)

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert not Path("nowhere.db").exists()


def test_a_backup_by_pg_dump_brings_all_back_and_the_next_pass_doubles_nobody(
    stage: Stage, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_database()
    copy(str(tmp_path / "ledger.db"), database, monkeypatch)
    stage.ledger = Ledger(database)
    dump, restore = page.command("pg_dump"), page.command("pg_restore")
    environment = {"PATH": "/usr/bin:/bin", "POLAR_ATTIO_DATABASE_URL": database.replace("+psycopg", "")}
    before = on_record(stage.ledger)

    subprocess.run(dump, shell=True, cwd=tmp_path, env=environment, check=True)
    stage.add("later")
    stage.reconcile()
    people = stage.sandbox.attio.people_count()
    subprocess.run(restore, shell=True, cwd=tmp_path, env=environment, check=True)

    assert on_record(stage.ledger) == before
    stage.reconcile()
    assert stage.sandbox.attio.people_count() == people

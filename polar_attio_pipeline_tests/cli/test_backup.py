"""`polar-attio backup`: one file, or the newest of a folder, and never in place of something else."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline_tests.ledger.builders import carry_out, outcome, write


@pytest.fixture(autouse=True)
def ledger(clean_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger of the settings, with a customer and a value; no token is needed."""
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", str(tmp_path / "state" / "ledger.db"))
    ledger = Ledger(tmp_path / "state" / "ledger.db")
    ledger.begin_pass("p1", kind="hourly", reason="test")
    with ledger.recording("p1") as recorder:
        carry_out(recorder, write("ada"))
        recorder.record([outcome("ada")])
    return ledger


def backup(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["backup", *arguments])


def test_it_says_where_the_backup_is_and_what_it_holds(ledger: Ledger) -> None:
    result = backup("copy.db")

    assert result.exit_code == 0, result.output
    assert "copy.db: 1 customer, 1 written value, 1 pass " in " ".join(result.stdout.split())
    assert Ledger(Path("copy.db")).all_changes() == ledger.all_changes()


def test_with_json_it_says_the_same_to_programs() -> None:
    said = json.loads(backup("copy.db", "--json").stdout)

    assert said["newest_pass"]
    assert (said["file"], said["customers"], said["values"], said["passes"]) == ("copy.db", 1, 1, 1)
    assert said["bytes"] == Path("copy.db").stat().st_size


def test_a_file_that_exists_is_written_over_only_on_demand(ledger: Ledger) -> None:
    Path("copy.db").write_text("something else")

    refused = backup("copy.db")

    assert (refused.exit_code, Path("copy.db").read_text()) == (1, "something else")
    assert "--force" in refused.stderr
    assert backup("copy.db", "--force").exit_code == 0
    assert Ledger(Path("copy.db")).all_changes() == ledger.all_changes()


def test_the_ledger_itself_is_never_the_target(ledger: Ledger) -> None:
    refused = backup("state/ledger.db", "--force")

    assert refused.exit_code == 1
    assert "is the ledger itself" in refused.stderr


def test_a_folder_gets_a_file_with_the_time_in_its_name() -> None:
    Path("backups").mkdir()

    assert backup("backups").exit_code == 0

    (made,) = Path("backups").iterdir()
    assert made.name.startswith("ledger-20")


def test_of_a_folder_for_cron_the_newest_stay() -> None:
    Path("backups").mkdir()
    for day in ("01", "02", "03"):
        Path(f"backups/ledger-202611{day}T030000Z.db").touch()

    result = backup("backups", "--keep", "2")

    assert result.exit_code == 0, result.output
    names = sorted(file.name for file in Path("backups").iterdir())
    assert len(names) == 2
    assert names[0] == "ledger-20261103T030000Z.db"
    assert "Deleted 2 older: ledger-20261101T030000Z.db, ledger-20261102T030000Z.db." in " ".join(result.stdout.split())


def test_where_the_backup_fails_no_older_one_is_deleted(ledger: Ledger) -> None:
    Path("backups").mkdir()
    Path("backups/ledger-20261101T030000Z.db").touch()
    Path("state/ledger.db").write_bytes(b"\xff" * 9000)

    result = backup("backups", "--keep", "1")

    assert result.exit_code == 1
    assert "damaged" in result.stderr
    assert [file.name for file in Path("backups").iterdir()] == ["ledger-20261101T030000Z.db"]


def test_a_folder_that_is_missing_is_made_for_its_user_alone() -> None:
    assert backup("deep/er", "--keep", "3").exit_code == 0

    assert Path("deep/er").stat().st_mode & 0o777 == 0o700


def test_of_a_ledger_in_postgres_it_prints_the_command_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_DATABASE_URL", "postgresql://me:s3cr3t@db.example.com/ledger")

    printed, document = backup("copy.dump"), backup("folder", "--keep", "3", "--json")

    assert (printed.exit_code, document.exit_code) == (2, 2)
    assert "nothing was copied" in printed.stdout
    assert "--file=copy.dump postgresql://me@db.example.com/ledger\n" in printed.stdout
    assert "--file=folder/polar_attio.dump" in json.loads(document.stdout)["command"]
    assert "s3cr3t" not in printed.output + document.output

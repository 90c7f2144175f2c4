"""A copy of a SQLite ledger: whole, checked, private, while others write; or none at all."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from polar_attio_pipeline.ledger import Ledger, LedgerError, backup
from polar_attio_pipeline.ledger.backup import copy, examine
from polar_attio_pipeline.ledger.contents import Contents
from polar_attio_pipeline.ledger.errors import DamagedError, NewerError, NoLedgerError
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.ledger.builders import carry_out, outcome, write


def fill(file: Path, *names: str) -> None:
    """Let a pass write something for customers."""
    ledger = Ledger(file)
    ledger.begin_pass("p1", kind="hourly", reason="test")
    with ledger.recording("p1") as recorder:
        for name in names:
            carry_out(recorder, write(name))
        recorder.record([outcome(name) for name in names])
    ledger.close()


def copied(file: Path, target: Path) -> Contents:
    return copy(locate(file), target, patience=1)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_copy_holds_everything_in_one_file_that_only_its_user_can_read(file: Path, tmp_path: Path) -> None:
    fill(file, "ada", "bob")
    target = tmp_path / "backups" / "copy.db"

    found = copied(file, target)

    assert (found.customers, found.passes, found.values) == (2, 1, len(Ledger(file).all_changes()))
    assert Ledger(target).all_changes() == Ledger(file).all_changes()
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.parent.stat().st_mode & 0o777 == 0o700
    assert examine(target, name="It") == found


def test_nothing_lies_beside_the_copy_afterwards(file: Path, tmp_path: Path) -> None:
    fill(file, "ada")
    (tmp_path / "backups").mkdir()

    copied(file, tmp_path / "backups" / "copy.db")

    assert files(tmp_path / "backups") == {"copy.db"}


WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("DELETE FROM outcomes")
print(flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


def test_a_pass_that_writes_meanwhile_is_not_waited_for_and_its_transaction_is_not_in_the_copy(
    file: Path, tmp_path: Path
) -> None:
    fill(file, "ada")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        found = copied(file, tmp_path / "copy.db")
        process.stdin.write("\n")

    assert found.customers == 1
    assert Ledger(file).counts()[Result.CREATED] == 0


def test_what_is_still_in_the_wal_file_is_in_the_copy(file: Path, tmp_path: Path) -> None:
    fill(file, "ada")
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM outcomes").fetchall()
        fill_more = Ledger(file)
        fill_more.record([outcome("bob")], pass_id="p1")
        assert file.with_name("ledger.db-wal").stat().st_size

        assert copied(file, tmp_path / "copy.db").customers == 2


def test_without_a_ledger_it_says_so_and_makes_neither_file(file: Path, tmp_path: Path) -> None:
    with pytest.raises(NoLedgerError, match=r"There is no ledger .*ledger\.db yet"):
        copied(file, tmp_path / "copy.db")

    assert not file.exists()
    assert not (tmp_path / "copy.db").exists()


def test_a_damaged_ledger_is_not_copied_over_a_good_backup(file: Path, tmp_path: Path) -> None:
    Ledger(file).record([outcome(f"c{number}") for number in range(200)], pass_id="p1")
    target = tmp_path / "copy.db"
    copied(file, target)
    good = target.read_bytes()
    with file.open("r+b") as damaged:
        damaged.seek(4096 * 3)
        damaged.write(b"\xff" * 4096 * 4)

    with pytest.raises(LedgerError, match=r"ledger\.db, as it was copied, is damaged"):
        copied(file, target)

    assert target.read_bytes() == good
    assert files(tmp_path) == {"copy.db", "state"}


def test_it_is_the_copy_that_is_checked(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(file, "ada")
    monkeypatch.setattr(backup, "_transfer", lambda *_, **__: None)

    with pytest.raises(DamagedError, match="as it was copied, is empty"):
        copied(file, tmp_path / "copy.db")


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"not a database" * 1000, DamagedError, "damaged, or no SQLite database"),
        (None, NoLedgerError, "no such file"),
    ],
)
def test_a_file_that_is_no_backup_is_said_to_be_so(
    tmp_path: Path, content: bytes | None, error: type[LedgerError], said: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(error, match=said):
        examine(file, name="The backup")


def test_the_database_of_another_program_is_no_backup_and_is_not_copied(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE outcomes (id)")

    with pytest.raises(NoLedgerError, match="is no ledger of polar-attio-pipeline"):
        examine(file, name="The backup")
    with pytest.raises(NoLedgerError, match="is no ledger of polar-attio-pipeline"):
        copied(file, tmp_path / "copy.db")


def test_a_backup_of_a_newer_version_is_said_to_be_so(file: Path) -> None:
    fill(file, "ada")
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE ledger_version SET version_num = '9999'")

    with pytest.raises(NewerError, match=r"its schema is 9999.*update this installation"):
        examine(file, name="The backup")


def test_where_the_target_cannot_be_written_it_is_named(file: Path, tmp_path: Path) -> None:
    fill(file, "ada")
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(LedgerError, match=r"taken/copy\.db cannot be written"):
        copied(file, tmp_path / "taken" / "copy.db")


def test_a_full_disk_is_said_to_be_the_one_of_the_target(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(file).record([outcome(f"c{number}") for number in range(200)], pass_id="p1")
    really = backup._open

    def small(path: Path, patience: float) -> sqlite3.Connection:
        connection = really(path, patience)
        if path != file:
            connection.execute("PRAGMA max_page_count = 2")
        return connection

    monkeypatch.setattr(backup, "_open", small)

    with pytest.raises(LedgerError, match=r"The disk of .*copy\.db is full: free some space"):
        copied(file, tmp_path / "copy.db")
    assert files(tmp_path) == {"state"}


KILLED = """
import os, signal, sys
from pathlib import Path
from polar_attio_pipeline.ledger import backup
from polar_attio_pipeline.ledger.location import locate
backup.examine = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
backup.copy(locate(sys.argv[1]), Path(sys.argv[2]), patience=1)
"""


def test_a_backup_that_is_killed_leaves_the_earlier_one_as_it_was(file: Path, tmp_path: Path) -> None:
    fill(file, "ada")
    target = tmp_path / "copy.db"
    copied(file, target)
    good = target.read_bytes()
    Ledger(file).record([outcome("bob")], pass_id="p1")

    killed = subprocess.run([sys.executable, "-c", KILLED, str(file), str(target)], check=False)

    assert killed.returncode < 0
    assert target.read_bytes() == good
    assert copied(file, target).customers == 2

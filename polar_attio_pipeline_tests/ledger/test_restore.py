"""A backup in place of a SQLite ledger: at once, with others at work, and what has to stay as it is now stays."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.ledger.backup import copy, examine
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.restore import put_back
from polar_attio_pipeline.ledger.schema import HEAD
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.ledger.builders import outcome
from polar_attio_pipeline_tests.ledger.earlier_versions import make_version


@pytest.fixture
def backup(file: Path, tmp_path: Path) -> Path:
    """A backup of a ledger that knows ada; by now it knows bob as well."""
    ledger = Ledger(file)
    ledger.record([outcome("ada")], pass_id="p1")
    copy(locate(file), tmp_path / "backup.db", patience=1)
    ledger.record([outcome("bob")], pass_id="p2")
    return tmp_path / "backup.db"


@pytest.fixture
def kept(file: Path) -> Path:
    return file.with_name("kept.db")


def restore(backup: Path, file: Path, kept: Path) -> Path | None:
    return put_back(backup, locate(file), kept, patience=0.5)


def created(file: Path) -> int:
    return Ledger(file).counts()[Result.CREATED]


def test_the_ledger_is_as_the_backup_and_that_of_before_is_kept(file: Path, backup: Path, kept: Path) -> None:
    assert restore(backup, file, kept) == kept

    assert (created(file), created(kept)) == (1, 2)
    assert {path.name for path in file.parent.iterdir()} == {"ledger.db", "kept.db"}
    assert {path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {0o600}
    assert examine(backup, name="It").customers == 1


def test_a_reader_in_the_middle_of_a_transaction_goes_on_and_sees_the_backup_with_the_next(
    file: Path, backup: Path, kept: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM outcomes").fetchall() == [(2,)]
        restore(backup, file, kept)
        assert reader.execute("SELECT count(*) FROM outcomes").fetchall() == [(2,)]
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM outcomes").fetchall() == [(1,)]


def test_while_another_program_writes_nothing_is_changed_and_it_is_said(file: Path, backup: Path, kept: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match=r"ledger\.db was locked by another program"):
            restore(backup, file, kept)
        writer.execute("COMMIT")

    assert created(file) == 2


def test_the_lease_is_free_and_its_number_is_one_that_no_pass_ever_had(file: Path, backup: Path, kept: Path) -> None:
    ledger = Ledger(file)
    numbers = [token for name in ("a", "b") if (token := ledger.acquire_lease(name, "a pass", instead_of=None))]
    copy(locate(file), backup, patience=1)

    restore(backup, file, kept)

    assert ledger.lease_holder().owner is None
    token = ledger.acquire_lease("c", "a pass")
    assert token
    assert token > max(numbers) + 1


def test_approvals_of_then_are_void_and_who_is_left_out_is_as_now(file: Path, backup: Path, kept: Path) -> None:
    ledger = Ledger(file)
    ledger.confirm("organization")
    ledger.skip("then", why=None)
    copy(locate(file), backup, patience=1)
    ledger.take_confirmation("organization")
    ledger.unskip("then")
    ledger.skip("now", why="a test account")

    restore(backup, file, kept)

    assert not ledger.take_confirmation("organization")
    assert ledger.skipped() == {"now"}


def test_where_there_is_no_ledger_the_backup_is_one(backup: Path, tmp_path: Path, kept: Path) -> None:
    there = tmp_path / "new machine" / "ledger.db"

    assert restore(backup, there, kept) is None

    assert created(there) == 1
    assert there.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in there.parent.iterdir()} == {"ledger.db"}


@pytest.mark.parametrize("content", [b"\xff" * 9000, b""], ids=["damaged", "emptied"])
def test_a_ledger_that_cannot_be_opened_is_moved_aside(file: Path, backup: Path, kept: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert restore(backup, file, kept) == kept

    assert created(file) == 1
    assert kept.read_bytes() == content


def test_a_ledger_of_a_newer_version_is_moved_aside_so_that_an_older_program_can_go_on(
    file: Path, backup: Path, kept: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE ledger_version SET version_num = '9999'")

    restore(backup, file, kept)

    assert created(file) == 1
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT version_num FROM ledger_version").fetchall() == [("9999",)]


def test_a_backup_of_an_earlier_version_is_brought_up_to_date(file: Path, backup: Path, kept: Path) -> None:
    old = backup.with_name("old.db")
    make_version(str(old), "0001")

    restore(old, file, kept)

    assert created(file) == 1
    assert examine(file, name="It").revision == HEAD
    assert examine(old, name="It").revision == "0001"

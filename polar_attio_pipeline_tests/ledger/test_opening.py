"""Opening a ledger in SQLite: what is wrong is said in one sentence, and other users cannot read it."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from polar_attio_pipeline.ledger import Ledger, LedgerError, engine
from polar_attio_pipeline.ledger.explain import explaining
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.ledger.builders import outcome

IMPATIENT = 0.2


def record(file: Path, name: str = "ada") -> None:
    """Write to a ledger, without much patience."""
    Ledger(file, patience=IMPATIENT).record([outcome(name)], pass_id="p1")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@contextmanager
def shell(file: Path, *statements: str) -> Iterator[sqlite3.Connection]:
    """A database shell that has run these statements and stays open."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()
        yield connection


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("loose_umask")
def test_the_file_and_what_lies_beside_it_are_private_and_so_are_folders_that_are_made(file: Path) -> None:
    nested = file.parent / "deeper" / file.name
    record(nested)
    with shell(nested, "BEGIN", "SELECT * FROM outcomes"):
        record(nested, "bob")
        beside = {path.name: mode(path) for path in nested.parent.iterdir()}

    assert beside == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
    assert (mode(nested.parent), mode(file.parent)) == (0o700, 0o700)


def test_a_folder_that_is_there_already_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    record(tmp_path / "ledger.db")

    assert mode(tmp_path) == 0o755


@pytest.mark.usefixtures("loose_umask")
def test_the_files_in_a_folder_that_is_open_to_everybody_are_private_all_the_same(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    file = tmp_path / "ledger.db"
    record(file)

    with shell(file, "BEGIN", "SELECT * FROM outcomes"):
        record(file, "bob")
        beside = {path.name: mode(path) for path in tmp_path.iterdir()}

    assert beside == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


def test_a_shell_left_open_with_a_transaction_that_reads_stops_nothing(file: Path) -> None:
    record(file)

    with shell(file, "BEGIN", "SELECT * FROM outcomes"):
        record(file, "bob")
        assert Ledger(file, patience=IMPATIENT).counts()[Result.CREATED] == 2


def test_a_shell_left_open_with_a_transaction_that_writes_stops_no_reader_and_is_named_to_writers(file: Path) -> None:
    record(file)

    with shell(file, "BEGIN IMMEDIATE"):
        assert Ledger(file, patience=IMPATIENT).counts()[Result.CREATED] == 1
        with pytest.raises(LedgerError, match=r"ledger\.db was locked by another program for 0\.2 seconds: close the"):
            record(file, "bob")

    record(file, "bob")
    assert Ledger(file).counts()[Result.CREATED] == 2


WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
time.sleep(0.3)
connection.execute("COMMIT")
"""


def test_a_writer_waits_for_another_one(file: Path) -> None:
    record(file)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        Ledger(file, patience=20).record([outcome("bob")], pass_id="p1")

    assert Ledger(file).counts()[Result.CREATED] == 2


def test_a_file_that_is_no_database_is_said_to_be_so_and_stays_as_it_is(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"not a database" * 1000)

    with pytest.raises(LedgerError, match="no SQLite database: restore its newest backup, or move the file away"):
        record(file)
    with pytest.raises(LedgerError, match="no SQLite database"):
        Ledger(file).counts()

    assert file.read_bytes() == b"not a database" * 1000


def test_a_file_that_was_damaged_is_said_to_be_so(file: Path) -> None:
    record(file)
    with file.open("r+b") as damaged:
        damaged.seek(100)
        damaged.write(b"\xff" * 8000)

    with pytest.raises(LedgerError, match="is damaged"):
        record(file, "bob")


def test_a_duckdb_file_is_said_to_be_one(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\x12\x34\x56\x78\x9a\xbc\xde\xf0DUCK" + bytes(8192))

    with pytest.raises(
        LedgerError,
        match=r"is a DuckDB file of an earlier version, .* move the file away and launch full_reconciliation",
    ):
        record(file)


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerError, match=r"cannot be made \(NotADirectoryError\): .* POLAR_ATTIO_DATABASE_URL"):
        record(tmp_path / "file" / "ledger.db")


def test_a_folder_in_place_of_the_file_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened for writing"):
        record(tmp_path)


# The first ledger, written as the tests' own user, loads every module: the other user may not enter their folders.
AS_ANOTHER_USER = """
import os, sys, tempfile
from polar_attio_pipeline.ledger import Ledger, LedgerError, engine
from polar_attio_pipeline.ledger.explain import explaining
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline_tests.ledger.builders import outcome
with tempfile.TemporaryDirectory() as folder:
    Ledger(folder + "/ledger.db").record([outcome("bob")], pass_id="p1")
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    Ledger(sys.argv[1], patience=1).record([outcome("bob")], pass_id="p1")
except LedgerError as error:
    print(error)
"""


def test_a_file_that_this_user_may_only_read_is_said_to_be_so() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ledger.db")
        record(file)
        file.chmod(0o444)
        file.parent.chmod(0o555)

        program = [sys.executable, "-c", AS_ANOTHER_USER, str(file)]
        done = subprocess.run(program, capture_output=True, text=True, check=True)

        file.parent.chmod(0o755)
    assert "cannot be opened for writing: give this user the right to write" in done.stdout


@pytest.mark.parametrize("kind", ["wal", "shm"])
def test_a_file_of_another_user_beside_the_ledger_is_said_to_be_in_the_way(kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ledger.db")
        record(file)
        file.chmod(0o666)
        file.parent.chmod(0o777)
        beside = file.with_name(f"{file.name}-{kind}")
        beside.write_bytes(b"")
        beside.chmod(0o400)

        program = [sys.executable, "-c", AS_ANOTHER_USER, str(file)]
        done = subprocess.run(program, capture_output=True, text=True, check=True)

    assert (
        "cannot be opened for writing: give this user the right to write to the file, to the -wal and -shm files"
        in (done.stdout)
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder that the tests' user may not enter")
def test_a_folder_that_this_user_may_not_enter_is_said_to_be_one() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "ledger.db")
        record(file)

        for program in (AS_ANOTHER_USER, AS_ANOTHER_USER.replace('record([outcome("bob")], pass_id="p1")', "counts()")):
            done = subprocess.run(
                [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
            )
            assert "cannot be looked for (PermissionError" in done.stdout


def test_a_name_that_the_system_does_not_take_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"cannot be looked for \(OSError: File name too long\)"):
        record(tmp_path / ("x" * 300))


def test_a_home_folder_that_is_not_there_is_said_to_be_so() -> None:
    with pytest.raises(LedgerError, match="knows no such home folder: give the whole path"):
        Ledger("~nobody-of-this-name/ledger.db")


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_LOCK])
def test_a_file_system_without_locks_or_shared_memory_is_said_to_be_one(file: Path, code: int) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code

    with pytest.raises(LedgerError, match="such as a network drive: name a file on a local disk, or a Postgres"):
        raise_explained(file, error)


def test_a_file_system_on_which_sqlite_keeps_its_old_journal_is_said_to_be_one(file: Path) -> None:
    file.parent.mkdir()

    # Without a lock or shared memory, as on some network drives.
    with (
        closing(sqlite3.connect(f"file:{file}?vfs=unix-none", uri=True)) as connection,
        pytest.raises(LedgerError, match="such as a network drive"),
    ):
        engine._set_up_sqlite(locate(file), connection, None)


def raise_explained(file: Path, error: Exception) -> None:
    with explaining(locate(file), patience=1):
        raise error


def test_the_database_of_another_program_is_left_as_it_is(file: Path) -> None:
    file.parent.mkdir()
    with shell(file, "CREATE TABLE passes (id)", "INSERT INTO passes VALUES (7)"):
        pass

    with pytest.raises(LedgerError, match="is the database of another program, with a table passes of its own"):
        record(file)
    with pytest.raises(LedgerError, match="is the database of another program"):
        Ledger(file).counts()

    with shell(file) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("passes",)]


def test_a_full_disk_is_said_to_be_one_and_what_was_there_stays(file: Path) -> None:
    record(file)
    ledger = Ledger(file)

    @sa.event.listens_for(ledger._database._engine, "connect")
    def leave_no_room(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    with pytest.raises(LedgerError, match=r"disk of the ledger .* is full: free some space"):
        ledger.record([outcome(f"customer {number}") for number in range(5000)], pass_id="p2")

    assert Ledger(file).counts()[Result.CREATED] == 1


WITHOUT_ROOM = """
import resource, signal, sys
from polar_attio_pipeline.ledger import Ledger, LedgerError, engine
from polar_attio_pipeline.ledger.explain import explaining
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline_tests.ledger.builders import outcome
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    Ledger(sys.argv[1]).record([outcome(f"customer {number}") for number in range(20_000)], pass_id="p2")
except LedgerError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_is_said_to_be_unwritable_and_what_was_there_stays(file: Path) -> None:
    record(file)

    done = subprocess.run([sys.executable, "-c", WITHOUT_ROOM, str(file)], capture_output=True, text=True, check=True)

    assert "could not be read or written (SQLITE_IOERR" in done.stdout or "is full" in done.stdout
    assert Ledger(file).counts()[Result.CREATED] == 1


def test_a_file_that_is_moved_away_while_a_process_has_the_ledger_is_replaced_by_a_new_one(file: Path) -> None:
    ledger = Ledger(file)
    ledger.record([outcome("ada")], pass_id="p1")
    file.rename(file.with_suffix(".old"))

    ledger.record([outcome("bob")], pass_id="p2")

    assert ledger.recorded(["ada", "bob"]) == {"bob"}


def test_a_ledger_that_was_closed_opens_again(file: Path) -> None:
    ledger = Ledger(file)
    ledger.record([outcome("ada")], pass_id="p1")

    ledger.close()
    ledger.close()

    assert ledger.counts()[Result.CREATED] == 1


def test_a_statement_that_is_wrong_is_no_matter_of_the_file_and_its_values_stay_out_of_the_message(file: Path) -> None:
    with pytest.raises(sa.exc.OperationalError) as wrong, Ledger(file)._database.writing() as connection:
        connection.execute(sa.text("SELECT * FROM nowhere WHERE email = :email"), {"email": "ada@example.com"})

    assert "ada@example.com" not in str(wrong.value)


def test_reading_a_ledger_that_is_not_there_shows_an_empty_one_and_makes_no_file(file: Path) -> None:
    ledger = Ledger(file)

    assert ledger.counts()[Result.CREATED] == 0
    assert ledger.lease_holder().owner is None
    assert ledger.fact("anything") is None
    assert not file.parent.exists()


def test_nothing_is_left_open(file: Path) -> None:
    record(file)

    assert [path.name for path in file.parent.iterdir()] == ["ledger.db"]
    held = [opened.path for opened in psutil.Process().open_files()]
    assert not [path for path in held if path.startswith(str(file))]


def test_a_moment_in_which_another_process_sets_up_the_file_is_waited_for(file: Path) -> None:
    ledger = Ledger(file)
    refusals = iter([True, True])

    @sa.event.listens_for(ledger._database._engine, "connect")
    def refuse_at_first(connection: sqlite3.Connection, _: object) -> None:
        if next(refusals, False):
            # What SQLite says at once, without waiting, while the journal mode of the file changes.
            with shell(file, "BEGIN IMMEDIATE"), closing(sqlite3.connect(file, timeout=0)) as another:
                another.execute("BEGIN IMMEDIATE")

    ledger.record([outcome("ada")], pass_id="p1")

    assert next(refusals, None) is None
    assert ledger.counts()[Result.CREATED] == 1

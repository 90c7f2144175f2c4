"""The schema: what the migrations make is what the code believes, and a newer one is left alone."""

import multiprocessing
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations

from polar_attio_pipeline.ledger import Holder, Ledger, LedgerError
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.ledger.migrations import upgrade as upgrading
from polar_attio_pipeline.ledger.migrations.upgrade import context_of, scripts
from polar_attio_pipeline.ledger.schema import HEAD, METADATA, REVISIONS, version
from polar_attio_pipeline.ledger.trial import Condition, try_out
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.ledger.builders import NOON, carry_out, outcome, write


def set_version(ledger: Ledger, version: str) -> None:
    with ledger._database.writing() as connection:
        connection.execute(sa.text("UPDATE ledger_version SET version_num = :version"), {"version": version})


def test_the_migrations_lead_to_the_schema_that_the_code_believes(ledger: Ledger) -> None:
    with ledger._database.writing() as connection:
        context = context_of(connection)
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == HEAD


def test_every_migration_is_known_by_name_in_their_order() -> None:
    assert tuple(script.revision for script in scripts().walk_revisions())[::-1] == REVISIONS


def make_first_version(url: str) -> None:
    """Make a ledger of the first version, with something in every table that was changed since."""
    first = Ledger(url)
    with first._database._begun(writes=True) as connection:
        context, directory = context_of(connection), scripts()
        script = directory.get_revision("0001")
        assert script
        script.module.upgrade(Operations(context))
        context.stamp(directory, "0001")
        for statement in (
            "INSERT INTO outcomes (polar_customer_id, outcome, changed_at, tried_at, pass_id) "
            "VALUES ('ada', 'created', '2026-11-03 12:00:00', '2026-11-03 12:00:00', 'p1')",
            "UPDATE lease SET owner = 'host/1', what = 'a pass', beat = 3, turn = 7",
            "INSERT INTO snapshot_hours (hour, run_id, read_at, polar_read_at, free_turn) VALUES "
            "('2026-11-03 12:00:00', 'run', '2026-11-03 15:00:00', '2026-11-03 15:00:07', 6)",
        ):
            connection.execute(sa.text(statement))
    first.close()


def test_a_ledger_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it(ledger: Ledger, url: str) -> None:
    make_first_version(url)

    assert ledger.counts()[Result.CREATED] == 1

    assert ledger.lease_holder() == Holder("host/1", "a pass", heartbeats=3, fencing_token=7)
    snapshot = ledger.load_snapshot("run", [NOON])
    assert snapshot
    assert snapshot.free_lease_token == 6
    with ledger.recording("p2") as recorder:
        carry_out(recorder, write("ada"))
    assert len(ledger.changes_of_customer("ada")) == 1
    with ledger._database.reading() as connection:
        assert compare_metadata(context_of(connection), METADATA) == []


def test_a_ledger_of_the_first_version_is_what_a_trial_says_it_is_and_the_trial_leaves_it_so(
    ledger: Ledger, url: str
) -> None:
    make_first_version(url)

    assert try_out(locate(url), patience=1) is Condition.OUTDATED

    with ledger._database._begun(writes=False) as connection:
        assert version(connection) == "0001"


def test_customers_with_a_history_and_no_outcome_count_as_deleted_from_the_migration_on(
    ledger: Ledger, url: str
) -> None:
    older = Ledger(url)
    with older._database._begun(writes=True) as connection:
        context, directory = context_of(connection), scripts()
        for revision in ("0001", "0002", "0003"):
            script = directory.get_revision(revision)
            assert script
            script.module.upgrade(Operations(context))
        context.stamp(directory, "0003")
        for number, customer_id in enumerate(("'gone'", "'gone'", "'ada'", "NULL")):
            values = f"({number}, 'p1', '2026-11-03 12:00:00', 'people', 'r', {customer_id}, 'name')"
            columns = "(id, pass_id, written_at, object, record_id, polar_customer_id, attribute)"
            connection.execute(sa.text(f"INSERT INTO changes {columns} VALUES {values}"))
        connection.execute(
            sa.text(
                "INSERT INTO outcomes (polar_customer_id, outcome, changed_at, tried_at, pass_id) "
                "VALUES ('ada', 'created', '2026-11-03 12:00:00', '2026-11-03 12:00:00', 'p1')"
            )
        )
    older.close()

    noticed = ledger.deleted_since("gone")

    assert noticed
    assert abs(datetime.now(UTC) - noticed) < timedelta(minutes=5)
    assert ledger.deleted_since("ada") is None


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: Ledger) -> None:
    set_version(ledger, "9999")

    with pytest.raises(LedgerError, match=rf"was written by a newer version .*its schema is 9999, .* knows {HEAD}"):
        ledger.counts()
    with pytest.raises(LedgerError, match="update this installation"):
        ledger.record([outcome("ada")], pass_id="p1")


def test_a_database_in_which_dagster_keeps_its_own_state_can_hold_the_ledger_too(ledger: Ledger, url: str) -> None:
    with ledger._database._begun(writes=True) as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('7e2f3204cf8e')"))

    ledger.record([outcome("ada")], pass_id="p1")

    assert ledger.counts()[Result.CREATED] == 1
    with ledger._database.reading() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "7e2f3204cf8e"


def test_a_process_that_runs_while_a_newer_version_migrates_stops_writing(ledger: Ledger) -> None:
    ledger.record([outcome("ada")], pass_id="p1")
    set_version(ledger, "9999")

    with pytest.raises(LedgerError, match="newer version"):
        ledger.record([outcome("bob")], pass_id="p1")


def test_a_migration_that_fails_leaves_nothing_half_done(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    real = upgrading.upgrade

    def fail(connection: sa.Connection) -> None:
        real(connection)
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(upgrading, "upgrade", fail)
        with pytest.raises(RuntimeError):
            ledger.confirm("something")

    with ledger._database._engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    assert ledger.counts()[Result.CREATED] == 0


def open_together(url: str, start: Barrier, name: str) -> None:
    start.wait()
    Ledger(url).record([outcome(name)], pass_id=name)


def test_processes_that_open_a_new_ledger_at_the_same_moment_do_not_collide(url: str) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    start = context.Barrier(6)
    processes = [context.Process(target=open_together, args=(url, start, f"c{number}")) for number in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 6
    assert Ledger(url).counts()[Result.CREATED] == 6


def test_threads_that_open_new_ledgers_at_the_same_moment_do_not_collide(tmp_path: Path) -> None:
    failed: list[object] = []
    threading_hook = threading.excepthook
    threading.excepthook = failed.append
    try:
        threads = [
            threading.Thread(
                target=Ledger(tmp_path / f"{number % 3}.db").record,
                args=([outcome(f"c{number}")],),
                kwargs={"pass_id": "p"},
            )
            for number in range(9)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.excepthook = threading_hook

    assert failed == []
    assert [Ledger(tmp_path / f"{number}.db").counts()[Result.CREATED] for number in range(3)] == [3, 3, 3]


COUNTS = """
import sys
from polar_attio_pipeline.ledger import Ledger
Ledger(sys.argv[1]).counts()
print("alembic" in sys.modules)
"""


def test_the_migrations_are_only_loaded_when_they_are_needed(file: Path) -> None:
    Ledger(file).counts()
    done = subprocess.run([sys.executable, "-c", COUNTS, str(file)], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"

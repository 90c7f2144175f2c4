"""The DuckDB file: what goes in comes out, all of it or nothing, and whoever cannot open it is told why."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest

from polar_attio_pipeline import storage
from polar_attio_pipeline.defs.partitions import hours_from, range_tags
from polar_attio_pipeline.storage import (
    SCHEMA,
    CustomersIOManager,
    LedgerError,
    connect,
    from_frame,
    naive,
    read_times,
    to_frame,
)
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.sync.builders import customer

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`:dagster.BetaWarning")

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
READ = (NOON + 3 * HOUR, NOON + 3 * HOUR + timedelta(seconds=7))
LATER = (READ[0] + HOUR, READ[1] + HOUR)


def bad_row(created_at: datetime = NOON) -> Outcome:
    return Outcome(
        customer_id="not-a-uuid",
        email=None,
        result=Result.REJECTED,
        created_at=created_at,
        reason=Reason.UNREADABLE,
        detail="Polar's answer does not parse.",
    )


def test_customers_and_bad_rows_survive_the_way_through_a_frame() -> None:
    full = customer(created_at=NOON + timedelta(microseconds=123_456), country="DE", external_id="usr_1")
    bare = customer("b", email=None, name=None, created_at=NOON)

    customers, unreadable = from_frame(to_frame([full, bare], [bad_row()], read=READ))

    assert customers == [full, bare]
    assert unreadable == [bad_row()]


@pytest.mark.parametrize("name", ["", " ", "Zoë 'O\"Brien", "李小龙", "a\nb", "nan", "None", "NaT", "1e5"])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    (customers, _) = from_frame(to_frame([customer(name=name)], [], read=READ))

    assert [one.name for one in customers] == [name]


def test_an_empty_reading_has_columns_and_a_time() -> None:
    frame = to_frame([], [], read=READ)

    assert from_frame(frame) == ([], [])
    assert read_times(frame) == READ


def test_a_snapshot_from_a_store_without_times_has_none() -> None:
    assert read_times(pd.DataFrame()) is None


def test_moments_are_stored_in_utc_without_a_zone() -> None:
    assert naive(datetime(2026, 11, 3, 14, tzinfo=timezone(2 * HOUR))) == datetime(2026, 11, 3, 12)  # noqa: DTZ001
    assert naive(None) is None


class Store:
    """Runs an asset that stores snapshots by the real IO manager, and one that loads them."""

    def __init__(self, database: Path, instance: dg.DagsterInstance) -> None:
        self.database = database
        self._instance = instance
        self.given = to_frame([], [], read=READ)
        self.loaded = pd.DataFrame()
        hours = hours_from(NOON - HOUR)
        policy = dg.BackfillPolicy.single_run()

        @dg.asset(
            partitions_def=hours,
            backfill_policy=policy,
            io_manager_key="customers_io",
            metadata={"partition_expr": "created_at"},
        )
        def polar_customers() -> pd.DataFrame:
            return self.given

        @dg.asset(partitions_def=hours, backfill_policy=policy)
        def taken(polar_customers: pd.DataFrame) -> dg.MaterializeResult[None]:
            self.loaded = polar_customers
            return dg.MaterializeResult()

        self._assets = [polar_customers, taken]

    def put(
        self,
        *customers: Customer,
        bad: Iterable[Outcome] = (),
        read: tuple[datetime, datetime] = READ,
        hours: int = 1,
    ) -> None:
        """Store a snapshot of so many hours from noon."""
        self.given = to_frame(customers, bad, read=read)
        self._run("polar_customers", hours)

    def take(self, hours: int = 1) -> pd.DataFrame:
        """Load so many hours from noon."""
        self._run("taken", hours)
        return self.loaded

    def _run(self, asset: str, hours: int) -> None:
        manager = CustomersIOManager(database=str(self.database), schema=SCHEMA)
        dg.materialize(
            self._assets,
            selection=[asset],
            resources={"customers_io": manager},
            instance=self._instance,
            tags=range_tags(NOON, NOON + (hours - 1) * HOUR),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


@pytest.fixture
def store(tmp_path: Path, instance: dg.DagsterInstance) -> Store:
    return Store(tmp_path / "ledger.duckdb", instance)


def test_a_snapshot_is_loaded_with_the_time_of_its_reading(store: Store) -> None:
    ada = customer(created_at=NOON)
    store.put(ada, bad=[bad_row()])

    loaded = store.take()

    assert from_frame(loaded) == ([ada], [bad_row()])
    assert read_times(loaded) == READ


def test_an_empty_first_hour_is_stored_and_loaded(store: Store) -> None:
    store.put()

    loaded = store.take()

    assert loaded.empty
    assert read_times(loaded) == READ


def test_an_hour_that_was_never_stored_is_empty_and_has_no_time(store: Store) -> None:
    store.put()

    loaded = store.take(hours=2)

    assert loaded.empty
    assert read_times(loaded) is None


def test_a_range_is_as_old_as_the_hour_read_longest_ago(store: Store) -> None:
    store.put(hours=3)
    store.put(read=LATER)

    assert read_times(store.take()) == LATER
    assert read_times(store.take(hours=3)) == READ


def test_a_first_reading_with_nothing_but_nulls_does_not_shape_the_table(store: Store) -> None:
    store.put(customer("a", email=None, name=None, created_at=NOON))

    full = customer("b", country="DE", external_id="usr_1", created_at=NOON)
    store.put(full)

    assert from_frame(store.take()) == ([full], [])


def test_a_process_that_dies_while_storing_leaves_the_older_snapshot_with_its_older_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = customer(created_at=NOON)
    store.put(ada)

    class _Killed(BaseException):
        pass

    def die(_: pd.DataFrame) -> None:
        raise _Killed

    with monkeypatch.context() as patched:
        # After the old rows were deleted and the new ones inserted, before the time is noted.
        patched.setattr(storage, "read_times", die)
        with pytest.raises(_Killed):
            store.put(customer("b", created_at=NOON), read=LATER)

    loaded = store.take()
    assert from_frame(loaded) == ([ada], [])
    assert read_times(loaded) == READ


def test_the_file_and_its_folder_are_made_when_needed(tmp_path: Path) -> None:
    database = tmp_path / "some" / "folder" / "ledger.duckdb"

    with connect(database) as connection:
        tables = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}

    assert database.exists()
    assert tables == {"polar_customers", "polar_reads", "attio_people", "passes_under_way"}


def test_a_file_that_is_no_ledger_is_said_to_be_so_with_what_to_do(tmp_path: Path) -> None:
    database = tmp_path / "ledger.duckdb"
    database.write_bytes(b"not a database" * 1000)

    with pytest.raises(LedgerError, match="move the file away and launch full_reconciliation"), connect(database):
        pass


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerError, match="POLAR_ATTIO_DATABASE"), connect(tmp_path / "file" / "ledger.duckdb"):
        pass


def test_a_statement_that_is_wrong_is_no_matter_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(duckdb.CatalogException), connect(tmp_path / "ledger.duckdb") as connection:
        connection.execute("SELECT * FROM nowhere")


ON_A_FULL_DISK = """
import resource, signal, sys
from polar_attio_pipeline.storage import connect
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
with connect(sys.argv[1]) as connection:
    connection.execute("CREATE TABLE big AS SELECT random() AS number FROM range(1_000_000)")
"""


def test_a_full_disk_is_said_to_be_one_and_what_was_there_stays(tmp_path: Path) -> None:
    """No file may grow beyond a megabyte, which the database meets as it meets a disk without room."""
    database = tmp_path / "ledger.duckdb"
    with connect(database) as connection:
        connection.execute("CREATE TABLE small AS SELECT 1 AS number")

    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(database)], check=False, capture_output=True, text=True
    )

    assert "LedgerError" in done.stderr
    assert "free disk space if it is full" in done.stderr
    with connect(database) as connection:
        assert connection.execute("SELECT number FROM small").fetchall() == [(1,)]


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
connection.close()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A ledger that another process has open, until a line is written to it."""
    database = tmp_path / "ledger.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield database, process
        process.kill()


def test_a_locked_file_is_waited_for(held: tuple[Path, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    database, process = held
    real = duckdb.connect

    def free_after_the_first_try(path: str) -> duckdb.DuckDBPyConnection:
        try:
            return real(path)
        except duckdb.IOException:
            process.communicate("close\n")
            raise

    monkeypatch.setattr(duckdb, "connect", free_after_the_first_try)

    with connect(database) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_file_that_stays_locked_is_said_to_be_so(
    held: tuple[Path, subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_LOCK_WAIT_SECONDS", 0.1)

    with pytest.raises(LedgerError, match="locked by another process"), connect(held[0]):
        pass

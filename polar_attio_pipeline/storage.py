"""The embedded DuckDB file and its tables; hourly snapshots of Polar's customers go in and out as frames.

It is never the only copy of anything: a reconciliation fills it again. Times are stored in UTC without a zone, because
Dagster's partition filters are written so. DuckDB lets one process write at a time, so connections are short and an
opener that finds the file locked waits for its turn.

A snapshot and the time of its reading go in and come out together, in one transaction: whoever is killed half-way
leaves the older snapshot with the older time, and nobody takes old rows for new ones.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import stamina
from dagster._core.storage.db_io_manager import DbIOManager, DbTypeHandler, TableSlice
from dagster_duckdb.io_manager import DuckDbClient
from dagster_duckdb_pandas import DuckDBPandasIOManager
from dagster_duckdb_pandas.duckdb_pandas_type_handler import DuckDBPandasTypeHandler

from polar_attio_pipeline.hours import parse_all
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.records import Customer

SCHEMA = "main"
"""Where DuckDB puts a table unless told otherwise; the IO manager wants it named."""

_TABLES = """
CREATE TABLE IF NOT EXISTS polar_customers (
    id VARCHAR, created_at TIMESTAMP, email VARCHAR, name VARCHAR, type VARCHAR, organization_id VARCHAR,
    external_id VARCHAR, country VARCHAR, url VARCHAR, read_at TIMESTAMP, problem VARCHAR
);
CREATE TABLE IF NOT EXISTS polar_reads (
    hour TIMESTAMP PRIMARY KEY, here TIMESTAMP NOT NULL, polar TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS attio_people (
    polar_customer_id VARCHAR NOT NULL, email VARCHAR, outcome VARCHAR NOT NULL, reason VARCHAR,
    detail VARCHAR, attio_record_id VARCHAR, attio_url VARCHAR, created_at TIMESTAMP, synced_at TIMESTAMP NOT NULL,
    run_id VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS passes_under_way (run_id VARCHAR PRIMARY KEY, began TIMESTAMP NOT NULL);
"""

CUSTOMER_COLUMNS = (
    "id",
    "created_at",
    "email",
    "name",
    "type",
    "organization_id",
    "external_id",
    "country",
    "url",
    "read_at",
    "problem",
)

_READ = "read"
"""Attribute of a frame: when it was read, by both clocks."""

_LOCK_WAIT_SECONDS = 60

_MEMORY = "SET memory_limit = '256MB'"
"""Beyond it DuckDB keeps its pages on disk; by itself it would take most of the machine's memory for its cache."""


class LedgerError(Exception):
    """The DuckDB file cannot be used; the text says why and what to do."""


@contextmanager
def connect(database: Path | str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the file, its tables in place, for as short as possible.

    Raises:
        LedgerError: another process keeps it locked, the disk is full, or it is no DuckDB file.
    """
    try:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"The ledger {database} cannot be written ({type(error).__name__}): set POLAR_ATTIO_DATABASE to a file in "
            "a folder that can."
        ) from error
    try:
        for attempt in stamina.retry_context(
            on=_is_locked, attempts=None, timeout=_LOCK_WAIT_SECONDS, wait_initial=0.05, wait_max=1.0
        ):
            with attempt:
                connection = duckdb.connect(str(database))
    except duckdb.Error as error:
        raise LedgerError(_explain(database, error)) from error
    try:
        connection.execute(_MEMORY)
        connection.execute(_TABLES)
        yield connection
    except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
        raise LedgerError(_explain(database, error)) from error
    finally:
        connection.close()


def _is_locked(error: Exception) -> bool:
    return isinstance(error, duckdb.IOException) and "lock" in str(error)


def _explain(database: Path | str, error: duckdb.Error) -> str:
    if _is_locked(error):
        return (
            f"The ledger {database} is locked by another process: close what has it open (a DuckDB shell, a notebook), "
            "then run this again."
        )
    return (
        f"The ledger {database} cannot be used ({type(error).__name__}): free disk space if it is full; otherwise move "
        "the file away and launch full_reconciliation, which fills a new one."
    )


class _Client(DuckDbClient):
    """Opens the file as everything else does; all of an output, or of an input, is one transaction."""

    @staticmethod
    @contextmanager
    def connect(context: dg.OutputContext | dg.InputContext, _: TableSlice) -> Iterator[duckdb.DuckDBPyConnection]:
        assert context.resource_config is not None, "the IO manager has its database from there"
        with connect(str(context.resource_config["database"])) as connection:
            connection.begin()
            yield connection
            connection.commit()


class _CustomersHandler(DuckDBPandasTypeHandler):
    """Frames in and out, each with the time of its reading. No numbers: of a range, they would stand at every hour."""

    def handle_output(
        self,
        context: dg.OutputContext,
        table_slice: TableSlice,  # noqa: ARG002  # of the table that `_TABLES` declares
        obj: pd.DataFrame,
        connection: Any,
    ) -> None:
        connection.register("snapshot", obj)
        connection.execute("INSERT INTO polar_customers BY NAME SELECT * FROM snapshot")
        hours = [naive(hour) for hour in parse_all(context.asset_partition_keys)]
        connection.execute("DELETE FROM polar_reads WHERE hour IN (SELECT unnest(?))", [hours])
        if times := read_times(obj):
            connection.executemany(
                "INSERT INTO polar_reads VALUES (?, ?, ?)", [(hour, *map(naive, times)) for hour in hours]
            )

    def load_input(self, context: dg.InputContext, table_slice: TableSlice, connection: Any) -> pd.DataFrame:
        frame: pd.DataFrame = super().load_input(context, table_slice, connection)
        hours = [naive(hour) for hour in parse_all(context.asset_partition_keys)]
        count, *oldest = connection.execute(
            "SELECT count(*), min(here), min(polar) FROM polar_reads WHERE hour IN (SELECT unnest(?))", [hours]
        ).fetchall()[0]
        if count == len(hours):
            frame.attrs[_READ] = tuple(moment.replace(tzinfo=UTC) for moment in oldest)
        return frame


class CustomersIOManager(DuckDBPandasIOManager):
    """Stores and loads the snapshots of `polar_customers`, an hour or a range of hours at a time."""

    @staticmethod
    def type_handlers() -> Sequence[DbTypeHandler[Any]]:
        """Return the one handler, for pandas frames."""
        return [_CustomersHandler()]

    def create_io_manager(self, context: dg.InitResourceContext) -> DbIOManager:  # noqa: ARG002  # Dagster's signature
        """Return Dagster's IO manager over transactions."""
        return DbIOManager(
            db_client=_Client(),
            database=self.database,
            schema=self.schema_,
            type_handlers=self.type_handlers(),
            io_manager_name="CustomersIOManager",
        )


def read_times(snapshot: pd.DataFrame) -> tuple[datetime, datetime] | None:
    """Return when the least recently read hour of a snapshot was read, by this machine's clock and by Polar's.

    None if one of its hours never was, or if the snapshot comes from a store that does not keep the times.
    """
    return snapshot.attrs.get(_READ)


def to_frame(
    customers: Iterable[Customer],
    unreadable: Iterable[Outcome],
    *,
    read: tuple[datetime, datetime],
) -> pd.DataFrame:
    """Return what was read of Polar as rows of the table polar_customers.

    Args:
        customers: The rows that parse.
        unreadable: The outcomes of the rows that do not, each with a time, so that it lands in an hour.
        read: When it was read, by this machine's clock and by Polar's.
    """
    rows: list[tuple[Any, ...]] = [
        (
            customer.id,
            naive(customer.created_at),
            customer.email,
            customer.name,
            customer.type,
            customer.organization_id,
            customer.external_id,
            customer.country,
            customer.url,
            naive(customer.read_at),
            None,
        )
        for customer in customers
    ]
    rows += [
        (row.customer_id, naive(row.created_at), None, None, None, None, None, None, None, None, row.detail)
        for row in unreadable
    ]
    frame = pd.DataFrame(rows, columns=list(CUSTOMER_COLUMNS), dtype=object)
    frame = frame.astype({"created_at": "datetime64[us]", "read_at": "datetime64[us]"})
    frame.attrs[_READ] = read
    return frame


def from_frame(frame: pd.DataFrame) -> tuple[list[Customer], list[Outcome]]:
    """Return the customers and the unreadable rows of a snapshot: the inverse of `to_frame`."""
    customers: list[Customer] = []
    unreadable: list[Outcome] = []
    for row in frame.to_dict("records"):
        value: dict[str, Any] = {str(key): None if pd.isna(cell) else cell for key, cell in row.items()}
        problem = value.pop("problem")
        created_at = value["created_at"].to_pydatetime().replace(tzinfo=UTC)
        if problem is not None:
            unreadable.append(
                Outcome(
                    customer_id=value["id"],
                    email=None,
                    result=Result.REJECTED,
                    created_at=created_at,
                    reason=Reason.UNREADABLE,
                    detail=problem,
                )
            )
            continue
        read_at = value["read_at"].to_pydatetime().replace(tzinfo=UTC)
        customers.append(Customer(**{**value, "created_at": created_at, "read_at": read_at}))
    return customers, unreadable


def naive(moment: datetime | None) -> datetime | None:
    """Return a moment as the file stores it: UTC, without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None

"""Snapshots between the assets of a run: what goes in comes out, for that run alone."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.defs.frames import COLUMNS
from polar_attio_pipeline.defs.io import SnapshotIOManager
from polar_attio_pipeline.defs.partitions import hours_from, range_tags
from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline.ledger import Snapshot
from polar_attio_pipeline.sync.outcomes import Outcome, Reason, Result
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.sync.builders import customer

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`:dagster.BetaWarning")

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
READ = NOON + 3 * HOUR
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def bad_row(created_at: datetime | None = NOON) -> Outcome:
    return Outcome(
        customer_id="not-a-uuid",
        email=None,
        result=Result.REJECTED,
        created_at=created_at,
        reason=Reason.UNREADABLE,
        detail="Polar's answer does not parse.",
    )


def snapshot(*customers: Customer, bad: Iterable[Outcome] = ()) -> Snapshot:
    return Snapshot(customers, tuple(bad), read_at=READ, polar_read_at=READ + timedelta(seconds=7), free_lease_token=3)


class Store:
    """Runs an asset that stores snapshots, and one that loads them."""

    def __init__(self, database: Path, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self.given = snapshot()
        self.loaded: Snapshot | None = None
        self.frame: pd.DataFrame | None = None
        hours = hours_from(NOON - HOUR)
        policy = dg.BackfillPolicy.single_run()

        @dg.asset(partitions_def=hours, backfill_policy=policy, io_manager_key="customers_io")
        def polar_customers() -> Snapshot:
            return self.given

        @dg.asset(partitions_def=hours, backfill_policy=policy)
        def taken(polar_customers: Snapshot | None) -> dg.MaterializeResult[None]:
            self.loaded = polar_customers
            return dg.MaterializeResult()

        @dg.asset(partitions_def=hours, backfill_policy=policy)
        def of_the_host(polar_customers: pd.DataFrame) -> dg.MaterializeResult[None]:
            self.frame = polar_customers
            return dg.MaterializeResult()

        self._defs = dg.Definitions(
            assets=[polar_customers, taken, of_the_host],
            resources={"customers_io": SnapshotIOManager(url=SecretStr(str(database)))},
            jobs=[dg.define_asset_job("both", executor_def=dg.in_process_executor)],
        )

    def run(self, *assets: str, hours: int = 1) -> dg.ExecuteInProcessResult:
        """Run assets over so many hours from noon."""
        self.loaded = None
        return self._defs.resolve_job_def("both").execute_in_process(
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            instance=self._instance,
            tags=range_tags(NOON, NOON + (hours - 1) * HOUR),
            run_config=QUIET,
            raise_on_error=False,
        )


@pytest.fixture
def store(tmp_path: Path, instance: dg.DagsterInstance) -> Store:
    return Store(tmp_path / "ledger.db", instance)


def test_what_a_run_has_read_reaches_the_next_asset_of_the_same_run(store: Store) -> None:
    store.given = snapshot(customer(created_at=NOON), bad=[bad_row()])

    store.run("polar_customers", "taken")

    assert store.loaded == store.given


def test_an_asset_that_asks_for_a_data_frame_gets_the_rows(store: Store) -> None:
    store.given = snapshot(customer(created_at=NOON), bad=[bad_row()])

    store.run("polar_customers", "of_the_host")

    assert store.frame is not None
    assert tuple(store.frame.columns) == COLUMNS
    assert [row is None for row in store.frame["problem"]] == [True, False]


def test_a_range_of_hours_is_stored_and_loaded_as_one(store: Store) -> None:
    store.given = snapshot(*(customer(str(number), created_at=NOON + HOUR * number) for number in range(3)))

    store.run("polar_customers", "taken", hours=3)

    assert store.loaded == store.given


def test_an_empty_first_hour_is_stored_and_loaded(store: Store) -> None:
    store.run("polar_customers", "taken")

    assert store.loaded == snapshot()


def test_what_another_run_has_read_is_not_given(store: Store) -> None:
    store.run("polar_customers", "taken")

    store.run("taken")

    assert store.loaded is None


TAKEN: list[Snapshot | None] = []
"""What the second asset of `resumable` was given, run after run; it fails the first time."""


def resumable() -> dg.JobDefinition:
    """Return a job of the same two assets that Dagster can build again in order to resume a run."""
    hours = hours_from(NOON)

    @dg.asset(partitions_def=hours, io_manager_key="customers_io")
    def polar_customers() -> Snapshot:
        return snapshot()

    @dg.asset(partitions_def=hours)
    def taken(polar_customers: Snapshot | None) -> dg.MaterializeResult[None]:
        TAKEN.append(polar_customers)
        if len(TAKEN) == 1:
            raise RuntimeError
        return dg.MaterializeResult()

    return dg.Definitions(
        assets=[polar_customers, taken],
        resources={"customers_io": SnapshotIOManager(url=SecretStr(os.environ["LEDGER_OF_THIS_TEST"]))},
        jobs=[dg.define_asset_job("both", executor_def=dg.in_process_executor)],
    ).resolve_job_def("both")


def test_a_run_that_is_resumed_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_OF_THIS_TEST", str(tmp_path / "ledger.db"))
    TAKEN.clear()
    job, tags = dg.reconstructable(resumable), {"dagster/partition": key(NOON)}
    with dg.instance_for_test() as instance:
        with dg.execute_job(job, instance, run_config=QUIET, tags=tags) as failed:
            assert not failed.success
        options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
        with dg.execute_job(job, instance, run_config=QUIET, tags=tags, reexecution_options=options) as resumed:
            assert resumed.success

    assert [snapshot(), None] == TAKEN


def test_hours_that_were_never_read_have_no_snapshot(store: Store) -> None:
    store.run("taken", hours=2)

    assert store.loaded is None


def test_a_ledger_that_cannot_be_used_fails_the_run_with_what_to_do(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 1000)

    result = Store(tmp_path / "ledger.db", instance).run("polar_customers")

    (failed,) = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    assert failed.user_failure_data is not None
    assert "no SQLite database" in (failed.user_failure_data.description or "")

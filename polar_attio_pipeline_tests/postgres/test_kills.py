"""Passes with their ledger in Postgres, killed at writes to Attio, at writes to the ledger, and at any moment."""

import pytest

from polar_attio_pipeline_tests.faults.crash_points import NewDatabase, sweep
from polar_attio_pipeline_tests.faults.life import LEDGER_WRITES
from polar_attio_pipeline_tests.postgres.length import whole


def test_a_killed_pass_costs_nothing_and_leaves_no_gap_in_the_history(new_database: NewDatabase) -> None:
    crashes = list(
        sweep(new_database, writes=range(30, 31), ledger_writes=range(5, LEDGER_WRITES, 5), moments=1, seed=1)
    )

    assert all(crash.is_good for crash in crashes), crashes


@whole
@pytest.mark.slow
def test_many_kills_cost_nothing_either(new_database: NewDatabase) -> None:
    crashes = list(
        sweep(new_database, writes=range(1, 61, 5), ledger_writes=range(1, LEDGER_WRITES + 1), moments=20, seed=2)
    )

    assert all(crash.is_good for crash in crashes), crashes

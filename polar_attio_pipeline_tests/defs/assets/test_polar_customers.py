"""What a run of polar_customers keeps of an hour, and what it tells of it."""

import sqlite3
from contextlib import closing

import pytest

from polar_attio_pipeline_tests.conftest import CUSTOMERS, Pipeline

ALONE = [CUSTOMERS]


def stored(pipeline: Pipeline) -> list[str]:
    """The addresses in the table, oldest customer first."""
    with closing(sqlite3.connect(pipeline.database)) as connection:
        rows = connection.execute("SELECT email FROM polar_customers ORDER BY created_at").fetchall()
    return [email for (email,) in rows]


def test_an_hour_is_replaced_by_what_polar_says_now_and_its_neighbours_stay(pipeline: Pipeline) -> None:
    for hour in (0, 1, 2):
        pipeline.add(f"customer{hour}", hour=hour)
    pipeline.sync(0, 2, selection=ALONE)
    gone = pipeline.sandbox.polar.by_email("customer1@example.com")
    assert gone is not None
    pipeline.sandbox.polar.delete_customer(gone.id)
    pipeline.add("late", hour=1)

    pipeline.sync(1, selection=ALONE)

    assert stored(pipeline) == ["customer0@example.com", "late@example.com", "customer2@example.com"]


def test_each_hour_tells_its_own_number_and_the_newest_one_the_cost_of_the_reading(pipeline: Pipeline) -> None:
    pipeline.add("ada", hour=0)
    pipeline.add("bob", hour=2)
    pipeline.add("carol", hour=2)

    pipeline.sync(0, 2, selection=ALONE)

    told = [pipeline.hour(n, CUSTOMERS) for n in range(3)]
    assert [hour["customers"] for hour in told] == [1, 0, 2]
    assert [hour["requests"] for hour in told] == [0, 0, 1]
    assert [hour["seconds"] > 0 for hour in told] == [False, False, True]
    assert [hour["dagster/partition_row_count"] for hour in told] == [1, 0, 2]


@pytest.mark.usefixtures("impatient")
def test_a_row_that_cannot_be_read_counts_and_is_kept_with_its_problem(pipeline: Pipeline) -> None:
    broken = pipeline.add("broken")
    pipeline.add("ada", minute=20)
    pipeline.sandbox.polar.break_customer(broken.id)

    pipeline.sync(selection=ALONE)

    assert pipeline.hour(0, CUSTOMERS)["customers"] == 2
    assert sorted(stored(pipeline), key=str) == [None, "ada@example.com"]

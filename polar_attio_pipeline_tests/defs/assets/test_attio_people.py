"""What a run of customer_sync leaves in Attio, in the ledger and on record, whatever happened on the way."""

import time

import pytest

from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.outcomes import Reason, Result
from polar_attio_pipeline_tests.conftest import CUSTOMERS, PEOPLE, Pipeline

ONLY_PEOPLE = [PEOPLE]
ONLY_CUSTOMERS = [CUSTOMERS]


def polar_lists(pipeline: Pipeline) -> int:
    """How many pages of customers Polar was asked for since the last call."""
    asked = pipeline.sandbox.traffic.count(service="polar", route="/v1/customers/")
    pipeline.sandbox.traffic.reset()
    return asked


def test_an_hour_puts_its_customers_and_only_those_into_attio_and_the_same_again_writes_nothing(
    pipeline: Pipeline,
) -> None:
    pipeline.add("before", hour=-1, minute=59)
    pipeline.add("ada", minute=0)
    pipeline.add("bob", minute=59)
    pipeline.add("after", hour=1, minute=0)

    pipeline.sync()

    assert pipeline.names() == {"ada", "bob"}
    assert pipeline.person("ada").values["polar_customer"] is True
    assert pipeline.writes == 2

    pipeline.sync()

    assert pipeline.writes == 2
    assert pipeline.hour()["unchanged"] == 2


def test_a_range_is_one_run_in_which_each_hour_has_its_own_numbers(pipeline: Pipeline) -> None:
    pipeline.add("ada", hour=0)
    pipeline.add("bob", hour=2)
    pipeline.add("carol", hour=2, minute=45)
    pipeline.add("dave", hour=3)
    pipeline.sync(3)

    result = pipeline.sync(0, 3)

    recorded = pipeline.recorded()
    assert set(recorded) == pipeline.keys(0, 3)
    assert [pipeline.hour(n)["customers"] for n in range(4)] == [1, 0, 2, 1]
    assert [pipeline.hour(n)["created"] for n in range(4)] == [1, 0, 2, 0]
    assert [pipeline.hour(n)["unchanged"] for n in range(4)] == [0, 0, 0, 1]
    assert [pipeline.hour(n)["requests"] > 0 for n in range(4)] == [True, False, True, True]
    assert all(pipeline.hour(n)["seconds"] >= 0 for n in range(4))
    assert pipeline.hour(1)["outcomes"] == "none"
    assert pipeline.hour(2)["outcomes"].count("| created |") == 2
    assert result.run_id in {run.run_id for run in pipeline.instance.get_runs()}
    assert pipeline.instance.get_runs_count() == 2


def test_an_empty_hour_works_and_the_very_first_one_too(pipeline: Pipeline) -> None:
    pipeline.sync()

    assert pipeline.hour()["customers"] == 0
    assert pipeline.writes == 0
    assert pipeline.ledger.counts() == dict.fromkeys(Result, 0)


def test_an_hour_that_was_never_read_is_read_when_attio_people_runs_alone(pipeline: Pipeline) -> None:
    pipeline.add("ada")

    pipeline.sync(selection=ONLY_PEOPLE)

    assert pipeline.names() == {"ada"}


def test_what_a_run_has_just_read_is_used_as_it_is(pipeline: Pipeline) -> None:
    pipeline.add("ada")

    pipeline.sync()

    assert polar_lists(pipeline) == 1
    assert pipeline.names() == {"ada"}


def test_what_a_run_has_read_too_long_ago_is_read_anew(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.configure(polar_attio_snapshot_minutes=0)

    pipeline.sync()

    # Once for the snapshot, and once because that is old.
    assert polar_lists(pipeline) == 2
    assert pipeline.names() == {"ada"}


def test_what_another_run_has_read_is_read_anew_however_young_it_is(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    pipeline.sync(selection=ONLY_CUSTOMERS)
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada Renamed")

    pipeline.sync(selection=ONLY_PEOPLE)

    assert pipeline.person("ada").name == "Ada Renamed"


@pytest.mark.usefixtures("impatient")
def test_a_run_resumed_from_its_failure_hours_later_writes_what_polar_says_by_then(pipeline: Pipeline) -> None:
    ada = pipeline.add("ada")
    deleted = pipeline.add("deleted")
    fault = pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio"))
    pipeline.sync(fails=True)
    pipeline.sandbox.faults.remove(fault)
    pipeline.sandbox.polar.update_customer(ada.id, name="Ada Renamed")
    pipeline.sandbox.polar.delete_customer(deleted.id)

    pipeline.sync(selection=ONLY_PEOPLE)

    assert pipeline.person("ada").name == "Ada Renamed"
    assert pipeline.names() == {"ada"}


def test_a_range_is_read_once_however_many_hours_it_has(pipeline: Pipeline) -> None:
    pipeline.configure(polar_attio_snapshot_minutes=0)

    pipeline.sync(0, 5)

    # Once for the snapshot, and once because that is old.
    assert polar_lists(pipeline) == 2


@pytest.mark.usefixtures("impatient")
def test_a_full_plan_costs_the_new_people_alone_and_each_is_named(pipeline: Pipeline) -> None:
    for hour in range(6):
        pipeline.add(f"customer{hour}", hour=hour)
    # Three more people, and the company that Attio makes of their addresses.
    pipeline.sandbox.attio.plan_limit_records = 4

    pipeline.sync(0, 5)

    assert set(pipeline.recorded()) == pipeline.keys(0, 5)
    rows = pipeline.ledger.unresolved(limit=None)
    assert [row.reason for row in rows] == [Reason.NOT_TAKEN] * 3
    assert all("plan" in (row.detail or "") for row in rows)

    pipeline.sandbox.attio.plan_limit_records = None
    pipeline.sync(8, retry_unresolved=True)

    assert pipeline.ledger.unresolved(limit=None) == []
    assert pipeline.writes == 6


@pytest.mark.usefixtures("impatient")
def test_a_range_that_dies_half_way_keeps_the_hours_it_finished_and_resumes_without_repeating_writes(
    pipeline: Pipeline,
) -> None:
    for hour in range(6):
        pipeline.add(f"customer{hour}", hour=hour)
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", method="POST", path="*/records", skip=3))
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", path="/v2/self", skip=1))

    pipeline.sync(0, 5, fails=True)

    assert set(pipeline.recorded()) == pipeline.keys(0, 2)
    assert pipeline.hour(2)["created"] == 1
    assert pipeline.ledger.counts()[Result.CREATED] == 3

    pipeline.sandbox.faults.clear()
    pipeline.sync(0, 5)

    assert set(pipeline.recorded()) == pipeline.keys(0, 5)
    assert [pipeline.hour(n)["created"] for n in range(6)] == [0, 0, 0, 1, 1, 1]
    assert pipeline.writes == 6


def test_what_attio_refuses_is_on_record_and_the_run_is_green(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    refused = pipeline.add("refused", email="somebody@mail.test")

    pipeline.sync()

    assert (pipeline.hour()["created"], pipeline.hour()["rejected"]) == (1, 1)
    (row,) = pipeline.ledger.unresolved(limit=10)
    assert (row.polar_customer_id, row.reason) == (refused.id, "refused_by_attio")


@pytest.mark.usefixtures("impatient")
def test_a_row_that_polar_cannot_show_has_an_outcome_and_everybody_else_arrives(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    broken = pipeline.add("broken")
    pipeline.add("bob")
    pipeline.sandbox.polar.break_customer(broken.id)

    pipeline.sync()

    assert pipeline.names() == {"ada", "bob"}
    assert pipeline.hour()["rejected"] == 1
    (row,) = pipeline.ledger.unresolved(limit=10)
    assert row.reason == "unreadable_in_polar"


@pytest.mark.usefixtures("impatient")
def test_a_row_that_polar_cannot_show_stays_on_record_while_other_hours_are_synced(pipeline: Pipeline) -> None:
    broken = pipeline.add("broken")
    pipeline.sandbox.polar.break_customer(broken.id)
    pipeline.sync()

    pipeline.sync(3, retry_unresolved=True)

    assert [row.reason for row in pipeline.ledger.unresolved(limit=10)] == ["unreadable_in_polar"]


def test_customers_of_other_hours_are_tried_again_with_what_polar_says_now(pipeline: Pipeline) -> None:
    mended = pipeline.add("mended", email="somebody@mail.test")
    gone = pipeline.add("gone", email="nobody@mail.test")
    still = pipeline.add("still", email="still@mail.test")
    pipeline.sync()
    pipeline.sandbox.polar.update_customer(mended.id, email="mended@example.com")
    pipeline.sandbox.polar.delete_customer(gone.id)

    pipeline.sync(3, retry_unresolved=True)

    assert pipeline.names() == {"mended"}
    assert [row.polar_customer_id for row in pipeline.ledger.unresolved(limit=10)] == [still.id]
    assert pipeline.hour(3)["customers"] == 0
    assert pipeline.hour(3)["retried from other hours"].count("\n") == 3


def test_nobody_of_another_hour_is_tried_again_unless_asked_for(pipeline: Pipeline) -> None:
    mended = pipeline.add("mended", email="somebody@mail.test")
    pipeline.sync()
    pipeline.sandbox.polar.update_customer(mended.id, email="mended@example.com")

    pipeline.sync(3)

    assert pipeline.names() == set()


@pytest.mark.usefixtures("impatient")
def test_a_customer_whom_polar_cannot_show_any_more_waits_for_a_later_pass(pipeline: Pipeline) -> None:
    refused = pipeline.add("refused", email="somebody@mail.test")
    pipeline.add("ada", hour=3)
    pipeline.sync()
    pipeline.sandbox.polar.break_customer(refused.id)

    pipeline.sync(3, retry_unresolved=True)

    assert pipeline.names() == {"ada"}
    assert refused.id in [row.polar_customer_id for row in pipeline.ledger.unresolved(limit=10)]


@pytest.mark.parametrize("minutes", [7, -7])
def test_when_polar_was_read_is_told_by_its_clock(pipeline: Pipeline, minutes: int) -> None:
    pipeline.sandbox.faults.add(Fault(kind=Kind.CLOCK_SKEW, service="polar", skew_minutes=minutes))

    pipeline.sync()

    assert pipeline.hour()["polar_read_at"] == pytest.approx(time.time() + 60 * minutes, abs=30)


def test_values_that_a_person_typed_stay_unless_the_setting_says_otherwise(pipeline: Pipeline) -> None:
    pipeline.add("ada", name="Ada Lovelace")
    pipeline.sandbox.attio.add_person(emails=["ada@example.com"], name="Countess Lovelace")
    pipeline.sync()
    assert pipeline.person("ada").name == "Countess Lovelace"

    pipeline.configure(polar_attio_overwrite_typed=True)
    pipeline.sync()

    assert pipeline.person("ada").name == "Ada Lovelace"


def test_what_a_setting_maps_arrives_by_each_asset_and_is_a_column(pipeline: Pipeline) -> None:
    pipeline.configure(polar_attio_attributes='{"plan_tier": {"from": "metadata.tier"}}')
    pipeline.sandbox.attio.add_attribute("plan_tier", "text")
    ada = pipeline.add("ada", metadata={"tier": "pro"})

    pipeline.sync()
    assert pipeline.person("ada").values["plan_tier"] == "pro"

    pipeline.sandbox.polar.update_customer(ada.id, metadata={"tier": "max"})
    pipeline.reconcile()
    assert pipeline.person("ada").values["plan_tier"] == "max"
    schema = pipeline.defs.resolve_asset_graph().get(PEOPLE).metadata["dagster/column_schema"]
    assert "plan_tier" in str(schema)

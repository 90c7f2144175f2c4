"""When hours are closed and which ones a run covers."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

import dagster as dg
import pytest
from dagster._daemon.monitoring import run_monitoring
from pydantic import SecretStr

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.partitions import hours_from, range_tags
from polar_attio_pipeline.defs.readable_events import note_events
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.run_tags import HOURS, REASON
from polar_attio_pipeline.defs.schedules import build_hourly_schedule, build_reconciliation_schedule
from polar_attio_pipeline.hours import HOUR
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.conftest import RECONCILIATION, Pipeline

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def tick(at: datetime, *, overlap: int = 2) -> dg.RunRequest | dg.SkipReason:
    schedule = build_hourly_schedule(Names(), hours_from(START), overlap_hours=overlap, minute=5)
    with dg.build_schedule_context(scheduled_execution_time=at) as context:
        result = schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result


def covered(at: datetime, *, overlap: int = 2) -> dict[str, str]:
    request = tick(at, overlap=overlap)
    assert isinstance(request, dg.RunRequest)
    return {name: value for name, value in request.tags.items() if name.startswith("dagster/")}


def test_a_tick_closes_the_hour_that_has_just_ended_and_reads_those_before_it_again() -> None:
    assert covered(START + timedelta(hours=10, minutes=5)) == range_tags(START + 7 * HOUR, START + 9 * HOUR)


def test_a_run_says_which_hour_it_closes_and_which_hours_it_covers() -> None:
    request = tick(START + timedelta(hours=10, minutes=5))

    assert isinstance(request, dg.RunRequest)
    assert request.tags[REASON] == "closes 09-10 UTC"
    assert request.tags[HOURS] == "Nov 01, 07-10 UTC"


def test_without_an_overlap_it_closes_one_hour() -> None:
    assert covered(START + timedelta(hours=10, minutes=5), overlap=0) == range_tags(START + 9 * HOUR, START + 9 * HOUR)


@pytest.mark.parametrize(("hour", "first"), [(1, 0), (2, 0), (3, 0), (4, 1)])
def test_the_first_hours_reach_back_to_the_start_and_no_further(hour: int, first: int) -> None:
    at = START + timedelta(hours=hour, minutes=5)

    assert covered(at) == range_tags(START + first * HOUR, START + (hour - 1) * HOUR)


@pytest.mark.parametrize("early", [timedelta(minutes=5), timedelta(hours=-30)])
def test_before_the_first_hour_has_ended_there_is_nothing_to_close(early: timedelta) -> None:
    skip = tick(START + early)

    assert isinstance(skip, dg.SkipReason)
    assert skip.skip_message == "The first hour, 2026-11-01 00:00 UTC, has not ended yet."


def test_the_zone_in_which_the_time_of_a_tick_is_told_does_not_matter() -> None:
    at = (START + timedelta(hours=10, minutes=5)).astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert covered(at) == range_tags(START + 7 * HOUR, START + 9 * HOUR)


def test_a_run_tries_unresolved_customers_again_and_may_be_asked_for_again() -> None:
    request = tick(START + timedelta(hours=10, minutes=5))

    assert isinstance(request, dg.RunRequest)
    assert request.run_config["ops"]["attio_people"]["config"] == {
        "retry_unresolved": True,
        "expected": [],
        "approve": [],
    }
    assert request.run_key is None


def test_both_schedules_run_by_default_and_in_utc() -> None:
    hourly = build_hourly_schedule(Names(), hours_from(START), overlap_hours=2, minute=5)
    ledger = LedgerResource.at(SecretStr("ledger.db"))
    whole = build_reconciliation_schedule(Names(), cron="35 3 * * *", ledger=ledger)

    assert [schedule.default_status for schedule in (hourly, whole)] == [dg.DefaultScheduleStatus.RUNNING] * 2
    assert (hourly.name, hourly.cron_schedule, hourly.execution_timezone) == (
        "hourly_customer_sync",
        "5 * * * *",
        "UTC",
    )
    assert (whole.name, whole.job_name, whole.cron_schedule, whole.execution_timezone) == (
        "scheduled_reconciliation",
        "full_reconciliation",
        "*/10 * * * *",
        "UTC",
    )


def test_the_last_hour_of_the_partitions_is_the_running_one() -> None:
    now = START + timedelta(hours=3, minutes=30)

    assert hours_from(START).get_partition_keys(current_time=now) == [
        "2026-11-01-00:00",
        "2026-11-01-01:00",
        "2026-11-01-02:00",
        "2026-11-01-03:00",
    ]


@pytest.fixture
def lasting(pipeline: Pipeline, tmp_path: Path) -> Iterator[Pipeline]:
    """On an instance with a folder: a schedule is not given any other."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        pipeline.instance = instance
        yield pipeline


def look(pipeline: Pipeline, at: datetime, name: str = "scheduled_reconciliation") -> str | None:
    """Why a schedule asks for no run at a moment; None if it asks for one."""
    schedule = pipeline.defs.resolve_schedule_def(name)
    # Closed at once: it opens an instance of its own, and one that is closed late stays the current one for all tests.
    with dg.build_schedule_context(instance=pipeline.instance, scheduled_execution_time=at) as context:
        result = schedule(context)
    assert isinstance(result, dg.RunRequest | dg.SkipReason)
    return result.skip_message if isinstance(result, dg.SkipReason) else None


def test_a_reconciliation_that_fails_is_tried_again_by_itself_and_a_success_ends_that(
    lasting: Pipeline, impatient: None
) -> None:
    pipeline = lasting
    now = datetime.now(UTC)
    pipeline.configure(polar_attio_reconciliation_cron="* * * * *")
    pipeline.sandbox.faults.add(Fault(kind=Kind.REVOKED, service="polar"))
    pipeline.reconcile(fails=True)
    pipeline.reconcile(fails=True)

    early, later = look(pipeline, now + 10 * MINUTE), look(pipeline, now + 21 * MINUTE)

    assert early is not None
    assert early.startswith("The newest 2 reconciliations failed: look at the newest failed run. The next try is due")
    assert later is None

    pipeline.sandbox.faults.clear()
    pipeline.reconcile()
    pipeline.configure(polar_attio_reconciliation_cron="35 3 * * *")
    assert "The newest reconciliation began at" in (look(pipeline, datetime.now(UTC)) or "")


@pytest.mark.parametrize(
    ("readable", "cron", "due"), [(True, "", False), (False, "", True), (False, "35 3 * * *", False)]
)
def test_a_reconciliation_is_due_every_hour_while_events_cannot_be_read_and_no_setting_says_when(
    lasting: Pipeline, readable: bool, cron: str, due: bool
) -> None:
    lasting.configure(polar_attio_reconciliation_cron=cron)
    lasting.reconcile()
    note_events(LedgerResource.at(lasting.settings.polar_attio_database_url), readable=readable)
    began = datetime.now(UTC)
    later = began + HOUR + 10 * MINUTE
    daily = began.replace(hour=3, minute=35, second=0, microsecond=0)

    assert (look(lasting, later) is None) is (due or began < daily <= later)


def test_a_pass_over_companies_follows_each_reconciliation_and_a_failure_of_it_leaves_that_alone(
    lasting: Pipeline,
) -> None:
    pipeline, name = lasting, "company_sync_after_reconciliation"
    pipeline.configure(polar_attio_companies=True, polar_attio_reconciliation_cron="* * * * *")
    assert look(pipeline, datetime.now(UTC), name) == "No reconciliation has succeeded yet, and companies follow one."
    pipeline.reconcile()
    assert look(pipeline, datetime.now(UTC), name) is None

    # The workspace lacks the attributes of companies.
    pipeline.run("company_sync", fails=True)

    assert "failed. The next try is due at" in (look(pipeline, datetime.now(UTC), name) or "")
    assert look(pipeline, datetime.now(UTC) + 11 * MINUTE, name) is None
    assert "failed" not in (look(pipeline, datetime.now(UTC) + 2 * MINUTE) or "")
    add_attributes(pipeline.sandbox.attio, COMPANY_ATTRIBUTES, object_slug="companies")
    pipeline.run("company_sync")
    assert "One follows each reconciliation." in (look(pipeline, datetime.now(UTC), name) or "")
    pipeline.reconcile()
    assert look(pipeline, datetime.now(UTC), name) is None


def test_a_ledger_that_cannot_be_asked_leaves_the_reconciliation_to_its_day(
    lasting: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting.reconcile()
    monkeypatch.setattr(Ledger, "fact", mock.Mock(side_effect=OSError))

    assert "The newest reconciliation began at" in (look(lasting, datetime.now(UTC)) or "")


def test_a_reconciliation_that_the_ui_started_by_its_asset_counts_like_one_of_the_job(lasting: Pipeline) -> None:
    pipeline = lasting
    job = pipeline.defs.resolve_implicit_global_asset_job_def()
    run = pipeline.instance.create_run_for_job(
        job, asset_selection=frozenset({RECONCILIATION}), status=dg.DagsterRunStatus.STARTED
    )

    assert look(pipeline, datetime.now(UTC)) == "A reconciliation is queued or running."

    pipeline.instance.report_run_canceled(run)
    assert "cancelled by hand" in (look(pipeline, datetime.now(UTC)) or "")


def test_runs_of_other_jobs_are_no_reconciliations(lasting: Pipeline) -> None:
    lasting.instance.create_run_for_job(lasting.defs.resolve_job_def("preview"), status=dg.DagsterRunStatus.STARTED)

    assert "No reconciliation has succeeded yet" in (look(lasting, START + timedelta(hours=12)) or "")


@pytest.mark.parametrize("cron", ["61 3 * * *", "0 0 31 2 *", "a b c d e"])
def test_an_expression_that_never_comes_is_refused_with_the_name_of_the_setting(pipeline: Pipeline, cron: str) -> None:
    with pytest.raises(ValueError, match=r"POLAR_ATTIO_RECONCILIATION_CRON: .* is no cron expression that ever comes"):
        pipeline.configure(polar_attio_reconciliation_cron=cron)


@pytest.mark.parametrize(
    ("job", "seconds"),
    [("customer_sync", "7200"), ("changed_customer_sync", "3600"), ("full_reconciliation", "172800")],
)
def test_each_job_says_how_long_its_runs_may_take(pipeline: Pipeline, job: str, seconds: str) -> None:
    assert pipeline.defs.resolve_job_def(job).run_tags["dagster/max_runtime"] == seconds


@pytest.mark.parametrize(("tags", "ended"), [({}, True), ({"dagster/max_runtime": "172800"}, False)])
def test_the_tag_wins_over_the_setting_of_the_instance(
    instance: dg.DagsterInstance, tags: dict[str, str], ended: bool
) -> None:
    @dg.job
    def some_job() -> None:
        """Do nothing."""

    run = instance.create_run_for_job(some_job, tags=tags, status=dg.DagsterRunStatus.NOT_STARTED)
    instance.report_dagster_event(
        dg.DagsterEvent("PIPELINE_START", job_name=some_job.name, message="started"), run_id=run.run_id
    )
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    with mock.patch.object(run_monitoring, "get_current_timestamp", return_value=(record.start_time or 0) + 7300):
        run_monitoring.check_run_timeout(instance, record, logging.getLogger(), 7200.0)

    after = instance.get_run_by_id(run.run_id)
    assert after is not None
    assert after.is_finished is ended

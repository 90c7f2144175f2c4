"""The reconciliation and the pass over companies, judged by the runs that Dagster has on record."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.runs import Target
from polar_attio_pipeline.defs.sensors.notices import COMPANIES, RECONCILIATION, State
from polar_attio_pipeline.defs.sensors.run_states import companies, reconciliation
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline.defs.stopped import WAITS_FOR
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import START

NAMES = Names("acme")
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
DUE = START.replace(hour=3, minute=35)
"""A time of the cron expression, every day."""


class Record:
    """What Dagster has on record, and a look at it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        watched = Watched(NAMES, START, timedelta(hours=3), "35 3 * * *", "http://ui", str, with_companies=True)
        self.instance = instance
        self.look = Look(instance, watched, datetime.now(UTC))

    def at(self, now: datetime) -> Look:
        return replace(self.look, now=now)

    def run(
        self,
        target: Target,
        status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Put a run on record; return its id."""

        @dg.job(name=target.job)
        def job() -> None: ...

        failed = status is dg.DagsterRunStatus.FAILURE
        run = self.instance.create_run_for_job(
            job, status=dg.DagsterRunStatus.STARTED if failed else status, tags=dict(tags or {})
        )
        if failed:
            self.instance.report_run_failed(run, "Polar refused ada@example.com.")
        return run.run_id


@pytest.fixture
def record() -> Iterator[Record]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Record(instance)


def test_a_reconciliation_that_failed_is_told_with_its_cause_its_run_and_when_it_is_tried_again(record: Record) -> None:
    record.run(NAMES.reconciliation)
    failed = record.run(NAMES.reconciliation, dg.DagsterRunStatus.FAILURE)

    assert reconciliation(record.look, START) == State(
        RECONCILIATION,
        f"The newest reconciliation failed. It says: Polar refused <email>. See http://ui/runs/{failed} and, for when "
        "it is tried again, the schedule acme_scheduled_reconciliation (http://ui/automation).",
    )


def test_a_success_ends_it(record: Record) -> None:
    record.run(NAMES.reconciliation, dg.DagsterRunStatus.FAILURE)
    record.run(NAMES.reconciliation)

    assert reconciliation(record.look, START) == State(RECONCILIATION, None)


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
)
def test_a_run_that_has_not_come_to_its_end_says_nothing_of_it(record: Record, status: dg.DagsterRunStatus) -> None:
    record.run(NAMES.reconciliation, dg.DagsterRunStatus.FAILURE)
    record.run(NAMES.reconciliation, status)

    state = reconciliation(record.look, START)

    assert state is not None
    assert (state.problem or "").startswith("The newest reconciliation failed.")


def test_runs_of_another_pipeline_and_of_other_passes_are_none_of_its_own(record: Record) -> None:
    for other in (Names().reconciliation, NAMES.people, NAMES.companies):
        record.run(other, dg.DagsterRunStatus.FAILURE)

    assert reconciliation(record.look, record.look.now) == State(RECONCILIATION, None)


def test_one_that_waits_for_an_approval_is_told_by_that_and_not_as_failed(record: Record) -> None:
    record.run(NAMES.reconciliation, dg.DagsterRunStatus.FAILURE, {WAITS_FOR: "many-changes"})

    assert reconciliation(record.look, START) == State(RECONCILIATION, None)


@pytest.mark.parametrize("now", [DUE + DAY - SECOND, DUE, DUE + SECOND])
def test_one_that_is_due_may_take_until_the_next_one_is(record: Record, now: datetime) -> None:
    assert reconciliation(record.at(now), DUE - DAY) == State(RECONCILIATION, None)


def test_one_that_never_succeeded_is_late_when_two_were_due(record: Record) -> None:
    assert reconciliation(record.at(DUE + DAY), DUE) == State(RECONCILIATION, None)
    assert reconciliation(record.at(DUE + DAY), DUE - SECOND) == State(
        RECONCILIATION,
        "No reconciliation has succeeded yet, although two were due: see that Dagster's daemon runs and that the "
        "schedule acme_scheduled_reconciliation is on (http://ui/automation), or launch acme_full_reconciliation by "
        "hand.",
    )


def test_one_that_succeeded_long_ago_is_late_since_then(record: Record) -> None:
    record.run(NAMES.reconciliation)
    (one,) = record.instance.get_run_records()
    began = one.create_timestamp

    state = reconciliation(record.at(began + 2 * DAY), began + 2 * DAY)

    assert state is not None
    assert (state.problem or "").startswith(
        f"No reconciliation has succeeded since {began:%Y-%m-%d %H:%M} UTC, although two were due"
    )


def test_one_that_is_late_and_under_way_is_not_judged(record: Record) -> None:
    record.run(NAMES.reconciliation, dg.DagsterRunStatus.STARTED)

    assert reconciliation(record.at(DUE + DAY), DUE - SECOND) is None


def test_while_another_pipelines_reconciliation_is_under_way_a_late_one_is_late(record: Record) -> None:
    record.run(Names().reconciliation, dg.DagsterRunStatus.STARTED)

    assert reconciliation(record.at(DUE + DAY), DUE - SECOND) is not None


def test_a_pass_over_companies_that_failed_is_told_with_its_cause_and_its_run(record: Record) -> None:
    record.run(NAMES.companies)
    failed = record.run(NAMES.companies, dg.DagsterRunStatus.FAILURE)

    assert companies(record.look) == State(
        COMPANIES,
        f"The newest pass over companies failed. It says: Polar refused <email>. See http://ui/runs/{failed} and, for "
        "when it is tried again, the schedule acme_company_sync_after_reconciliation (http://ui/automation).",
    )


def test_a_success_over_companies_ends_it_and_none_at_all_is_well(record: Record) -> None:
    assert companies(record.look) == State(COMPANIES, None)
    record.run(NAMES.companies, dg.DagsterRunStatus.FAILURE)
    record.run(NAMES.companies)

    assert companies(record.look) == State(COMPANIES, None)


def test_where_companies_are_no_longer_kept_an_old_failure_is_no_news(record: Record) -> None:
    record.run(NAMES.companies, dg.DagsterRunStatus.FAILURE)
    without = replace(record.look, watched=replace(record.look.watched, with_companies=False))

    assert companies(without) == State(COMPANIES, None)

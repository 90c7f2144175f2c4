"""Runs that were stopped for too many changes: what they show, and how a person lets one through."""

import logging
from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.defs.stopped import WAITS_FOR, approved_by
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import MANY_CHANGES
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline_tests.conftest import Pipeline, what_failed

APPROVED = {"approve": [MANY_CHANGES.name]}


@pytest.fixture
def book(pipeline: Pipeline) -> list[Customer]:
    """Twelve customers in Attio, of whom a pass may change two."""
    pipeline.configure(polar_attio_change_min_people=2, polar_attio_change_max_share=0.2)
    customers = [pipeline.add(f"customer{number}", minute=number) for number in range(12)]
    pipeline.reconcile()
    for one in customers:
        pipeline.sandbox.polar.update_customer(one.id, name=f"Renamed {one.id[:8]}")
    return customers


def run(pipeline: Pipeline, job: str, config: dict[str, Any] | None = None, **how: Any) -> dg.ExecuteInProcessResult:
    """Run one of the jobs over all twelve customers."""
    if job == "customer_sync":
        op, given = "attio_people", {}
        how["tags"] = {"dagster/partition": f"{pipeline.here:%Y-%m-%d-%H:%M}"}
    elif job == "changed_customer_sync":
        op, given = "changed_customers", {"customers": list(pipeline.sandbox.polar.customers)}
    else:
        op, given = "customer_reconciliation", {}
    return pipeline.run(job, run_config={"ops": {op: {"config": {**given, **(config or {})}}}}, **how)


def renamed(pipeline: Pipeline) -> int:
    return sum(str(one.name).startswith("Renamed") for one in pipeline.sandbox.attio.people())


@pytest.mark.parametrize("job", ["full_reconciliation", "customer_sync", "changed_customer_sync"])
def test_a_job_that_is_stopped_is_let_through_once_by_the_config_of_a_run(
    pipeline: Pipeline, book: list[Customer], job: str
) -> None:
    before = pipeline.writes
    stopped = run(pipeline, job, fails=True)
    assert what_failed(stopped).startswith("The pass would change 12 of the 12 people in Attio")
    assert pipeline.writes == before

    run(pipeline, job, APPROVED)
    assert renamed(pipeline) == len(book)

    for one in book:
        pipeline.sandbox.polar.update_customer(one.id, name="Renamed again")
    run(pipeline, job, fails=True)


def test_a_stopped_run_shows_attributes_and_examples_with_links_and_nothing_personal(
    pipeline: Pipeline, book: list[Customer]
) -> None:
    stopped = run(pipeline, "full_reconciliation", fails=True)

    (failure,) = (event.step_failure_data for event in stopped.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None
    shown = {name: str(value.value) for name, value in failure.user_failure_data.metadata.items()}
    assert "| name | replaced | 12 |" in shown["attributes"]
    assert shown["examples"].count("/customers/") == shown["examples"].count("/person/") == 10
    assert str(book[0].id) in shown["examples"]
    said = "".join([*shown.values(), what_failed(stopped)])
    assert "@" not in said
    assert "Renamed" not in said
    assert pipeline.instance.get_run_by_id(stopped.run_id).tags[WAITS_FOR] == MANY_CHANGES.name  # type: ignore[union-attr]


def test_an_approval_before_anything_was_stopped_allows_nothing(pipeline: Pipeline, book: list[Customer]) -> None:
    stopped = run(pipeline, "full_reconciliation", APPROVED, fails=True)
    assert "would change 12" in what_failed(stopped)
    assert renamed(pipeline) == 0
    run(pipeline, "full_reconciliation", APPROVED)
    assert renamed(pipeline) == len(book)


def test_a_re_execution_approves_nothing_and_says_so(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    job = pipeline.defs.resolve_job_def("full_reconciliation")
    first = pipeline.instance.create_run_for_job(job)
    again = pipeline.instance.create_run_for_job(job, parent_run_id=first.run_id, root_run_id=first.run_id)
    log = logging.getLogger("run")

    assert approved_by(first, APPROVED["approve"], log) == {MANY_CHANGES.name}
    assert caplog.messages == []
    assert approved_by(again, APPROVED["approve"], log) == frozenset()
    assert caplog.messages == ["A re-execution approves nothing: launch the job anew to approve many-changes."]


def test_a_name_that_approves_nothing_is_refused_with_those_that_do(pipeline: Pipeline) -> None:
    refused = run(pipeline, "full_reconciliation", {"approve": ["many_changes"]}, fails=True)
    said = what_failed(refused)
    assert "by the name many_changes" in said
    assert "fewer-customers, many-changes, organization" in said


def test_fewer_customers_can_be_approved_in_the_config_too(pipeline: Pipeline) -> None:
    customers = [pipeline.add(f"customer{number}") for number in range(12)]
    pipeline.reconcile()
    for one in customers[:8]:
        pipeline.sandbox.polar.delete_customer(one.id)
    stopped = run(pipeline, "full_reconciliation", fails=True)
    assert "`approve: [fewer-customers]`" in what_failed(stopped)
    (waiting,) = approvals.waiting(pipeline.ledger)
    assert waiting.name == "fewer-customers"
    run(pipeline, "full_reconciliation", {"approve": ["fewer-customers"]})
    assert approvals.waiting(pipeline.ledger) == []

"""The log of a run in Dagster: the story of the pass, and what the package logs, each line once."""

import asyncio
import logging
import signal
import threading
from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.defs.run_log import run_pass
from polar_attio_pipeline.passes.progress import Began, Report
from polar_attio_pipeline.passes.stopping import Stop
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline_tests.conftest import Pipeline

PACKAGE = logging.getLogger("polar_attio_pipeline")


def told(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, level: int = logging.INFO) -> list[str]:
    """What people have written into the log of a run, without Dagster's own events."""
    entries = instance.all_logs(result.run_id)
    return [one.user_message for one in entries if one.dagster_event is None and int(one.level) >= level]


def test_the_log_of_a_reconciliation_is_its_story(pipeline: Pipeline) -> None:
    pipeline.add("ada")
    pipeline.add("team", email=None, type="team")

    lines = told(pipeline.reconcile(), pipeline.instance)

    assert lines[0] == "Read 0 subscriptions of 0 customers from Polar."
    assert lines[1] == "A reconciliation of everything begins (job full_reconciliation, started by hand)."
    assert any(line.startswith("Finished after") and "1 created" in line and "1 rejected" in line for line in lines)
    assert any(line.startswith("1 rejected, no_email:") for line in lines)
    assert "scheduled_reconciliation" in lines[-1]


def test_the_log_of_a_quiet_hour_is_short(pipeline: Pipeline) -> None:
    lines = told(pipeline.sync(), pipeline.instance)

    assert 3 <= len(lines) <= 6, lines
    assert lines[0].startswith("Read 0 customers of 1 hour from Polar")


def test_a_run_that_fails_says_what_happens_next(pipeline: Pipeline, impatient: None) -> None:
    pipeline.add("ada")
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar"))

    lines = told(pipeline.reconcile(fails=True), pipeline.instance)

    assert any(line.startswith("Failed after") for line in lines)
    assert any("scheduled_reconciliation, while it is on, starts it again" in line for line in lines)


def in_a_run(instance: dg.DagsterInstance, work: Any) -> dg.ExecuteInProcessResult:
    """Run a step that is one pass."""

    @dg.op
    def step(context: dg.OpExecutionContext) -> None:
        run_pass(context.log, work)

    @dg.job
    def job() -> None:
        step()

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(instance=instance, run_config=quiet, raise_on_error=False)


async def chatty(report: Report, _: Stop) -> None:
    report(Began("a pass", "a test", "hourly", "p1"))
    logging.getLogger("polar_attio_pipeline.attio.client").warning("Something is odd about %s.", "a record")
    logging.getLogger("polar_attio_pipeline.polar.ways").info("The export is read.")
    logging.getLogger("polar_attio_pipeline.http.sending").debug("A request.")


STORY = ["A pass begins (a test).", "Something is odd about a record.", "The export is read."]


@pytest.mark.parametrize(
    "python_logs",
    [
        {},
        {"managed_python_loggers": ["polar_attio_pipeline"], "python_log_level": "INFO"},
        {"managed_python_loggers": ["root"], "python_log_level": "INFO"},
    ],
    ids=["unset", "package", "root"],
)
def test_what_the_package_logs_stands_there_once_whatever_the_instance_captures(
    python_logs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    for logger in (root, PACKAGE):
        monkeypatch.setattr(logger, "level", logger.level)
    with dg.instance_for_test(overrides={"python_logs": python_logs}) as instance:
        assert told(in_a_run(instance, chatty), instance) == STORY


def test_requests_stand_there_where_the_instance_asks_for_debug(monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.instance_for_test(overrides={"python_logs": {"python_log_level": "DEBUG"}}) as instance:
        result = in_a_run(instance, chatty)
        assert told(result, instance, logging.DEBUG) == [*STORY, "A request."]


def test_the_logger_of_the_package_is_afterwards_as_it_was(instance: dg.DagsterInstance) -> None:
    before = PACKAGE.level, list(PACKAGE.handlers)
    in_a_run(instance, chatty)
    assert (PACKAGE.level, PACKAGE.handlers) == before


def test_what_another_thread_logs_is_of_another_run(instance: dg.DagsterInstance) -> None:
    async def beside_another(report: Report, _: Stop) -> None:
        other = threading.Thread(target=PACKAGE.warning, args=["Of another run."])
        other.start()
        other.join()
        PACKAGE.warning("Of this run.")

    assert told(in_a_run(instance, beside_another), instance) == ["Of this run."]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end_lets_the_pass_end_and_is_interrupted(
    instance: dg.DagsterInstance, by: signal.Signals
) -> None:
    ended: list[str] = []

    async def work(_: Report, stop: Stop) -> None:
        signal.raise_signal(by)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append(stop.by.name if stop.by else "nothing")

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(dg.DagsterExecutionInterruptedError, match=by.name):
        run_pass(logging.getLogger("a run"), work)

    assert ended == [by.name]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before

"""What programs see of runs: spans, metrics and JSON lines, without people and tokens in them."""

import json
import logging
import subprocess
import sys
import textwrap
from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.telemetry import providers
from polar_attio_pipeline_tests.conftest import Pipeline, evaluate
from polar_attio_pipeline_tests.telemetry.collector import collecting
from polar_attio_pipeline_tests.telemetry.memory import Memory

PERSONAL = ("zaphod", "beeblebrox", "secret-domain", "quisling")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    kept = Memory()
    monkeypatch.setattr(providers, "providers", lambda: kept.providers)
    return kept


def json_lines(captured: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in captured.splitlines() if line.startswith("{")]


def test_a_run_is_spans_for_its_steps_passes_and_requests(memory: Memory, pipeline: Pipeline) -> None:
    pipeline.configure(polar_attio_telemetry=True)
    pipeline.add("ada")

    result = pipeline.sync()

    assert {span.name for span in memory.spans("step")} == {"step polar_customers", "step attio_people"}
    done = dict(memory.span("pass hourly").attributes or {})
    assert done["polar_attio.pass.id"] == result.run_id
    assert memory.total("polar_attio.outcomes", polar_attio_result="created") == 1
    assert memory.total("polar_attio.customers.not_in_attio", polar_attio_result="rejected") == 0


def test_where_the_setting_is_off_nothing_is_recorded(memory: Memory, pipeline: Pipeline) -> None:
    pipeline.add("ada")

    pipeline.sync()

    assert memory.spans() == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=Kind.STATUS, service="attio", method="POST", path="*/records*", status=503),
        Fault(kind=Kind.RESET, service="polar", times=2),
        Fault(kind=Kind.REFUSE, service="attio", method="POST", path="*/records", status=400),
    ],
    ids=["attio is down", "polar breaks off", "attio refuses"],
)
def test_spans_metrics_and_lines_of_a_faulty_run_hold_neither_people_nor_tokens(
    memory: Memory,
    pipeline: Pipeline,
    impatient: None,
    fault: Fault,
    capfd: pytest.CaptureFixture[str],
) -> None:
    pipeline.configure(polar_attio_telemetry=True, polar_attio_log_format="json")
    pipeline.add("zaphod", name="Zaphod Beeblebrox")
    pipeline.add("quisling", email="Vidkun.Quisling+Tag@secret-domain.com", name="Vidkun Quisling")
    pipeline.sandbox.faults.add(fault)
    for job in ("customer_sync", "full_reconciliation"):
        pipeline.defs.resolve_job_def(job).execute_in_process(
            instance=pipeline.instance,
            tags={"dagster/partition": next(iter(pipeline.keys(0, 0)))} if job == "customer_sync" else {},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    lines = json_lines(capfd.readouterr().err)
    spans = [span.to_json() for span in memory.spans()]
    text = "\n".join([*spans, *map(str, memory._points()), *map(str, lines)]).lower()
    assert len(spans) > 10
    assert len(lines) > 5
    assert [word for word in (*PERSONAL, POLAR_TOKEN.lower(), ATTIO_TOKEN.lower(), "@") if word in text] == []
    assert "?" not in "".join(span.name for span in memory.spans())


def test_a_run_is_json_lines_with_its_id_and_its_step(pipeline: Pipeline, capfd: pytest.CaptureFixture[str]) -> None:
    package = logging.getLogger("polar_attio_pipeline")
    before = package.level, list(package.handlers)
    pipeline.configure(polar_attio_log_format="json")
    pipeline.add("ada")

    result = pipeline.sync()

    lines = json_lines(capfd.readouterr().err)
    assert {line["run_id"] for line in lines} == {result.run_id}
    (began,) = (line for line in lines if line.get("event") == "began")
    assert (began["step"], began["kind"], began["pass_id"]) == ("attio_people", "hourly", result.run_id)
    (ended,) = (line for line in lines if line.get("event") == "ended")
    assert ended["counts"] == {"created": 1}
    assert ended["pass_id"] == result.run_id
    assert (package.level, package.handlers) == before


@pytest.mark.parametrize("managed", [False, True])
def test_what_the_package_logs_in_a_run_is_a_line_with_its_own_message(
    pipeline: Pipeline, managed: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("polar_attio_pipeline"), "level", logging.NOTSET)
    pipeline.configure(polar_attio_log_format="json")
    captured = {"managed_python_loggers": ["polar_attio_pipeline"], "python_log_level": "INFO"} if managed else {}
    with dg.instance_for_test(overrides={"python_logs": captured}) as instance:
        pipeline.instance = instance
        pipeline.reconcile()

    lines = json_lines(capfd.readouterr().err)
    (line,) = (one for one in lines if one["logger"] == "polar_attio_pipeline.passes.subscriptions")
    assert line["message"].startswith("Subscriptions are taken from the snapshot of this run")
    assert line["step"] == "customer_reconciliation"


def test_a_step_that_fails_ends_with_a_line_that_says_why(
    pipeline: Pipeline, impatient: None, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline.configure(polar_attio_log_format="json")
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar"))

    pipeline.sync(fails=True)

    last = json_lines(capfd.readouterr().err)[-1]
    assert (last["level"], last["step"]) == ("error", "polar_customers")
    assert last["error"]["type"] == "LostAnswerError"
    assert last["error"]["text"].startswith("Polar is failing")


def test_the_log_in_dagsters_ui_is_the_same_beside_json_lines(pipeline: Pipeline) -> None:
    def said() -> list[str]:
        entries = pipeline.instance.all_logs(pipeline.sync().run_id)
        return [one.user_message.partition(" ")[0] for one in entries if one.dagster_event is None]

    before = said()
    pipeline.configure(polar_attio_log_format="json")

    assert said() == before


def test_the_sensor_of_new_customers_sets_the_gauges_of_the_hours(memory: Memory, pipeline: Pipeline) -> None:
    pipeline.configure(polar_attio_telemetry=True)
    resources = pipeline.defs.resources or {}
    given = dg.build_sensor_context(
        instance=pipeline.instance,
        resources={key: resources[key] for key in ("polar", "ledger")},
        definitions=pipeline.defs,
    )
    with given as context:
        evaluate(pipeline.defs.resolve_sensor_def("new_polar_customers"), context)

    ((_, hours),) = memory.points("polar_attio.hours.open")
    ((_, age),) = memory.points("polar_attio.watermark.age")
    assert hours > 24
    assert age > hours * 3600


RUN = """
    import multiprocessing, os
    from pathlib import Path

    def work():
        from polar_attio_pipeline.telemetry.recording import recorded
        from polar_attio_pipeline.passes.progress import Began

        with recorded(True, "step attio_people") as report:
            report(Began("a pass", "a test", "hourly", "1"))

    if __name__ == "__main__":
        process = multiprocessing.get_context("spawn").Process(target=work)
        process.start()
        process.join(60)
        raise SystemExit(process.exitcode)
"""


def test_a_process_as_dagster_starts_them_has_sent_everything_when_it_ends(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a process ends without the functions that Python calls at exit (`atexit`)."""
    file = tmp_path / "run.py"
    file.write_text(textwrap.dedent(RUN))
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        subprocess.run([sys.executable, str(file)], check=True, timeout=60)

    assert sorted(collector.spans) == ["pass hourly", "step attio_people"]

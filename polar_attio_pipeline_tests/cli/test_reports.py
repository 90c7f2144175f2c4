"""What commands show of a pass beside text: JSON lines, and spans where the setting is on."""

import json
import logging
import time
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from polar_attio_pipeline.cli import sync as commands
from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.telemetry import providers
from polar_attio_pipeline.telemetry.recording import FLUSH_SECONDS
from polar_attio_pipeline_tests.conftest import Pipeline
from polar_attio_pipeline_tests.telemetry.collector import collecting
from polar_attio_pipeline_tests.telemetry.memory import Memory


@pytest.fixture(autouse=True)
def settings(pipeline_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with them."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_LOG_FORMAT", "json")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    kept = Memory()
    monkeypatch.setattr(providers, "providers", lambda: kept.providers)
    monkeypatch.setenv("POLAR_ATTIO_TELEMETRY", "true")
    return kept


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stderr.splitlines()]


def test_a_pass_is_json_lines_on_standard_error_and_nothing_else(as_json: None, pipeline: Pipeline) -> None:
    pipeline.add("ada", name="Ada Lovelace")

    result = run("sync")

    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    found = lines(result)
    assert found[0]["event"] == "began"
    assert {(line["pass_id"], line["kind"]) for line in found} == {
        (pipeline.ledger.newest_passes(1)[0].pass_id, "reconciliation")
    }
    (ended,) = (line for line in found if line.get("event") == "ended")
    assert ended["counts"] == {"created": 1}
    assert ended["requests"] > 0
    assert "ada" not in result.stderr.lower()


def test_an_error_is_a_line_with_its_class_and_the_sentence(as_json: None, pipeline: Pipeline, impatient: None) -> None:
    pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, status=503, service="polar"))

    result = run("sync")

    assert result.exit_code == 1
    last = lines(result)[-1]
    assert last["level"] == "error"
    assert last["message"].startswith("Polar is failing (503")
    assert last["error"]["type"] == "LostAnswerError"


def test_what_is_wrong_with_a_setting_is_such_a_line_too(as_json: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "")

    (line,) = lines(run("sync"))

    assert line["message"].startswith("POLAR_ACCESS_TOKEN is not set")


def test_an_error_that_nothing_expects_is_a_line_without_its_text(
    as_json: None, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("Ada Lovelace")

    monkeypatch.setattr(commands, "settings_with", fail)

    result = run("sync")

    assert result.exit_code == 1
    (line,) = lines(result)
    assert (line["level"], line["error"]["type"]) == ("critical", "ValueError")
    assert "Lovelace" not in result.output


def test_what_is_wrong_with_an_option_is_said_as_ever(as_json: None) -> None:
    result = run("sync", "--no-such-option")

    assert result.exit_code == 2
    assert "No such option" in result.stderr


def test_requests_are_lines_where_they_are_asked_for(as_json: None, pipeline: Pipeline) -> None:
    result = run("sync", "--debug")

    requests = [line for line in lines(result) if line["logger"] == "polar_attio_pipeline.http.sending"]
    assert len(requests) > 3
    assert {line["level"] for line in requests} == {"debug"}


def test_the_document_of_a_command_stays_alone_on_the_standard_output(as_json: None, pipeline: Pipeline) -> None:
    pipeline.add("ada")

    result = run("plan", "--json")

    assert json.loads(result.stdout)["counts"]
    lines(result)


def test_after_a_command_the_log_is_as_before(as_json: None, pipeline: Pipeline) -> None:
    before = list(logging.getLogger().handlers), logging.getLogger("polar_attio_pipeline").level

    run("sync")

    assert (logging.getLogger().handlers, logging.getLogger("polar_attio_pipeline").level) == before


def test_another_format_than_the_two_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLAR_ATTIO_LOG_FORMAT", "xml")

    result = run("sync")

    assert result.exit_code == 1
    assert result.stderr == ("A setting is not usable: POLAR_ATTIO_LOG_FORMAT: Input should be 'text' or 'json'.\n")


def test_a_pass_from_a_terminal_is_a_trace_and_still_lines_of_text(memory: Memory, pipeline: Pipeline) -> None:
    pipeline.add("ada")

    result = run("sync")

    assert "1 created" in result.stdout
    done = memory.span("pass reconciliation")
    attributes = dict(done.attributes or {})
    assert attributes["polar_attio.pass.reason"] == "polar-attio sync"
    assert attributes["polar_attio.outcomes.created"] == 1
    assert len({span.context.trace_id for span in memory.spans() if span.context}) == 1
    requests = [span for span in memory.spans() if "http.request.method" in (span.attributes or {})]
    assert len(requests) == attributes["polar_attio.pass.requests"]
    assert memory.total("http.client.request.duration") == len(requests)


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
def test_a_collector_in_trouble_loses_no_customer_and_costs_one_line_and_a_few_seconds(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    pipeline.add("ada")
    monkeypatch.setenv("POLAR_ATTIO_TELEMETRY", "true")
    with collecting() as collector:
        collector.hangs, collector.status = trouble == "hangs", 500
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        providers._own.cache_clear()
        began = time.monotonic()
        result = run("sync")
        seconds = time.monotonic() - began
    providers._own.cache_clear()

    assert result.exit_code == 0, result.output
    assert pipeline.names() == {"ada"}
    assert result.stdout.count("Telemetry does not reach its collector") == 1
    assert seconds < FLUSH_SECONDS + 8


def test_the_status_sets_the_gauges(memory: Memory, pipeline: Pipeline) -> None:
    pipeline.add("team", email=None, type="team")
    run("sync")

    run("status", "--offline")

    assert memory.total("polar_attio.customers.not_in_attio", polar_attio_result="rejected") == 1
    assert memory.points("polar_attio.hours.open") == []

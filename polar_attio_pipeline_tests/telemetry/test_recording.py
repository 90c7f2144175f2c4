"""Recording harms nothing: without the extra, without a collector, with one that hangs or fails."""

import builtins
import logging
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from polar_attio_pipeline.passes.progress import Began, Event
from polar_attio_pipeline.passes.stopping import PassStoppedError
from polar_attio_pipeline.telemetry import providers
from polar_attio_pipeline.telemetry.recording import FLUSH_SECONDS, both, record_standing, recorded, try_out
from polar_attio_pipeline.telemetry.standing import Standing
from polar_attio_pipeline_tests.telemetry.collector import Collector
from polar_attio_pipeline_tests.telemetry.memory import Memory
from polar_attio_pipeline_tests.telemetry.test_signals import ENDED

BEGAN = Began("a pass", "a test", "hourly", "1")


def warnings(logs: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in logs.records if record.levelno >= logging.WARNING]


def work(attributes: Mapping[str, str] | None = None) -> float:
    """Work that is recorded; return the seconds that it took."""
    began = time.monotonic()
    with recorded(True, "polar-attio sync", attributes) as report:
        report(BEGAN)
    return time.monotonic() - began


def test_nothing_is_recorded_where_the_setting_is_off(memory: Memory) -> None:
    with recorded(False, "polar-attio sync") as report:
        report(BEGAN)
    record_standing(False, Standing(open_hours=1))

    assert memory.spans() == []
    assert memory.points("polar_attio.hours.open") == []


def test_a_collector_gets_spans_and_metrics_before_the_work_has_ended(collector: Collector) -> None:
    work()
    assert sorted(collector.spans) == ["pass hourly", "polar-attio sync"]

    record_standing(True, Standing(open_hours=1), ends_soon=True)
    assert "polar_attio.hours.open" in collector.metrics
    assert collector.resource["service.name"] == "polar-attio-pipeline"
    assert collector.resource["service.instance.id"]


def test_the_environment_names_the_service(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "crm-sync")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")

    work()

    assert collector.resource["service.name"] == "crm-sync"
    assert collector.resource["deployment.environment.name"] == "test"


def test_the_arguments_of_a_command_are_not_sent_where_the_process_is_described(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "process")
    monkeypatch.setattr(sys, "orig_argv", ["polar-attio", "sync", "ada@example.com"])

    work()

    assert collector.resource["process.command"] == "polar-attio"
    assert not [body for body in collector.raw if b"ada@example.com" in body]


def test_a_backend_that_adds_up_gets_differences_if_the_environment_says_so(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")

    with recorded(True, "polar-attio sync") as report:
        report(BEGAN)
        report(ENDED)

    assert collector.temporalities == {AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA}


@pytest.mark.parametrize(("variable", "spans"), [("OTEL_TRACES_EXPORTER", 0), ("OTEL_METRICS_EXPORTER", 2)])
def test_either_of_both_can_be_switched_off_by_the_environment(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, variable: str, spans: int
) -> None:
    monkeypatch.setenv(variable, "none")

    work()
    record_standing(True, Standing(open_hours=1), ends_soon=True)

    assert len(collector.spans) == spans
    assert bool(collector.metrics) is (spans == 0)


def test_a_collector_that_hangs_costs_a_few_seconds_once_and_one_line(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "10")
    collector.hangs = True

    first, second = work(), work()

    assert first < FLUSH_SECONDS + 1
    assert second < 1
    assert len(warnings(caplog)) == 2
    assert "Telemetry does not reach its collector (no answer within 3 seconds)" in warnings(caplog)[0]


@pytest.mark.parametrize("status", [400, 500])
def test_a_collector_that_refuses_costs_one_line_with_its_answer(
    collector: Collector, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    collector.status = status

    work()

    assert [line.partition(")")[0] for line in warnings(caplog)] == [
        f"Telemetry does not reach its collector (status {status}"
    ]


def test_a_collector_that_is_gone_costs_one_line_without_its_address(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "5")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://me:s3cr3t@127.0.0.1:{port}/?token=s3cr3t")

    seconds = work()

    assert seconds < FLUSH_SECONDS + 1
    assert len(warnings(caplog)) == 1
    assert "(ConnectionError)" in caplog.text
    assert "s3cr3t" not in caplog.text
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in caplog.text


def test_once_the_collector_is_back_nothing_is_said(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    collector.status = 500
    work()
    caplog.clear()
    collector.status = 200

    work()

    assert warnings(caplog) == []
    assert "polar-attio sync" in collector.spans


def test_a_variable_that_the_sdk_cannot_use_costs_one_line(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "0")

    work()
    work()
    monkeypatch.delenv("OTEL_METRIC_EXPORT_INTERVAL")

    assert warnings(caplog) == [
        "Telemetry could not be set up (ValueError), so nothing is recorded: look at the variables of the environment "
        "that begin with OTEL_."
    ]


def test_trying_it_out_says_whether_the_collector_takes_a_span(collector: Collector) -> None:
    assert try_out() is None
    assert collector.spans == ["polar-attio doctor"]
    collector.status = 401
    assert "(status 401)" in (try_out() or "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_TRACES_SAMPLER", "always_off")],
)
def test_trying_it_out_says_where_the_environment_lets_no_span_be_sent(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    assert (try_out() or "").startswith("No span is sent, because the environment says so")
    assert collector.raw == []


def test_an_error_passes_as_it_is(memory: Memory) -> None:
    with pytest.raises(ValueError, match="as it is"), recorded(True, "polar-attio sync"):
        raise ValueError("as it is")

    assert (memory.span("polar-attio sync").attributes or {})["error.type"] == "ValueError"


def test_to_be_stopped_is_no_error(memory: Memory) -> None:
    with pytest.raises(PassStoppedError), recorded(True, "polar-attio sync"):
        raise PassStoppedError(signal.SIGINT)

    assert "error.type" not in (memory.span("polar-attio sync").attributes or {})


def test_an_event_that_cannot_be_recorded_harms_nothing(memory: Memory) -> None:
    seen: list[Event] = []
    with recorded(True, "polar-attio sync") as report:
        both(report, seen.append)(Began("a pass", "a test", object(), "1"))  # type: ignore[arg-type]
        both(report, seen.append)(None)  # type: ignore[arg-type]

    assert len(seen) == 2


def test_without_the_extra_one_line_says_what_to_install_and_the_work_is_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "polar_attio_pipeline.telemetry.providers")
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert work() < 1
    record_standing(True, Standing(open_hours=1))
    assert warnings(caplog) == [
        "POLAR_ATTIO_TELEMETRY is on, and OpenTelemetry is not installed, so nothing is recorded: pip install "
        "'polar-attio-pipeline[otel]', or switch the setting off."
    ]


def test_everything_is_loaded_and_built_without_the_extra() -> None:
    program = (
        "import sys\n"
        "sys.modules['opentelemetry'] = None\n"
        "import polar_attio_pipeline.cli.app\n"
        "from polar_attio_pipeline.defs.build import build\n"
        "from polar_attio_pipeline.settings import Settings\n"
        "build(Settings(_env_file=None, polar_attio_start_date='2026-11-01'))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


HOST = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

{set_up}
from polar_attio_pipeline.telemetry import providers

found = providers.providers()
used = found.tracers is trace.get_tracer_provider(), found.meters is metrics.get_meter_provider()
print(found.delivery is None, *used)
print(providers.providers() is found)
"""


@pytest.mark.parametrize(
    ("set_up", "said"),
    [
        ("trace.set_tracer_provider(TracerProvider()); metrics.set_meter_provider(MeterProvider())", "True True True"),
        ("trace.set_tracer_provider(TracerProvider())", "True True True"),
        ("", "False False False"),
    ],
    ids=["both", "tracers alone", "none"],
)
def test_what_a_host_project_has_set_is_used_and_otherwise_our_own_beside_the_global_ones(
    set_up: str, said: str
) -> None:
    program = HOST.format(set_up=set_up)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout.splitlines() == [said, "True"]


def test_providers_of_our_own_are_made_once(collector: Collector) -> None:
    assert providers.providers() is providers.providers()

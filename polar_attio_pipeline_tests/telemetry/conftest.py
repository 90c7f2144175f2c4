from collections.abc import Iterator

import pytest

from polar_attio_pipeline.telemetry import providers, recording
from polar_attio_pipeline_tests.telemetry.collector import Collector, collecting
from polar_attio_pipeline_tests.telemetry.memory import Memory


@pytest.fixture(autouse=True)
def nothing_was_logged() -> None:
    recording._log_once.cache_clear()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """Whatever is recorded in the test is kept here."""
    kept = Memory()
    monkeypatch.setattr(providers, "providers", lambda: kept.providers)
    return kept


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment names, and providers of our own that are new."""
    with collecting() as opened:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", opened.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        providers._own.cache_clear()
        yield opened
        opened.hangs, opened.status = False, 200
        opened.over.set()
        own = providers._own()
        own.tracers.shutdown()  # type: ignore[attr-defined]  # they are the SDK's
        own.meters.shutdown()  # type: ignore[attr-defined]
        providers._own.cache_clear()

"""Where spans and metrics go: to the providers of the host project, or else to a collector of one's own.

OpenTelemetry's own variables of the environment say where that is (OTEL_EXPORTER_OTLP_ENDPOINT and others; see
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Our own providers are never made the
process's global ones: no other library sends anything because this one does.
"""

import functools
import os
import threading
import uuid
from dataclasses import dataclass, field

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from polar_attio_pipeline.telemetry.exporting import Delivery, NotedMetrics, NotedSpans

SERVICE = "polar-attio-pipeline"
"""`service.name`, where OTEL_SERVICE_NAME says no other."""

_UNNAMED = "unknown_service"
"""What the SDK calls a service that nothing names."""


@dataclass
class Providers:
    """A provider of tracers and one of meters.

    Attributes:
        tracers: Of spans.
        meters: Of metrics.
        delivery: Whether what they send arrives; None where they are the host project's.
    """

    tracers: trace.TracerProvider
    meters: metrics.MeterProvider
    delivery: Delivery | None = None
    _flushing: threading.Thread | None = field(default=None, repr=False)

    def flush(self, seconds: float) -> str | None:
        """Send what is still kept, and wait for that no longer than so many seconds.

        A flush that has not ended goes on in its thread, and the next one does not wait for it again.

        Returns:
            Why the collector has not taken it, in a few words; None if it has, or where that is not known.
        """
        if self._flushing is None or not self._flushing.is_alive():
            self._flushing = threading.Thread(target=self._flush, name="polar-attio-telemetry", daemon=True)
            self._flushing.start()
            self._flushing.join(seconds)
        if self._flushing.is_alive():
            trouble = self.delivery.trouble if self.delivery else None
            return trouble or f"no answer within {seconds:g} seconds"
        return self.delivery.problem if self.delivery else None

    def _flush(self) -> None:
        for provider in (self.tracers, self.meters):
            flush = getattr(provider, "force_flush", None)
            if flush is not None:
                flush()


def providers() -> Providers:
    """Return the host project's providers where it has set some, otherwise our own, which a process has once.

    Raises:
        Exception: whatever the SDK says to values of its variables.
    """
    tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    if _is_unset(tracers) and _is_unset(meters):
        return _own()
    return _of_host(tracers, meters)


@functools.cache
def _of_host(tracers: trace.TracerProvider, meters: metrics.MeterProvider) -> Providers:
    return Providers(tracers, meters)


@functools.cache
def _own() -> Providers:
    resource, delivery = _resource(), Delivery()
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    if _is_wanted("OTEL_TRACES_EXPORTER"):
        tracers.add_span_processor(BatchSpanProcessor(NotedSpans(OTLPSpanExporter(), delivery)))
    readers = []
    if _is_wanted("OTEL_METRICS_EXPORTER"):
        readers.append(PeriodicExportingMetricReader(NotedMetrics(OTLPMetricExporter(), delivery)))
    return Providers(tracers, MeterProvider(readers, resource=resource, shutdown_on_exit=False), delivery)


def _is_unset(provider: object) -> bool:
    """Tell whether a provider is the API's own stand-in, which it gives while nothing has been set."""
    return type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))


def _is_wanted(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() != "none"


def _resource() -> Resource:
    ours = {"service.name": SERVICE, "service.instance.id": str(uuid.uuid4())}
    given = dict(Resource.create().attributes)
    if str(given.get("service.name", "")).startswith(_UNNAMED):
        del given["service.name"]
    return Resource({**ours, **given})

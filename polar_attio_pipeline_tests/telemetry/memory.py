"""Providers that keep what they are given, for tests to look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from polar_attio_pipeline.telemetry.providers import Providers
from polar_attio_pipeline.telemetry.signals import Signals


@dataclass
class Memory:
    """Both providers, and what was recorded by them."""

    spans_kept: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        resource = Resource({})
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.spans_kept))
        meters = MeterProvider([self.reader], resource=resource, shutdown_on_exit=False)
        self.providers = Providers(tracers, meters)

    def signals(self) -> Signals:
        return Signals(self.providers.tracers, self.providers.meters)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """The spans that have ended, those whose name begins so."""
        return [span for span in self.spans_kept.get_finished_spans() if span.name.startswith(name)]

    def span(self, name: str) -> ReadableSpan:
        (found,) = self.spans(name)
        return found

    def points(self, metric: str) -> list[tuple[dict[str, Any], Any]]:
        """The attributes and the value of each point of a metric: of a histogram its count and its sum."""
        return [(attributes, value) for name, attributes, value in self._points() if name == metric]

    def total(self, metric: str, **attributes: Any) -> Any:
        """The sum over the points that have these attributes, written with _ for each dot."""
        chosen = [value for given, value in self.points(metric) if _underscored(given).items() >= attributes.items()]
        return sum(value[0] if isinstance(value, tuple) else value for value in chosen)

    def _points(self) -> Iterator[tuple[str, dict[str, Any], Any]]:
        data = self.reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        value = getattr(point, "value", None)
                        yield (
                            metric.name,
                            dict(point.attributes or {}),
                            (point.count, point.sum) if value is None else value,  # type: ignore[union-attr]
                        )


def _underscored(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace(".", "_"): value for key, value in attributes.items()}

"""Sends spans and metrics to a collector, and remembers why that failed, instead of logging each failure.

The exporters' own loggers are silenced here: they write a line for every attempt, and may quote the collector's
address, which can hold a secret.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_NOISY = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.metrics._internal.export",
)

_STATUS_OF_PHRASE = {status.phrase: status.value for status in HTTPStatus}


class _Heard(logging.Filter):
    """Lets nothing through, and keeps of what it sees the HTTP status or the class of an error."""

    def __init__(self) -> None:
        super().__init__()
        self.cause: str | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        for value in record.args if isinstance(record.args, tuple) else ():
            if isinstance(value, Exception):
                self.cause = type(value).__name__
            elif isinstance(value, int):
                self.cause = f"status {value}"
            elif value in _STATUS_OF_PHRASE:
                self.cause = f"status {_STATUS_OF_PHRASE[value]}"
        return False


_HEARD = _Heard()
"""One for the process, as the loggers are: of several filters, a logger asks none after the first that says no."""


class Delivery:
    """Whether the newest batch reached the collector.

    Attributes:
        problem: Why it did not, in a few words; None if it did, or none was sent.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        _HEARD.cause = None
        for name in _NOISY:
            logging.getLogger(name).addFilter(_HEARD)

    def note(self, *, taken: bool) -> None:
        """Take in whether a batch was taken."""
        self.problem = None if taken else self.trouble or "it took no batch"
        _HEARD.cause = None

    @property
    def trouble(self) -> str | None:
        """What has gone wrong with the batch that is being sent, in a few words; None while nothing has."""
        return _HEARD.cause


class NotedSpans(SpanExporter):
    """Another exporter, whose success is noted."""

    def __init__(self, inner: SpanExporter, delivery: Delivery) -> None:
        self._inner = inner
        self._delivery = delivery

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            self._delivery.note(taken=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        """End the inner one."""
        self._inner.shutdown()


class NotedMetrics(MetricExporter):
    """The same for metrics."""

    def __init__(self, inner: MetricExporter, delivery: Delivery) -> None:
        # The reader takes both from the exporter that it is given; there is no public way to hand them on.
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)  # noqa: SLF001
        self._inner = inner
        self._delivery = delivery

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Send metrics."""
        result = MetricExportResult.FAILURE
        try:
            result = self._inner.export(metrics_data, timeout_millis, **kwargs)
        finally:
            self._delivery.note(taken=result is MetricExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Have the inner one send what it keeps."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """End the inner one."""
        self._inner.shutdown(timeout_millis, **kwargs)

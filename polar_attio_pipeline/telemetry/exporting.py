"""Sends spans and metrics to a collector, and remembers why that failed, instead of logging each failure.

The exporters' own loggers are silenced here: they write a line for every attempt, and may quote the collector's
address, which can hold a secret.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
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


class Delivery:
    """Whether the newest batch reached the collector.

    Attributes:
        problem: Why it did not, in a few words; None if it did, or none was sent.
        trouble: What has gone wrong with the batch that is being sent; None while nothing has.
        has_taken: Whether the collector has taken a batch at all.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self.trouble: str | None = None
        self.has_taken = False
        for name in _NOISY:
            logging.getLogger(name).addFilter(_HEARING)

    @contextmanager
    def sending(self) -> Iterator[Callable[[bool], None]]:
        """Send a batch in this context, and say to what is yielded whether it was taken."""
        taken = False

        def note(success: bool) -> None:
            nonlocal taken
            taken = success

        token = _SENDING.set(self)
        try:
            yield note
        finally:
            _SENDING.reset(token)
            self.problem = None if taken else self.trouble or "it took no batch"
            self.trouble = None
            self.has_taken |= taken


_SENDING: ContextVar[Delivery | None] = ContextVar("polar_attio_sending", default=None)


class _Hearing(logging.Filter):
    """Lets nothing through, and keeps what went wrong with the batch being sent: a status, or an error's class."""

    def filter(self, record: logging.LogRecord) -> bool:
        delivery = _SENDING.get()
        if delivery is None:
            return False
        for value in record.args if isinstance(record.args, tuple) else ():
            if isinstance(value, Exception):
                delivery.trouble = type(value).__name__
            elif isinstance(value, int):
                delivery.trouble = f"status {value}"
            elif value in _STATUS_OF_PHRASE:
                delivery.trouble = f"status {_STATUS_OF_PHRASE[value]}"
        return False


_HEARING = _Hearing()
"""One for the process, as the loggers are: of several filters, a logger asks none after the first that says no."""


class NotedSpans(SpanExporter):
    """Another exporter, whose success is noted."""

    def __init__(self, inner: SpanExporter, delivery: Delivery) -> None:
        self._inner = inner
        self._delivery = delivery

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans."""
        with self._delivery.sending() as note:
            result = self._inner.export(spans)
            note(result is SpanExportResult.SUCCESS)
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
        with self._delivery.sending() as note:
            result = self._inner.export(metrics_data, timeout_millis, **kwargs)
            note(result is MetricExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Have the inner one send what it keeps."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """End the inner one."""
        self._inner.shutdown(timeout_millis, **kwargs)

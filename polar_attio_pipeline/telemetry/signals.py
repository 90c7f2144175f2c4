"""Makes spans and metrics of what passes and requests report. Ids, numbers and words of closed lists only."""

from collections.abc import Mapping

from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, set_span_in_context

from polar_attio_pipeline.http.observing import Attempt
from polar_attio_pipeline.passes.progress import Began, Ended, Ending, Event
from polar_attio_pipeline.telemetry import instruments
from polar_attio_pipeline.telemetry.instruments import Metric, Name
from polar_attio_pipeline.telemetry.routes import route
from polar_attio_pipeline.telemetry.standing import Standing
from polar_attio_pipeline.version import __version__

SCOPE = "polar_attio_pipeline"
"""The name of the tracer and of the meter."""

Attributes = dict[str, str | int | float]

_NANOSECONDS = 1_000_000_000


class Signals:
    """The tracer and the metrics of this program, of one provider each."""

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        """Create them; a provider is to be given once only, because it warns of a metric that it has already."""
        meter = meters.get_meter(SCOPE, __version__)
        self.tracer = tracers.get_tracer(SCOPE, __version__)
        self.requests = _histogram(meter, instruments.REQUESTS)
        self.waited = _counter(meter, instruments.WAITED)
        self.passes = _histogram(meter, instruments.PASSES)
        self.outcomes = _counter(meter, instruments.OUTCOMES)
        self._not_in_attio, self._open_hours, self._watermark_age = (
            meter.create_gauge(one.name, one.unit, one.description)
            for one in (instruments.NOT_IN_ATTIO, instruments.OPEN_HOURS, instruments.WATERMARK_AGE)
        )

    def begin(self, what: str, attributes: Mapping[str, str]) -> "Work":
        """Begin what a command, or a step of a run, does.

        Args:
            what: The name of its span.
            attributes: Of the span; `polar_attio.pipeline` is one of everything below it, too.
        """
        return Work(self, self.tracer.start_span(what, attributes=attributes), _of_pipeline(attributes))

    def stand(self, standing: Standing, attributes: Mapping[str, str]) -> None:
        """Set the gauges."""
        common = _of_pipeline(attributes)
        for result, count in standing.not_in_attio.items():
            self._not_in_attio.set(count, {**common, Name.RESULT: result.value})
        if standing.open_hours is not None:
            self._open_hours.set(standing.open_hours, common)
        if standing.watermark_age is not None:
            self._watermark_age.set(standing.watermark_age, common)


class Work:
    """What a command, or a step of a run, does: a span, below it its passes, and below these their requests."""

    def __init__(self, signals: Signals, span: Span, common: Attributes) -> None:
        """Stand on a span that was begun, and on the attributes that everything has."""
        self._signals = signals
        self._span = span
        self._common = common
        self._pass: Span | None = None
        self._kind: Attributes = {}

    def observe(self, attempt: Attempt) -> None:
        """Take in a request that has ended."""
        shared: Attributes = {
            **self._common,
            Name.SERVICE: attempt.service,
            Name.METHOD: attempt.method,
            Name.ROUTE: route(attempt.path),
            Name.HOST: attempt.host,
        }
        if attempt.port is not None:
            shared[Name.PORT] = attempt.port
        if attempt.status is not None:
            shared[Name.STATUS] = attempt.status
        error = attempt.failure or (str(attempt.status) if attempt.status and attempt.status >= 400 else None)
        if error is not None:
            shared[Name.ERROR] = error
        self._signals.requests.record(attempt.seconds, shared)
        self._signals.waited.add(attempt.queued, {**self._common, Name.SERVICE: attempt.service})
        ended = int(attempt.ended_at * _NANOSECONDS)
        span = self._signals.tracer.start_span(
            f"{attempt.method} {shared[Name.ROUTE]}",
            context=set_span_in_context(self._pass or self._span),
            kind=SpanKind.CLIENT,
            start_time=ended - int(attempt.seconds * _NANOSECONDS),
            attributes={**shared, Name.WAITED: attempt.queued},
        )
        if attempt.number > 1:
            span.set_attribute(Name.RESENDS, attempt.number - 1)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def report(self, event: Event) -> None:
        """Take in what a pass reports."""
        match event:
            case Began():
                self._begin_pass(event)
            case Ended():
                self._end_pass(event)
            case _:
                pass

    def end(self, error: BaseException | None) -> None:
        """Take in that it has ended: by itself, or by an error, of which only the class is shown."""
        for span in (self._pass, self._span):
            if span is not None:
                _finish(span, type(error).__name__ if error else None)
        self._pass = None

    def _begin_pass(self, event: Began) -> None:
        self._kind = {**self._common, Name.KIND: event.kind}
        self._pass = self._signals.tracer.start_span(
            f"pass {event.kind}",
            context=set_span_in_context(self._span),
            attributes={**self._kind, Name.PASS: event.pass_id, Name.REASON: event.reason},
        )

    def _end_pass(self, event: Ended) -> None:
        ending: Attributes = {**self._kind, Name.ENDING: event.how.value}
        if event.error:
            ending[Name.ERROR] = event.error
        self._signals.passes.record(event.seconds, ending)
        counted = _outcomes(event)
        for (result, why), count in counted.items():
            named: Attributes = {**self._kind, Name.OBJECT: event.noun, Name.RESULT: result}
            self._signals.outcomes.add(count, {**named, Name.WHY: why} if why else named)
        if self._pass is None:
            return
        self._pass.set_attribute(Name.ENDING, event.how.value)
        self._pass.set_attribute(Name.REQUESTS, event.requests)
        self._pass.set_attribute(Name.THROTTLED, event.throttled)
        if event.remaining is not None:
            self._pass.set_attribute(Name.REMAINING, event.remaining)
        for (result, why), count in counted.items():
            self._pass.set_attribute(f"polar_attio.outcomes.{result}" + (f".{why}" if why else ""), count)
        _finish(self._pass, event.error if event.how is Ending.FAILED else None)
        self._pass = None


def _outcomes(event: Ended) -> Mapping[tuple[str, str | None], int]:
    """Return how many have which result for which reason, the reason None where there is none."""
    found: dict[tuple[str, str | None], int] = {
        (result.value, None): count - sum(one.count for one in event.left_out if one.result is result)
        for result, count in event.counts.items()
    }
    found.update({(one.result.value, one.reason.value): one.count for one in event.left_out})
    return {key: count for key, count in found.items() if count > 0}


def _finish(span: Span, error: str | None) -> None:
    if error is not None:
        span.set_attribute(Name.ERROR, error)
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _of_pipeline(attributes: Mapping[str, str]) -> Attributes:
    return {key: value for key, value in attributes.items() if key == Name.PIPELINE}


def _counter(meter: Meter, metric: Metric) -> Counter:
    return meter.create_counter(metric.name, metric.unit, metric.description)


def _histogram(meter: Meter, metric: Metric) -> Histogram:
    return meter.create_histogram(
        metric.name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=metric.bounds
    )

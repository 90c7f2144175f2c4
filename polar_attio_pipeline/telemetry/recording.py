"""Records what passes and requests report, where the setting is on. It knows no OpenTelemetry until then."""

import functools
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from polar_attio_pipeline.http.observing import observing
from polar_attio_pipeline.passes.progress import Event, Report
from polar_attio_pipeline.passes.stopping import PassStoppedError
from polar_attio_pipeline.telemetry.standing import Standing

if TYPE_CHECKING:
    from polar_attio_pipeline.telemetry.providers import Providers
    from polar_attio_pipeline.telemetry.signals import Signals

_log = logging.getLogger(__name__)

FLUSH_SECONDS = 3.0
"""So long a command, or a step of a run, waits at its end for the collector to take what it has not taken yet."""

_MISSING = (
    "POLAR_ATTIO_TELEMETRY is on, and OpenTelemetry is not installed, so nothing is recorded: pip install "
    "'polar-attio-pipeline[otel]', or switch the setting off."
)
_UNUSABLE = (
    "Telemetry could not be set up ({}), so nothing is recorded: look at the variables of the environment that begin "
    "with OTEL_."
)
_NOT_TAKEN = (
    "Telemetry does not reach its collector ({}), so that of this work may be lost; the work itself is done as ever. "
    "Look at the collector, and at OTEL_EXPORTER_OTLP_ENDPOINT in the environment."
)
_NOTHING_SENT = (
    "No span is sent, because the environment says so: look at OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER and "
    "OTEL_TRACES_SAMPLER."
)


@contextmanager
def recorded(on: bool, what: str, attributes: Mapping[str, str] | None = None) -> Iterator[Report]:
    """Record what happens in this context: its requests, and the passes that report to what is yielded.

    Whatever goes wrong with that is one line of the log, and harms nothing else.

    Args:
        on: The setting.
        what: Names the span of it all: "polar-attio sync".
        attributes: Of that span, by `instruments.Name`.
    """
    found = _found_or_logged() if on else None
    if found is None:
        yield _take_nothing
        return
    providers, signals = found
    work = signals.begin(what, attributes or {})
    try:
        with observing(work.observe):
            yield _quietly(work.report)
    except BaseException as error:
        # To be stopped is no error: neither by a person, nor by a signal, which Dagster turns into no `Exception`.
        is_failure = isinstance(error, Exception) and not isinstance(error, PassStoppedError)
        work.end(error if is_failure else None)
        raise
    else:
        work.end(None)
    finally:
        if problem := providers.flush(FLUSH_SECONDS):
            _log.warning("%s", _NOT_TAKEN.format(problem))


def record_standing(
    on: bool, standing: Standing, attributes: Mapping[str, str] | None = None, *, ends_soon: bool = False
) -> None:
    """Set the gauges, where the setting is on.

    Args:
        on: The setting.
        standing: How the sync stands.
        attributes: `polar_attio.pipeline`, where there are several.
        ends_soon: Whether the process may end now. Otherwise the next batch of metrics has the gauges.
    """
    found = _found_or_logged() if on else None
    if found is None:
        return
    providers, signals = found
    signals.stand(standing, attributes or {})
    if ends_soon:
        providers.flush(FLUSH_SECONDS)


def try_out() -> str | None:
    """Send a span, and return what is wrong with recording, in a sentence; None if the collector has taken it."""
    found = _found()
    if isinstance(found, str):
        return found
    providers, signals = found
    signals.begin("polar-attio doctor", {}).end(None)
    problem = providers.flush(FLUSH_SECONDS)
    if problem:
        return _NOT_TAKEN.format(problem)
    return None if providers.delivery is None or providers.delivery.has_taken else _NOTHING_SENT


def _found_or_logged() -> "tuple[Providers, Signals] | None":
    found = _found()
    if isinstance(found, str):
        _log_once(found)
        return None
    return found


@functools.cache
def _log_once(sentence: str) -> None:
    """Log what stays as it is for as long as the process lives, such as one whose sensors tick every 30 seconds."""
    _log.warning("%s", sentence)


def _found() -> "tuple[Providers, Signals] | str":
    """Return where to record; or why that cannot be, in a sentence."""
    try:
        from polar_attio_pipeline.telemetry.providers import providers  # noqa: PLC0415  # an extra, and half a second
    except ImportError:
        return _MISSING
    try:
        found = providers()
        return found, _signals(found.tracers, found.meters)
    except Exception as error:  # noqa: BLE001  # whatever a value of OpenTelemetry's variables leads to
        return _UNUSABLE.format(type(error).__name__)


@functools.cache
def _signals(tracers: object, meters: object) -> "Signals":
    from polar_attio_pipeline.telemetry.signals import Signals  # noqa: PLC0415  # as above

    return Signals(tracers, meters)  # type: ignore[arg-type]  # types of an extra are not known here


def _quietly(report: Report) -> Report:
    def take(event: Event) -> None:
        try:
            report(event)
        except Exception as error:  # noqa: BLE001  # as `recorded` says
            _log.debug("An event of the pass could not be recorded: %s.", type(error).__name__)

    return take


def _take_nothing(event: Event) -> None:
    """Record nothing."""


def both(first: Report, second: Report) -> Report:
    """Return what hands each event to both."""

    def report(event: Event) -> None:
        first(event)
        second(event)

    return report

"""Shows what a pass reports and what this package logs, as the settings say, and records it where they say so.

As text: plain lines, in Universal Time, each written at once, so that a terminal, a file and cron's mail show the same.
As JSON: lines on standard error, and nothing of them on the standard output.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from polar_attio_pipeline.passes.progress import Event, Report
from polar_attio_pipeline.passes.story import sentences
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.telemetry.json_log import PACKAGE, JsonHandler, is_json
from polar_attio_pipeline.telemetry.json_progress import write_event
from polar_attio_pipeline.telemetry.recording import both, recorded


@contextmanager
def shown(settings: Settings, command: str, say: Callable[[str], None], *, debug: bool) -> Iterator[Report]:
    """Show and record what happens in this context; yields what takes the reports of its passes.

    Args:
        settings: Say how.
        command: Its name: "sync".
        say: Takes each line of text.
        debug: Whether to show each request.
    """
    level = logging.DEBUG if debug else logging.INFO
    with package_logs(say, level=level), recorded(settings.polar_attio_telemetry, f"polar-attio {command}") as record:
        yield both(_log_as_json if is_json() else _as_text(say), record)


def _as_text(say: Callable[[str], None]) -> Report:
    def report(event: Event) -> None:
        for sentence in sentences(event):
            say(f"{datetime.now(UTC):%H:%M:%S} {sentence}")

    return report


def _log_as_json(event: Event) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, JsonHandler):
            write_event(event, handler)


@contextmanager
def package_logs(say: Callable[[str], None], *, level: int) -> Iterator[None]:
    """Show what the modules of this package log; as JSON where that is how this process logs.

    Args:
        say: Takes each line of text.
        level: From which one on.
    """
    package = logging.getLogger(PACKAGE)
    handler, before = _Lines(say), package.level
    if not is_json():
        package.addHandler(handler)
    package.setLevel(level)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(before)


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        try:
            mark = "" if record.levelno == logging.INFO else f"{record.levelname}: "
            moment = datetime.fromtimestamp(record.created, UTC)
            self._say(f"{moment:%H:%M:%S} {mark}{record.getMessage()}")
        except Exception:  # noqa: BLE001  # as other handlers do
            self.handleError(record)

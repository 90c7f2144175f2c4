"""What a pass reports, as fields of a line of JSON: the numbers of the event, by their names, beside its sentence."""

import logging
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from polar_attio_pipeline.passes.progress import Began, Event, Stage
from polar_attio_pipeline.passes.story import sentences
from polar_attio_pipeline.telemetry.json_log import EXTRA, JsonFormatter

_LOGGER = "polar_attio_pipeline.passes"

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def fields_of(event: Event) -> dict[str, Any]:
    """Return an event as fields: `event` names its kind ("progress", "hours_read"), the others are its attributes."""
    return {"event": _CAPITAL.sub("_", type(event).__name__).lower(), **_fields(event)}


def event_record(event: Event) -> logging.LogRecord:
    """Return an event as one record of the log."""
    record = logging.LogRecord(_LOGGER, logging.INFO, __file__, 0, " ".join(sentences(event)), (), None)
    setattr(record, EXTRA, fields_of(event))
    return record


def remember_pass(event: Event, lines: JsonFormatter) -> None:
    """Let every line from now on name the pass that begins; the next pass takes its place."""
    if isinstance(event, Began):
        lines.fields.update(pass_id=event.pass_id, kind=event.kind)


def _fields(value: Any) -> dict[str, Any]:
    return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}


def _plain(value: Any) -> Any:
    match value:
        case Stage():
            # Its value is the beginning of a sentence.
            plain: Any = value.name.lower()
        case Enum():
            plain = value.value
        case datetime():
            plain = value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case float():
            plain = round(value, 3)
        case Mapping():
            plain = {str(_plain(key)): _plain(one) for key, one in value.items()}
        case list() | tuple():
            plain = [_plain(one) for one in value]
        case _:
            plain = _fields(value) if is_dataclass(value) else value
    return plain

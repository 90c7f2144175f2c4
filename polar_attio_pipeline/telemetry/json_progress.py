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
from polar_attio_pipeline.telemetry.json_log import EXTRA, JsonHandler

_LOGGER = "polar_attio_pipeline.passes"

_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def fields_of(event: Event) -> dict[str, Any]:
    """Return an event as fields: `event` names its kind ("progress", "hours_read"), the others are its attributes."""
    return {"event": _CAPITAL.sub("_", type(event).__name__).lower(), **_fields(event)}


def write_event(event: Event, handler: JsonHandler) -> None:
    """Write an event as one line; nothing, where there is nothing to say of it.

    Every line from the beginning of a pass on names the pass, until the next one takes its place.
    """
    if isinstance(event, Began):
        handler.lines.fields.update(pass_id=event.pass_id, kind=event.kind)
    message = " ".join(sentences(event))
    if message:
        # Past the loggers: other handlers have the sentences of the event already.
        record = logging.LogRecord(_LOGGER, logging.INFO, __file__, 0, message, (), None)
        setattr(record, EXTRA, fields_of(event))
        handler.handle(record)


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

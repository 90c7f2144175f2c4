"""A log of JSON lines: one object a line, for programs that collect logs.

Of an error that explains itself the text is shown, of any other one its class and the places in the code: its text may
quote values. Tokens and addresses are made unreadable wherever they stand.
"""

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

from polar_attio_pipeline.http.redaction import redact

PACKAGE = "polar_attio_pipeline"

EXTRA = "polar_attio"
"""Under this name, `extra` of a log call holds further fields of the line."""

_PLACES = 20
"""Places of an error that are shown, the innermost ones."""


class JsonFormatter(logging.Formatter):
    """Makes one line of a record.

    Attributes:
        fields: Stand in every line.
    """

    def __init__(self, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.fields: dict[str, Any] = dict(fields or {})

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end; letters beyond ASCII are escaped, and so are the ends of lines."""
        try:
            line = {**_line(record), **self.fields, **_extra(record), **_error(record)}
            return json.dumps(_redacted(line), allow_nan=False)
        except Exception as error:  # noqa: BLE001  # a line that cannot be made costs that line only
            return json.dumps(
                {
                    **_head(record),
                    "message": f"A line could not be made ({type(error).__name__}); it came from "
                    f"{record.module}:{record.lineno}.",
                }
            )


class JsonHandler(logging.StreamHandler[TextIO]):
    """Writes JSON lines to standard error, or to what is given instead."""

    def __init__(self, fields: Mapping[str, Any] | None = None, stream: TextIO | None = None) -> None:
        """Begin with fields that stand in every line.

        Args:
            fields: These.
            stream: Instead of standard error.
        """
        super().__init__(stream or sys.stderr)
        self.lines = JsonFormatter(fields)
        self.setFormatter(self.lines)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Say nothing: logging would print the record as it is, and what is wrong is the stream itself."""


def is_json() -> bool:
    """Tell whether the log of this process is one of JSON lines."""
    return any(isinstance(handler, JsonHandler) for handler in logging.getLogger().handlers)


@contextmanager
def json_lines() -> Iterator[None]:
    """Write the log of this process as JSON lines, the warnings of Python included."""
    root, handler = logging.getLogger(), JsonHandler()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)


def _head(record: logging.LogRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.created, UTC)
    return {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
    }


def _line(record: logging.LogRecord) -> dict[str, Any]:
    return {**_head(record), "message": record.getMessage()}


def _extra(record: logging.LogRecord) -> Mapping[str, Any]:
    found = getattr(record, EXTRA, None)
    return found if isinstance(found, Mapping) else {}


def _error(record: logging.LogRecord) -> dict[str, Any]:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return {}
    explained = type(error).__module__.startswith(f"{PACKAGE}.")
    places = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    return {
        "error": {
            "type": type(error).__name__,
            **({"text": str(error)} if explained else {}),
            "at": [f"{place.filename}:{place.lineno}" for place in places],
        }
    }


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {str(key): _redacted(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(one) for one in value]
    return value

"""Keeps tokens and email addresses out of logs and messages."""

import logging
import re

_TOKEN = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+|\bpolar_(?:oat|pat|[ar]t_[uo]|cst|whs)_\w+|\b[0-9a-f]{64}\b")
_EMAIL = re.compile(r"[^\s\"'<>()\[\]{},;:=&?/|\\@]+(?:@|%40)[^\s\"'<>()\[\]{},;:=&?/|\\@%]+")

_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "polar_attio_pipeline.http.retries",
)


def redact(text: str) -> str:
    """Return the text with every token and every email address, percent-encoded ones too, made unreadable."""
    return _EMAIL.sub("<email>", _TOKEN.sub("<token>", text))


class RedactingFilter(logging.Filter):
    """Rewrites a record, its arguments and its traceback included, before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record; it is always let through."""
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(_FORMATTER.formatException(record.exc_info))
            record.exc_info = None
        return True


_FORMATTER = logging.Formatter()
_FILTER = RedactingFilter()


def redact_http_logs() -> None:
    """Redact what the HTTP libraries log of requests (httpx logs whole URLs). Repeating it changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)

"""Keeps tokens and email addresses out of logs and messages."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from urllib.parse import quote, quote_plus

_TOKEN = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+|\bpolar_(?:oat|pat|[ar]t_[uo]|cst|whs)_\w+|\b[0-9a-f]{64}\b")
_EMAIL = re.compile(r"[^\s\"'<>()\[\]{},;:=&?/|\\@]+(?:@|%40)[^\s\"'<>()\[\]{},;:=&?/|\\@%]+")

_SHORTEST = 6
"""Characters; a shorter secret is a mistake, and to take it out of texts would take words apart."""

_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "polar_attio_pipeline.http.retries",
)

_HIDDEN: Counter[str] = Counter()
"""Patterns of the secrets that are in use, and how many clients use each: log records come from any thread."""

_LOCK = Lock()

_QUOTES = ("'", '"')
_PIECES = re.compile(r"""\\+|['"]|[^\\'"]+""")


def redact(text: str) -> str:
    """Return the text with every token and every email address, percent-encoded ones too, made unreadable."""
    return _EMAIL.sub("<email>", without_tokens(text))


def without_tokens(text: str) -> str:
    """Return the text with every token made unreadable: what looks like one, and the secrets that are `hidden`."""
    for form in sorted(_HIDDEN.copy(), key=len, reverse=True):
        text = re.sub(form, "<token>", text)
    return _TOKEN.sub("<token>", text)


@contextmanager
def hidden(secret: str) -> Iterator[None]:
    """Let texts lose a secret whatever it looks like, while it is in use: a service may repeat it in an answer.

    Args:
        secret: Without space around it. One of less than six characters is left alone.
    """
    forms = _forms(secret) if len(secret) >= _SHORTEST else set()
    with _LOCK:
        _HIDDEN.update(forms)
    try:
        yield
    finally:
        with _LOCK:
            _HIDDEN.subtract(forms)
            for form in forms:
                if not _HIDDEN[form]:
                    del _HIDDEN[form]


def _forms(secret: str) -> set[str]:
    """Return patterns of what a secret looks like in a text, in JSON, in an address and where Python shows it."""
    texts = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
    }
    return {"".join(map(_pattern, _PIECES.findall(text))) for text in texts}


def _pattern(piece: str) -> str:
    """Return a pattern of a piece: how many backslashes there are tells how often it was shown inside another text."""
    if piece[0] == "\\":
        return r"\\+"
    return rf"\\*{piece}" if piece in _QUOTES else re.escape(piece)


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

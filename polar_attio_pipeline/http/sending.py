"""One request on its way."""

import logging
from dataclasses import dataclass, field

import httpx

from polar_attio_pipeline.http.errors import describe
from polar_attio_pipeline.http.redaction import redact
from polar_attio_pipeline.http.retries import RetryPolicy, TimeSpent

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """A request with its bounds.

    Attributes:
        request: What is sent, in each attempt.
        limiter: Which pace it keeps.
        policy: Bounds of the attempts.
        is_probe: Whether it waits for no place among the requests under way.
        spent: What they have cost so far.
    """

    request: httpx.Request
    limiter: str
    policy: RetryPolicy
    is_probe: bool = False
    spent: TimeSpent = field(default_factory=TimeSpent)


def log_sent(sending: Sending, *, service: str, ended: str, seconds: float, execution_id: str | None = None) -> None:
    """Log an attempt that has ended: method and path, without the query string, which holds addresses.

    Args:
        sending: The request.
        service: Its service's name for people.
        ended: The status, or how it failed.
        seconds: From sending to the answer.
        execution_id: The service's name for the request, where the answer has one.
    """
    if _log.isEnabledFor(logging.DEBUG):
        what, milliseconds = redact(describe(sending.request)), 1000 * seconds
        named = f", execution id {execution_id}" if execution_id else ""
        _log.debug(
            "%s: %s: %s in %.0f ms, attempt %d%s.", service, what, ended, milliseconds, sending.spent.attempts, named
        )

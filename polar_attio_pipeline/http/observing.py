"""Hands every attempt of a request, once it has ended, to an observer, such as one that counts them.

The observer stands in a context variable: it sees the requests of every client that is used below `observing`, in that
task and in those that it starts, and no function between has to hand it on. No other thread or task sees it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a request that has ended: nothing of its query, its headers or its bodies.

    Attributes:
        service: Whose API: "Polar", "Attio".
        method: HTTP method.
        host: Of the service.
        port: Of the service; None for the scheme's own.
        path: From the root, with the ids in it.
        number: Which sending of the request it is, from 1.
        queued: Seconds that it waited for its turn: for a place, for the rate limiter, for the end of a pause.
        seconds: From sending to the answer, or to the failure; of a streamed answer, to its beginning.
        ended_at: When, in seconds since 1970.
        status: HTTP status; None where there was no answer.
        failure: The class of what went wrong where there was no answer; None otherwise.
    """

    service: str
    method: str
    host: str
    port: int | None
    path: str
    number: int
    queued: float
    seconds: float
    ended_at: float
    status: int | None = None
    failure: str | None = None


Observe = Callable[[Attempt], None]
"""Takes an attempt, at once: the request waits for it."""

_observer: ContextVar[Observe | None] = ContextVar("polar_attio_observer", default=None)


@contextmanager
def observing(observe: Observe) -> Iterator[None]:
    """Let an observer see the requests that are made in this context."""
    token = _observer.set(observe)
    try:
        yield
    finally:
        _observer.reset(token)


def observe_attempt(attempt: Attempt) -> None:
    """Hand an attempt to the observer, if there is one. What goes wrong with that does not harm the request."""
    observe = _observer.get()
    if observe is None:
        return
    try:
        observe(attempt)
    except Exception as error:  # noqa: BLE001  # as the docstring says
        _log.debug("A request could not be observed: %s.", type(error).__name__)

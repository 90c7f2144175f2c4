"""What arrived, as the server saw it: counts, a short log, how much at once, and who came back too early."""

import email.utils
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FAULT = "sandbox.fault"
"""Where the scope of a request says which fault befell it."""
LOG_LENGTH = 1000
IN_FLIGHT = timedelta(milliseconds=100)
"""A request may have left before its client knew of the `Retry-After`: within this time it is not an early one."""

_SERVICES = {"/v1/": "polar", "/v2/": "attio"}


def service_of(path: str) -> str | None:
    """Return `polar` or `attio`, by the address; None for the sandbox's own."""
    return _SERVICES.get(path[:4])


def kind_of(method: str, path: str) -> str:
    """Return `read` or `write`. Attio's queries are POSTs that read."""
    return "read" if method in ("GET", "HEAD") or path.endswith("/query") else "write"


class Seen(NamedTuple):
    """What requests are counted by. `status` is None where no answer began."""

    service: str
    method: str
    route: str
    kind: str
    status: int | None


@dataclass
class Traffic:
    """The record.

    Attributes:
        counts: Requests by `Seen`.
        log: The last requests: no query strings, no bodies, no tokens.
        early_retries: By service, requests that came before the `Retry-After` that it had given had run out.
    """

    clock: Callable[[], datetime]
    counts: Counter[Seen] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    early_retries: Counter[str] = field(default_factory=Counter)
    _closed: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    _in_flight: Counter[str] = field(default_factory=Counter)
    _most_in_flight: Counter[str] = field(default_factory=Counter)

    def reset(self) -> None:
        """Forget all of it, but for the requests that are being answered at the moment."""
        for record in (self.counts, self.log, self.early_retries, self._closed):
            record.clear()
        self._most_in_flight = self._in_flight.copy()

    def most_in_flight(self, service: str) -> int:
        """Return how many requests of a service were being answered at once, at most."""
        return self._most_in_flight[service]

    def count(self, **by: str | int | None) -> int:
        """Count requests by any of the fields of `Seen`, as in `count(service="attio", kind="write")`."""
        wanted = by.items()
        return sum(number for seen, number in self.counts.items() if wanted <= seen._asdict().items())

    def as_json(self) -> dict[str, Any]:
        """Return the record for `GET /sandbox/traffic`."""
        services = sorted({seen.service for seen in self.counts})
        return {
            "totals": {
                service: {
                    "requests": self.count(service=service),
                    "reads": self.count(service=service, kind="read"),
                    "writes": self.count(service=service, kind="write"),
                    "early_retries": self.early_retries[service],
                    "most_in_flight": self.most_in_flight(service),
                }
                for service in services
            },
            "counts": [{**seen._asdict(), "requests": number} for seen, number in sorted_counts(self.counts)],
            "log": list(self.log),
        }

    def arrived(self, service: str) -> None:
        """Note that a request begins."""
        now = self.clock()
        given_at, opens_at = self._closed.get(service, (now, now))
        if given_at + IN_FLIGHT < now < opens_at:
            self.early_retries[service] += 1
        self._in_flight[service] += 1
        self._most_in_flight[service] = max(self._most_in_flight[service], self._in_flight[service])

    def left(self, service: str) -> None:
        """Note that a request has ended, with an answer or without."""
        self._in_flight[service] -= 1

    def told_to_wait(self, service: str, retry_after: str) -> None:
        """Note that an answer carries this `Retry-After`: seconds, or an HTTP date."""
        now = self.clock()
        opens_at = retry_time(retry_after, now)
        _, until = self._closed.get(service, (now, now))
        self._closed[service] = (now, max(opens_at, until))


def sorted_counts(counts: Counter[Seen]) -> list[tuple[Seen, int]]:
    """Return the counts by service, route, method and status."""
    return sorted(counts.items(), key=lambda item: (*item[0][:4], item[0].status or 0))


def retry_time(retry_after: str, now: datetime) -> datetime:
    """Return when a `Retry-After` header runs out."""
    if retry_after.isdecimal():
        return now + timedelta(seconds=int(retry_after))
    return email.utils.parsedate_to_datetime(retry_after).astimezone(UTC)


class TrafficRecorder:
    """ASGI middleware that keeps the record.

    Args:
        app: What answers.
        traffic: The record.
        routes: The routes whose templates name the requests.
    """

    def __init__(self, app: ASGIApp, traffic: Traffic, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._traffic = traffic
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it went."""
        service = service_of(scope["path"]) if scope["type"] == "http" else None
        if service is None:
            await self._app(scope, receive, send)
            return
        status: int | None = None
        begun = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                retry_after = Headers(raw=message["headers"]).get("retry-after")
                if retry_after:
                    self._traffic.told_to_wait(service, retry_after)
            await send(message)

        method, path = scope["method"], scope["path"]
        route = self._template(scope)
        self._traffic.arrived(service)
        try:
            await self._app(scope, receive, noting)
        finally:
            self._traffic.left(service)
            kind = kind_of(method, path)
            self._traffic.counts[Seen(service, method, route, kind, status)] += 1
            self._traffic.log.append(
                {
                    "at": self._traffic.clock().isoformat(timespec="milliseconds"),
                    "service": service,
                    "method": method,
                    "path": path,
                    "status": status,
                    "ms": round((time.perf_counter() - begun) * 1000, 1),
                    "fault": scope.get(FAULT),
                }
            )

    def _template(self, scope: Scope) -> str:
        for route in self._routes:
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
                return route.path
        return "unknown"

"""One API over one connection pool: paced, retried, explained."""

import asyncio
import functools
import logging
import math
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
import pydantic_core
import tenacity
from pydantic import SecretStr

from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.errors import ApiError, TransientError, describe, explain_failure, explain_page
from polar_attio_pipeline.http.limits import Lane
from polar_attio_pipeline.http.redaction import redact_http_logs
from polar_attio_pipeline.http.retries import Effort, RetryPolicy, retrying
from polar_attio_pipeline.http.retry_after import http_date, seconds_to_wait

_log = logging.getLogger(__name__)

_TIMEOUT = httpx.Timeout(30, connect=10, pool=None)

_UNSENT = "no request sent"

Params = Mapping[str, str | int | list[str]]


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return the certificates to trust, read once a process: it takes as long as a request, and ticks are many."""
    return httpx.create_ssl_context()


@dataclass(slots=True)
class Stats:
    """What a client did.

    Attributes:
        requests: Sendings by lane, repeated ones included.
        retries: Sendings that repeated an earlier one.
        throttled: Answers 429.
        seconds_waited: Time that requests spent in queues and between attempts, summed over all of them.
    """

    requests: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    throttled: int = 0
    seconds_waited: float = 0.0


class ApiClient:
    """An HTTP API, used as an async context manager.

    Attributes:
        base_url: Where it is.
        retry: Bounds of the retries.
        stats: What was done so far.
        server_offset: The service's clock minus ours at the newest answer, in seconds, to about a second; None before
            the first answer.
    """

    def __init__(  # noqa: PLR0913  # keyword-only
        self,
        *,
        service: str,
        base_url: str,
        token: SecretStr,
        lanes: Mapping[str, Lane],
        explain: Callable[[httpx.Response], ApiError],
        headers: Mapping[str, str] | None = None,
        retry: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
        clock: Clock | None = None,
    ) -> None:
        """Describe the API; the connection pool opens with the context.

        Args:
            service: Its name for people, and in capitals the start of its settings' names ("Polar").
            base_url: Scheme and host.
            token: Sent as Bearer token.
            lanes: The paces, by name.
            explain: Turns an answer that is no success into the error to raise; see `errors.explain`.
            headers: Sent with every request.
            retry: Bounds of the retries; the defaults of `RetryPolicy` unless given.
            transport: Instead of the network.
            timeout: Of connecting, and of silence while sending or receiving.
            clock: Between attempts; the event loop's unless given.
        """
        self.base_url = base_url
        self.stats = Stats()
        self.server_offset: float | None = None
        self._service = service
        self._token = token
        self._lanes = lanes
        self._explain = explain
        self._headers = headers or {}
        self.retry = retry or RetryPolicy()
        self._transport = transport
        self._timeout = timeout
        self._clock = clock or Clock()
        self._closed_until = -math.inf
        self._closing: ApiError | None = None
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool.

        Raises:
            FatalError: the token cannot be a token, or the address no address.
        """
        redact_http_logs()
        token = self._token.get_secret_value().strip()
        if not token or not token.isascii() or not token.isprintable():
            # No header can carry it; the service would answer the same to anything else that is no token.
            raise self._explain(httpx.Response(401, request=httpx.Request("GET", "https://unsent/")))
        self._http = httpx.AsyncClient(
            base_url=self._checked_url(),
            headers={"Accept": "application/json", "Authorization": f"Bearer {token}", **self._headers},
            timeout=self._timeout,
            transport=self._transport,
            verify=_trust(),
            follow_redirects=False,
        )
        return self

    def _checked_url(self) -> httpx.URL:
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL as cause:
            raise explain_failure(cause, service=self._service, request=_UNSENT) from cause
        if url.scheme not in ("http", "https") or not url.host:
            nowhere = httpx.UnsupportedProtocol("no scheme or no host")
            raise explain_failure(nowhere, service=self._service, request=_UNSENT)
        return url

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection pool."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def request(  # noqa: PLR0913  # keyword-only
        self,
        method: str,
        path: str,
        *,
        lane: str,
        params: Params | None = None,
        json: Any = None,
        retry_lost_answers: bool = True,
        retry: RetryPolicy | None = None,
    ) -> httpx.Response:
        """Send a request when its turn comes, again where that may help, and return the success.

        A 2xx has a body that is JSON (or status 204); everything else raises.

        Args:
            method: HTTP method.
            path: From the root; ids are in it already quoted.
            lane: Which pace it keeps.
            params: Query string; a list repeats its key.
            json: Body.
            retry_lost_answers: False for a request that must not be carried out twice: it is repeated only when it
                certainly was not carried out (no connection, 429, a conflict).
            retry: Bounds for this request; the client's unless given.

        Raises:
            LostAnswerError: no answer that says whether the request was carried out.
            TransientError: the service was down or throttling until the attempts were used up.
            FatalError: every request would fail like this.
            RecordError: what was asked or said about this record was refused.
        """
        if self._http is None:
            raise RuntimeError(f"{self._service}'s client is used outside its context")
        request = self._http.build_request(method, path, params=params, json=json)
        effort = Effort()
        attempts = retrying(
            retry or self.retry,
            effort=effort,
            retry_lost_answers=retry_lost_answers,
            sleep=self._clock.sleep,
            before_sleep=self._note_retry,
        )
        return await attempts(self._attempt, self._http, request, lane, effort)

    async def _attempt(
        self, http: httpx.AsyncClient, request: httpx.Request, lane: str, effort: Effort
    ) -> httpx.Response:
        queued = self._clock.now()
        await self._lanes[lane].turn()
        sent = self._clock.now()
        if self._closing and sent < self._closed_until:
            raise self._closing.with_traceback(None)
        self.stats.seconds_waited += sent - queued
        self.stats.requests[lane] += 1
        try:
            async with asyncio.timeout(self.retry.attempt_seconds):
                response = await http.send(request)
            self._read_clock(response)
            if response.is_success and "text/html" in response.headers.get("Content-Type", ""):
                raise explain_page(response, service=self._service)
            if response.is_success and response.status_code != httpx.codes.NO_CONTENT:
                pydantic_core.from_json(response.content)
        except (httpx.HTTPError, TimeoutError, ValueError) as cause:
            raise explain_failure(cause, service=self._service, request=describe(request)) from cause
        finally:
            effort.in_flight += self._clock.now() - sent
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _refusal(self, response: httpx.Response) -> ApiError:
        error = self._explain(response)
        self.stats.throttled += response.status_code == httpx.codes.TOO_MANY_REQUESTS
        if isinstance(error, TransientError):
            error.retry_after = seconds_to_wait(
                response.headers.get("Retry-After"), date=response.headers.get("Date"), now=datetime.now(UTC)
            )
            self._keep_away(error, error.retry_after or 0)
        return error

    def _keep_away(self, error: ApiError, seconds: float) -> None:
        """Pause as long as the service asks; if that is too long to wait, send nothing at all until then."""
        until = self._clock.now() + seconds
        if seconds <= self.retry.longest_pause:
            self._pause(seconds)
        elif until > self._closed_until:
            self._closed_until, self._closing = until, error

    def _read_clock(self, response: httpx.Response) -> None:
        if moment := http_date(response.headers.get("Date")):
            self.server_offset = moment.timestamp() - time.time()

    def _pause(self, seconds: float) -> None:
        # A service that asks to wait means all that comes from here, whichever lane was told.
        for lane in self._lanes.values():
            lane.pause_until(self._clock.now() + seconds)

    def _note_retry(self, state: tenacity.RetryCallState) -> None:
        self.stats.retries += 1
        self.stats.seconds_waited += state.upcoming_sleep
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, ApiError):
            return
        _log.info(
            "%s: %s on %s at attempt %d; the next in %.1f s.",
            self._service,
            error.status or error.code,
            error.request,
            state.attempt_number,
            state.upcoming_sleep,
        )
        if error.status == httpx.codes.TOO_MANY_REQUESTS:
            self._pause(state.upcoming_sleep)

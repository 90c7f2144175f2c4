"""One API over one connection pool: paced, retried, explained."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
import tenacity
from pydantic import SecretStr

from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.connection import open_pool
from polar_attio_pipeline.http.errors import (
    ApiError,
    LostAnswerError,
    RecordError,
    TransientError,
    describe,
    explain_failure,
    explain_page,
)
from polar_attio_pipeline.http.gate import Gate
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.payloads import Answer, parse
from polar_attio_pipeline.http.redaction import redact_http_logs
from polar_attio_pipeline.http.retries import RetryPolicy, error_of, log_retry, retrying
from polar_attio_pipeline.http.retry_after import http_date, seconds_to_wait
from polar_attio_pipeline.http.sending import Sending, log_sent
from polar_attio_pipeline.http.stats import Stats
from polar_attio_pipeline.http.streaming import read_and_close, text_of
from polar_attio_pipeline.http.waits import Waits

_TIMEOUT = httpx.Timeout(30, connect=10, pool=None)

_PROBE = RetryPolicy(attempts=2, seconds=15, attempt_seconds=10, longest_pause=2)
_MOST_WAITS = 3
"""A service that asks for longer and longer pauses while it is probed counts as down after so many."""

Params = Mapping[str, str | int | list[str]]


class ApiClient:
    """An HTTP API, used as an async context manager.

    Attributes:
        base_url: Where it is.
        retry: Bounds of the retries.
        clock: Time.
        stats: What was done so far.
        waits: What is waited for between two attempts.
        server_offset: The service's clock minus ours at the newest answer, in seconds, to about a second; None before
            the first answer.
    """

    def __init__(  # noqa: PLR0913  # keyword-only
        self,
        *,
        service: str,
        base_url: str,
        token: SecretStr,
        limiters: Mapping[str, RateLimiter],
        explain: Callable[[httpx.Response], ApiError],
        headers: Mapping[str, str] | None = None,
        retry: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
        clock: Clock | None = None,
        in_flight: int | None = None,
    ) -> None:
        """Describe the API; the connection pool opens with the context.

        Args:
            service: Its name for people, and in capitals the start of its settings' names ("Polar").
            base_url: Scheme and host.
            token: Sent as Bearer token.
            limiters: The paces, by name.
            explain: Turns an answer that is no success into the error to raise; see `errors.explain`.
            headers: Sent with every request.
            retry: Bounds of the retries; the defaults of `RetryPolicy` unless given.
            transport: Instead of the network.
            timeout: Of connecting, and of silence while sending or receiving.
            clock: Between attempts; the event loop's unless given.
            in_flight: How many requests may be under way at once, whatever their pace; None for any number.
        """
        self.base_url = base_url
        self.stats = Stats()
        self.waits = Waits(service)
        self.server_offset: float | None = None
        self._service = service
        self._token = token
        self._explain = explain
        self._headers = headers or {}
        self.retry = retry or RetryPolicy()
        self._transport = transport
        self._timeout = timeout
        self.clock = clock or Clock()
        self._gate = Gate(limiters, in_flight=in_flight, clock=self.clock, stats=self.stats)
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool.

        Raises:
            FatalError: the token cannot be a token, or the address no address.
        """
        redact_http_logs()
        self._http = open_pool(
            service=self._service,
            base_url=self.base_url,
            token=self._token,
            explain=self._explain,
            headers=self._headers,
            timeout=self._timeout,
            transport=self._transport,
        )
        return self

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
        limiter: str,
        params: Params | None = None,
        json: Any = None,
        retry_lost_answers: bool = True,
        retry: RetryPolicy | None = None,
    ) -> Answer:
        """Send a request when its turn comes, again where that may help, and return the success.

        A 2xx has a body that is JSON (or status 204); everything else raises.

        Args:
            method: HTTP method.
            path: From the root; ids are in it already quoted.
            limiter: Which pace it keeps.
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
        request = self._pool.build_request(method, path, params=params, json=json)
        sending = Sending(request, limiter, retry or self.retry)
        attempts = self._attempts(sending, retry_lost_answers=retry_lost_answers)
        try:
            return await attempts(self._whole_answer, sending)
        except RecordError as error:
            error.after_lost_answer = sending.spent.answer_lost
            raise

    async def is_answering(self, path: str, *, limiter: str) -> bool:
        """Tell whether the service answers a simple request at all; a refusal is an answer too.

        It is given some seconds, beside a pause that the service has asked for, and waits for no place among the
        requests under way, which may be just those that hang.
        """
        sending = Sending(self._pool.build_request("GET", path), limiter, _PROBE, is_probe=True)
        attempts = self._attempts(sending, retry_lost_answers=True)
        probe: asyncio.Task[Answer] = asyncio.ensure_future(attempts(self._whole_answer, sending))
        try:
            for _ in range(_MOST_WAITS):
                done, _ = await asyncio.wait([probe], timeout=_PROBE.seconds + self._gate.pause_left())
                # The probe, not sent yet, keeps its turn where another answer has asked for a longer wait.
                if done or not self._gate.pause_left():
                    break
            if probe.done():
                await probe
                return True
        except TransientError:
            return False
        except ApiError:
            return True
        finally:
            probe.cancel()
        return False

    @asynccontextmanager
    async def stream(
        self, path: str, *, limiter: str, seconds: float, headers: Mapping[str, str], retry: RetryPolicy | None = None
    ) -> AsyncIterator[AsyncIterator[str]]:
        """GET a long text, and hand it over as it comes; until its first byte it is sent again where that may help.

        Args:
            path: From the root.
            limiter: Which pace it keeps.
            seconds: How long the body may take to come, without the time that the reader takes.
            headers: Sent beside the client's.
            retry: Bounds until the answer begins; the client's unless given.

        Raises:
            LostAnswerError: no answer, or none that is whole; also while the text is read.
            TransientError: as for `request`.
            FatalError: as for `request`.
            RecordError: as for `request`.
        """
        request = self._pool.build_request("GET", path, headers=headers)
        sending = Sending(request, limiter, retry or self.retry)
        async with AsyncExitStack() as stack:
            attempts = self._attempts(sending, retry_lost_answers=True)
            response: httpx.Response = await attempts(self._begun_answer, sending, stack)
            yield text_of(response, seconds=seconds, clock=self.clock, failure=self._failure)

    @property
    def _pool(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError(f"{self._service}'s client is used outside its context")
        return self._http

    def _attempts(self, sending: Sending, *, retry_lost_answers: bool) -> tenacity.AsyncRetrying:
        return retrying(
            sending.policy,
            spent=sending.spent,
            retry_lost_answers=retry_lost_answers,
            sleep=self.clock.sleep,
            before_sleep=functools.partial(self._note_retry, sending),
        )

    async def _whole_answer(self, sending: Sending) -> Answer:
        async with self._gate.passed(sending.limiter, needs_place=not sending.is_probe) as paused:
            sending.spent.seconds += paused
            response = await self._sent(sending, stream=False)
        try:
            payload = None if response.status_code == httpx.codes.NO_CONTENT else parse(response.content)
        except ValueError as cause:
            raise self._failure(cause, response.request) from cause
        return Answer(payload, response)

    async def _begun_answer(self, sending: Sending, stack: AsyncExitStack) -> httpx.Response:
        async with AsyncExitStack() as attempt:
            sending.spent.seconds += await attempt.enter_async_context(self._gate.passed(sending.limiter))
            response = await self._sent(sending, stream=True)
            attempt.push_async_callback(response.aclose)
            await stack.enter_async_context(attempt.pop_all())
        return response

    async def _sent(self, sending: Sending, *, stream: bool) -> httpx.Response:
        began = self.clock.now()
        sending.spent.attempts += 1
        ended = "given up"
        try:
            async with asyncio.timeout(sending.policy.attempt_seconds):
                response = await self._pool.send(sending.request, stream=stream)
                if not response.is_success:
                    await read_and_close(response)
            ended = str(response.status_code)
        except (httpx.HTTPError, TimeoutError) as cause:
            ended = type(cause).__name__
            raise self._failure(cause, sending.request) from cause
        finally:
            seconds = self.clock.now() - began
            sending.spent.seconds += seconds
            log_sent(sending, service=self._service, ended=ended, seconds=seconds)
        self._read_clock(response)
        if not response.is_success:
            raise self._refusal(response, sending.policy)
        if "text/html" in response.headers.get("Content-Type", ""):
            await response.aclose()
            raise explain_page(response, service=self._service)
        return response

    def _failure(self, cause: Exception, request: httpx.Request) -> ApiError:
        return explain_failure(cause, service=self._service, request=describe(request))

    def _refusal(self, response: httpx.Response, policy: RetryPolicy) -> ApiError:
        error = self._explain(response)
        self.stats.throttled += response.status_code == httpx.codes.TOO_MANY_REQUESTS
        if isinstance(error, TransientError):
            error.retry_after = seconds_to_wait(
                response.headers.get("Retry-After"), date=response.headers.get("Date"), now=datetime.now(UTC)
            )
            seconds = error.retry_after or 0
            if seconds <= policy.longest_pause:
                self._gate.pause(seconds)
                self.waits.note(error, until=self.clock.now() + seconds, is_for_all=True)
            else:
                self._gate.close(seconds, error)
        return error

    def _read_clock(self, response: httpx.Response) -> None:
        if moment := http_date(response.headers.get("Date")):
            self.server_offset = moment.timestamp() - time.time()

    def _note_retry(self, sending: Sending, state: tenacity.RetryCallState) -> None:
        self.stats.retries += 1
        self.stats.seconds_waited += state.upcoming_sleep
        error = error_of(state)
        sending.spent.answer_lost |= isinstance(error, LostAnswerError)
        if isinstance(error, ApiError):
            log_retry(error, attempt=state.attempt_number, seconds=state.upcoming_sleep)
            is_throttled = error.status == httpx.codes.TOO_MANY_REQUESTS
            self.waits.note(error, until=self.clock.now() + state.upcoming_sleep, is_for_all=is_throttled)
            if is_throttled:
                self._gate.pause(state.upcoming_sleep)

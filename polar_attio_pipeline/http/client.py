"""One API over one connection pool: paced, retried, explained."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.connection import open_pool
from polar_attio_pipeline.http.errors import ApiError, FatalError, RecordError, TransientError
from polar_attio_pipeline.http.exchange import Exchange
from polar_attio_pipeline.http.gate import Gate
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.payloads import Answer
from polar_attio_pipeline.http.redaction import hidden, redact_http_logs
from polar_attio_pipeline.http.retries import Backoff, Result, RetryPolicy, repeated
from polar_attio_pipeline.http.sending import Sending
from polar_attio_pipeline.http.stats import Stats
from polar_attio_pipeline.http.streaming import text_of
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
        self._service = service
        self._token = token
        self._explain = explain
        self._headers = headers or {}
        self.retry = retry or RetryPolicy()
        self._transport = transport
        self._timeout = timeout
        self.clock = clock or Clock()
        self._gate = Gate(limiters, in_flight=in_flight, clock=self.clock, stats=self.stats)
        self.waits = Waits(service)
        self._exchange = Exchange(
            service=service, explain=explain, gate=self._gate, clock=self.clock, stats=self.stats, waits=self.waits
        )
        self._http: httpx.AsyncClient | None = None
        self._while_open = ExitStack()

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
        self._while_open.enter_context(hidden(self._token.get_secret_value().strip()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection pool."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
        self._while_open.close()

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
        attempt = functools.partial(self._exchange.whole_answer, self._pool, sending)
        try:
            return await self._repeated(sending, attempt, retry_lost_answers=retry_lost_answers)
        except (RecordError, FatalError) as error:
            error.after_lost_answer = sending.spent.answer_lost
            raise

    async def is_answering(self, path: str, *, limiter: str) -> bool:
        """Tell whether the service answers a simple request at all; a refusal is an answer too.

        It is given some seconds, beside a pause that the service has asked for, and waits for no place among the
        requests under way, which may be just those that hang.
        """
        sending = Sending(self._pool.build_request("GET", path), limiter, _PROBE, is_probe=True)
        attempt = functools.partial(self._exchange.whole_answer, self._pool, sending)
        probe = asyncio.ensure_future(self._repeated(sending, attempt))
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
            attempt = functools.partial(self._exchange.begun_answer, self._pool, sending, stack)
            response = await self._repeated(sending, attempt)
            yield text_of(response, seconds=seconds, clock=self.clock, failure=self._exchange.failure)

    @property
    def server_offset(self) -> float | None:
        """The service's clock minus ours at the newest answer, in seconds, to about a second; None before the first."""
        return self._exchange.server_offset

    @property
    def _pool(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError(f"{self._service}'s client is used outside its context")
        return self._http

    async def _repeated(
        self, sending: Sending, attempt: Callable[[], Awaitable[Result]], *, retry_lost_answers: bool = True
    ) -> Result:
        return await repeated(
            attempt,
            Backoff(sending.policy, sending.spent, retry_lost_answers=retry_lost_answers),
            sleep=self.clock.sleep,
            before_sleep=self._exchange.note_retry,
        )

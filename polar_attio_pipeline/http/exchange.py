"""One attempt: a request leaves when its turn comes, and every answer that is no success becomes an error."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx

from polar_attio_pipeline.http.clock import Clock, server_offset
from polar_attio_pipeline.http.errors import ApiError, TransientError, describe, explain_failure, explain_page
from polar_attio_pipeline.http.gate import Gate
from polar_attio_pipeline.http.observing import Attempt, observe_attempt
from polar_attio_pipeline.http.payloads import Answer, execution_id_of, parse
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.http.retry_after import http_date, seconds_to_wait
from polar_attio_pipeline.http.sending import Sending, log_sent
from polar_attio_pipeline.http.stats import Stats
from polar_attio_pipeline.http.streaming import read_and_close
from polar_attio_pipeline.http.waits import Waits

_READ = httpx.ByteStream(b"")


class Exchange:
    """Requests and answers of one service.

    Attributes:
        server_offset: The service's clock minus ours by the newest answer, in seconds; 0 where the answer is consistent
            with clocks that agree, None before the first answer.
    """

    def __init__(  # noqa: PLR0913  # keyword-only
        self,
        *,
        service: str,
        explain: Callable[[httpx.Response], ApiError],
        gate: Gate,
        clock: Clock,
        stats: Stats,
        waits: Waits,
    ) -> None:
        """Describe the service.

        Args:
            service: Its name for people.
            explain: Turns an answer that is no success into the error to raise.
            gate: Lets requests leave.
            clock: Time.
            stats: Where answers 429 are counted.
            waits: Where waits are noted, for people.
        """
        self.server_offset: float | None = None
        self._service = service
        self._explain = explain
        self._gate = gate
        self._clock = clock
        self._stats = stats
        self._waits = waits

    async def whole_answer(self, pool: httpx.AsyncClient, sending: Sending) -> Answer:
        """Send a request and return the success with its parsed body.

        Raises:
            ApiError: there is no such answer.
        """
        asked = self._clock.now()
        async with self._gate.passed(sending.limiter, needs_place=not sending.is_probe) as paused:
            sending.spent.seconds += paused
            response = await self._sent(pool, sending, asked=asked, stream=False)
        # httpx 0.28 lets a response and its stream hold each other: megabytes would wait for a search for garbage.
        response.stream = _READ
        try:
            payload = None if response.status_code == httpx.codes.NO_CONTENT else parse(response.content)
        except ValueError as cause:
            raise self.failure(cause, response.request) from cause
        return Answer(payload, response)

    async def begun_answer(self, pool: httpx.AsyncClient, sending: Sending, stack: AsyncExitStack) -> httpx.Response:
        """Send a request and return the success with its body unread; the stack closes it and frees its place.

        Raises:
            ApiError: there is no such answer.
        """
        asked = self._clock.now()
        async with AsyncExitStack() as attempt:
            sending.spent.seconds += await attempt.enter_async_context(self._gate.passed(sending.limiter))
            response = await self._sent(pool, sending, asked=asked, stream=True)
            attempt.push_async_callback(response.aclose)
            await stack.enter_async_context(attempt.pop_all())
        return response

    def failure(self, cause: Exception, request: httpx.Request) -> ApiError:
        """Return the error that stands for no (whole) answer."""
        return explain_failure(cause, service=self._service, request=describe(request))

    def note_retry(self, error: TransientError, seconds: float) -> None:
        """Note the wait, and let every other request wait as long where the service throttles."""
        is_throttled = error.status == httpx.codes.TOO_MANY_REQUESTS
        self._waits.note(error, until=self._clock.now() + seconds, is_for_all=is_throttled)
        if is_throttled:
            self._gate.pause(seconds)

    async def _sent(self, pool: httpx.AsyncClient, sending: Sending, *, asked: float, stream: bool) -> httpx.Response:
        began, sent = self._clock.now(), time.time()
        sending.spent.attempts += 1
        status: int | None = None
        ended, execution_id = "given up", None
        try:
            async with asyncio.timeout(sending.policy.attempt_seconds):
                response = await pool.send(sending.request, stream=stream)
                if not response.is_success:
                    await read_and_close(response)
            status, execution_id = response.status_code, execution_id_of(response)
            ended = str(status)
        except (httpx.HTTPError, TimeoutError) as cause:
            ended = type(cause).__name__
            raise self.failure(cause, sending.request) from cause
        finally:
            seconds = self._clock.now() - began
            sending.spent.seconds += seconds
            log_sent(sending, service=self._service, ended=ended, seconds=seconds, execution_id=execution_id)
            observe_attempt(
                Attempt(
                    service=self._service,
                    method=sending.request.method,
                    host=sending.request.url.host,
                    port=sending.request.url.port,
                    path=sending.request.url.path,
                    number=sending.spent.attempts,
                    queued=began - asked,
                    seconds=seconds,
                    ended_at=time.time(),
                    status=status,
                    failure=None if status else ended,
                )
            )
        self._read_clock(response, sent)
        if not response.is_success:
            raise self._refusal(response, sending.policy)
        if "text/html" in response.headers.get("Content-Type", ""):
            await response.aclose()
            raise explain_page(response, service=self._service)
        return response

    def _refusal(self, response: httpx.Response, policy: RetryPolicy) -> ApiError:
        error = self._explain(response)
        self._stats.throttled += response.status_code == httpx.codes.TOO_MANY_REQUESTS
        if isinstance(error, TransientError):
            error.retry_after = seconds_to_wait(
                response.headers.get("Retry-After"), date=response.headers.get("Date"), now=datetime.now(UTC)
            )
            seconds = error.retry_after or 0
            if seconds <= policy.longest_pause:
                self._gate.pause(seconds)
                self._waits.note(error, until=self._clock.now() + seconds, is_for_all=True)
            else:
                self._gate.close(seconds, error)
        return error

    def _read_clock(self, response: httpx.Response, sent: float) -> None:
        if moment := http_date(response.headers.get("Date")):
            self.server_offset = server_offset(moment, sent=sent, received=time.time())

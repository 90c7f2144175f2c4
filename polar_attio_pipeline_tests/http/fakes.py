"""What the tests of the HTTP layer stand on: a clock that needs no waiting, and scripted answers."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import chain, repeat

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.errors import ApiError, explain
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.retries import RetryPolicy

TOKEN = "polar_oat_" + "x" * 43
PATH = "/v1/things/"

Script = httpx.Response | Exception | Callable[[], httpx.Response]


class FakeClock(Clock):
    """Time that passes only when everybody is asleep; each sleeper may oversleep."""

    def __init__(self, lateness: Iterable[float] = ()) -> None:
        self.time = 1000.0
        self._lateness = chain(lateness, repeat(0.0))
        self._sleeping: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        until = self.time + seconds
        self._sleeping.append(until)
        while self.time < until:
            for _ in range(10):
                await asyncio.sleep(0)
            if min(self._sleeping) == until:
                self.time = max(self.time, until + next(self._lateness))
        self._sleeping.remove(until)


class Server:
    """Answers in the order of a script, the last answer for ever, and remembers when it was asked what."""

    def __init__(self, clock: FakeClock, *script: Script) -> None:
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []
        self._clock = clock
        self._script = list(script)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(self._clock.now())
        answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


def explain_service(response: httpx.Response) -> ApiError:
    return explain(response, service="Service", hints={})


def client(
    server: Callable[[httpx.Request], httpx.Response],
    clock: Clock,
    *,
    retry: RetryPolicy | None = None,
    limiter: RateLimiter | None = None,
    base_url: str = "https://api.example.com",
    token: str = TOKEN,
    in_flight: int | None = None,
) -> ApiClient:
    return ApiClient(
        service="Service",
        base_url=base_url,
        token=SecretStr(token),
        limiters={"all": limiter or RateLimiter(1000, clock=clock), "other": RateLimiter(1000, clock=clock)},
        explain=explain_service,
        headers={"Service-Version": "1"},
        retry=retry,
        transport=httpx.MockTransport(server),
        clock=clock,
        in_flight=in_flight,
    )


def ok() -> httpx.Response:
    return httpx.Response(200, json={"fine": True})


def throttled(retry_after: str | None = None, **headers: str) -> Callable[[], httpx.Response]:
    sent = {**headers, **({"Retry-After": retry_after} if retry_after else {})}
    return lambda: httpx.Response(429, headers=sent)


def failing(status: int) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, text="<html>Bad</html>")

"""When requests may leave, whoever sends them."""

import asyncio
from itertools import pairwise

import httpx
import pytest

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline_tests.http.fakes import PATH, FakeClock, Server, client, failing, ok, throttled


async def test_nobody_else_asks_either_before_a_wait_that_is_too_long_is_over() -> None:
    clock = FakeClock()
    server = Server(clock, throttled("3600"), ok)
    async with client(server, clock) as api:
        for limiter in ("all", "all", "other"):
            with pytest.raises(TransientError, match="keeps throttling") as raised:
                await api.request("GET", PATH, limiter=limiter)
            assert raised.value.retry_after == 3600
        assert len(server.requests) == 1

        clock.time += 3600
        await api.request("GET", PATH, limiter="all")

    assert len(server.requests) == 2


@pytest.mark.parametrize("retry_after", ["60", None])
async def test_one_429_holds_everybody_whatever_their_lane(retry_after: str | None) -> None:
    clock = FakeClock()
    server = Server(clock, throttled(retry_after), ok)
    async with client(server, clock, limiter=RateLimiter(10, clock=clock)) as api:
        began = clock.now()
        many = [api.request("GET", PATH, limiter="all") for _ in range(4)]
        await asyncio.gather(*many, api.request("GET", "/v1/others/", limiter="other"))

    held = [
        time - began
        for time, sent in zip(server.times, server.requests, strict=True)
        if sent.url.path == PATH
    ]  # fmt: skip
    pause = 60 if retry_after else 0.5
    assert held[0] == 0
    assert all(time >= pause for time in held[1:])
    assert all(later - earlier >= 0.1 - 1e-9 for earlier, later in pairwise(held[1:]))
    other = next(time for time, sent in zip(server.times, server.requests, strict=True) if sent.url.path != PATH)
    assert other - began >= pause


async def test_how_long_a_pause_may_be_is_the_requests_own_bound() -> None:
    clock = FakeClock()
    server = Server(clock, throttled("60"), ok)
    impatient = RetryPolicy(longest_pause=59)
    async with client(server, clock) as api:
        for _ in range(2):
            with pytest.raises(TransientError, match="keeps throttling"):
                await api.request("GET", PATH, limiter="all", retry=impatient)
        assert clock.now() - server.times[0] < 0.1

        await api.request("GET", PATH, limiter="all")

    assert server.times[1] - server.times[0] == pytest.approx(60, abs=0.1)
    assert len(server.requests) == 2


@pytest.mark.parametrize("in_flight", [1, 6])
async def test_no_more_requests_are_under_way_at_once_than_allowed(in_flight: int) -> None:
    clock = FakeClock()
    under_way, most = 0, 0

    async def slow(_: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await clock.sleep(10)
        under_way -= 1
        return httpx.Response(200, json={})

    async with client(slow, clock, in_flight=in_flight) as api:  # type: ignore[arg-type]  # coroutines are taken too
        await asyncio.gather(*(api.request("GET", PATH, limiter="all") for _ in range(40)))

    assert most == in_flight


async def test_waiting_for_a_place_does_not_use_up_a_requests_patience() -> None:
    clock = FakeClock()
    asked = 0

    async def slow(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        await clock.sleep(100)
        return failing(500)() if asked == 6 else ok()

    async with client(slow, clock, in_flight=1) as api:  # type: ignore[arg-type]  # coroutines are taken too
        await asyncio.gather(*(api.request("GET", PATH, limiter="all") for _ in range(6)))

    assert asked == 7


async def test_a_request_that_waits_to_be_repeated_takes_up_no_place() -> None:
    clock = FakeClock()
    server = Server(clock, failing(500), ok)
    async with client(server, clock, in_flight=1) as api:
        await asyncio.gather(api.request("GET", PATH, limiter="all"), api.request("GET", "/other", limiter="all"))

    assert [request.url.path for request in server.requests] == [PATH, "/other", PATH]

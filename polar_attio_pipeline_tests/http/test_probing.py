"""Whether a service answers at all, while it asks some requests to wait."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx

from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.http.payloads import Answer
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time
from polar_attio_pipeline_tests.http.fakes import client

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def wait_a_minute(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/well":
        return httpx.Response(200, json={})
    return httpx.Response(429, headers={"Retry-After": "60"})


async def probe_among(requests: int) -> bool:
    """Probe a service after so many requests were sent half a second apart, each of which it asks to wait."""
    async with client(wait_a_minute, Clock()) as api, asyncio.TaskGroup() as tasks:
        for _ in range(requests):
            tasks.create_task(_give_up(api.request("GET", "/throttled", limiter="all")))
            await asyncio.sleep(0.5)
        return await api.is_answering("/well", limiter="all")


async def _give_up(request: Coroutine[Any, Any, Answer]) -> None:
    with suppress(TransientError):
        await request


def test_a_service_is_given_the_pause_that_it_has_asked_for() -> None:
    with virtual_time(NOW):
        assert asyncio.run(probe_among(1))


def test_a_pause_that_grows_while_a_service_is_probed_says_nothing_against_it() -> None:
    with virtual_time(NOW):
        assert asyncio.run(probe_among(2))


def test_a_service_that_only_asks_to_wait_is_down() -> None:
    async def probe() -> bool:
        async with client(wait_a_minute, Clock()) as api:
            return await api.is_answering("/throttled", limiter="all")

    with virtual_time(NOW):
        assert not asyncio.run(probe())


def test_requests_that_hang_and_hold_every_place_say_nothing_against_a_service_that_answers_others() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/hangs":
            await asyncio.sleep(50)
        return httpx.Response(200, json={})

    async def probe() -> bool:
        api = client(answer, Clock(), in_flight=2)  # type: ignore[arg-type]  # coroutines are taken too
        async with api, asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(api.request("GET", "/hangs", limiter="all"))
            await asyncio.sleep(1)
            return await api.is_answering("/well", limiter="all")

    with virtual_time(NOW):
        assert asyncio.run(probe())

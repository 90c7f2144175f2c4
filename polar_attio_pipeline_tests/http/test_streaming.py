"""Long texts, handed over as they come."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError, LostAnswerError, TransientError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline_tests.http.fakes import PATH, FakeClock, Server, client


async def parts(*texts: str, then: Exception | None = None) -> AsyncIterator[bytes]:
    for text in texts:
        yield text.encode()
    if then:
        raise then


async def read(api: ApiClient, *, seconds: float = 60) -> list[str]:
    async with api.stream(PATH, limiter="all", seconds=seconds, headers={"Accept": "text/csv"}) as chunks:
        return [chunk async for chunk in chunks]


async def test_a_text_comes_in_the_portions_in_which_it_is_sent() -> None:
    clock = FakeClock()
    server = Server(clock, lambda: httpx.Response(200, content=parts("one,", "two")))
    async with client(server, clock) as api:
        assert await read(api) == ["one,", "two"]
        assert api.stats.requests == {"all": 1}

    assert server.requests[0].headers["Accept"] == "text/csv"


async def test_until_it_begins_a_text_is_asked_for_again() -> None:
    clock = FakeClock()
    server = Server(
        clock, httpx.Response(500), httpx.ConnectError("refused"), lambda: httpx.Response(200, content=parts("whole"))
    )
    async with client(server, clock) as api:
        assert await read(api) == ["whole"]

    assert len(server.requests) == 3


async def test_a_text_that_breaks_off_is_an_error_and_never_a_shorter_text() -> None:
    clock = FakeClock()
    cut = httpx.RemoteProtocolError("peer closed connection without sending complete message body")
    server = Server(clock, lambda: httpx.Response(200, content=parts("half", then=cut)))
    async with client(server, clock) as api:
        with pytest.raises(LostAnswerError, match="no whole answer"):
            await read(api)

    assert len(server.requests) == 1


async def test_a_text_that_never_ends_is_given_up() -> None:
    clock = FakeClock()

    async def slow() -> AsyncIterator[bytes]:
        while True:
            await clock.sleep(20)
            yield b"drip"

    async with client(Server(clock, lambda: httpx.Response(200, content=slow())), clock) as api:
        began = clock.now()
        with pytest.raises(LostAnswerError, match="TimeoutError"):
            await read(api, seconds=60)

        assert clock.now() - began == pytest.approx(60, abs=21)


async def test_a_reader_may_take_its_time() -> None:
    clock = FakeClock()
    async with client(Server(clock, lambda: httpx.Response(200, content=parts("a", "b", "c"))), clock) as api:
        seen = 0
        async with api.stream(PATH, limiter="all", seconds=1, headers={}) as chunks:
            async for _ in chunks:
                seen += 1
                await clock.sleep(100)

    assert seen == 3


@pytest.mark.parametrize("status", [403, 307, 401])
async def test_a_refusal_is_explained_as_for_any_request(status: int) -> None:
    clock = FakeClock()
    async with client(Server(clock, httpx.Response(status)), clock) as api:
        with pytest.raises(FatalError):
            await read(api)


async def test_a_page_for_people_is_no_text_to_read() -> None:
    clock = FakeClock()
    page = httpx.Response(200, html="<html>Welcome</html>")
    async with client(Server(clock, page), clock) as api:
        with pytest.raises(FatalError, match="There is a web page"):
            await read(api)


async def test_a_text_takes_up_a_place_as_long_as_it_is_read() -> None:
    clock = FakeClock()
    server = Server(clock, lambda: httpx.Response(200, content=parts("a")), httpx.Response(200, json={}))
    async with client(server, clock, in_flight=1) as api:
        async with api.stream(PATH, limiter="all", seconds=60, headers={}):
            waiting = asyncio.create_task(api.request("GET", "/other", limiter="all"))
            await clock.sleep(1)
            assert len(server.requests) == 1
        await waiting

    assert len(server.requests) == 2


async def test_every_failed_beginning_gives_its_place_back() -> None:
    clock = FakeClock()
    server = Server(clock, httpx.Response(503))
    async with client(server, clock, in_flight=1, retry=RetryPolicy(attempts=2)) as api:
        for _ in range(3):
            with pytest.raises(TransientError):
                await read(api)

    assert len(server.requests) == 6

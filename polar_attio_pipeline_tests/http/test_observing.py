"""An observer sees each sending of a request, and nothing that is personal or secret."""

import asyncio
import dataclasses

import httpx
import pytest

from polar_attio_pipeline.http.errors import TransientError
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.observing import Attempt, observing
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline_tests.http.fakes import PATH, TOKEN, FakeClock, Server, client, failing, ok


async def test_each_sending_is_seen_with_its_number_and_how_it_ended() -> None:
    clock, seen = FakeClock(), list[Attempt]()
    server = Server(clock, failing(503), httpx.ReadTimeout("silent"), ok)

    with observing(seen.append):
        async with client(server, clock) as api:
            await api.request("GET", PATH, limiter="all")

    assert [(one.number, one.status, one.failure) for one in seen] == [
        (1, 503, None),
        (2, None, "ReadTimeout"),
        (3, 200, None),
    ]
    assert {(one.service, one.method, one.host, one.path) for one in seen} == {
        ("Service", "GET", "api.example.com", PATH)
    }


async def test_waiting_for_the_pace_is_kept_apart_from_waiting_for_the_answer() -> None:
    clock, seen = FakeClock(), list[Attempt]()

    async def slow(_: httpx.Request) -> httpx.Response:
        await clock.sleep(3)
        return ok()

    with observing(seen.append):
        async with client(slow, clock, limiter=RateLimiter(0.1, clock=clock)) as api:  # type: ignore[arg-type]
            await api.request("GET", PATH, limiter="all")
            await api.request("GET", PATH, limiter="all")

    assert [round(one.queued) for one in seen] == [0, 7]
    assert [round(one.seconds) for one in seen] == [3, 3]


async def test_nothing_of_the_query_the_headers_and_the_bodies_is_seen() -> None:
    clock, seen = FakeClock(), list[Attempt]()

    with observing(seen.append):
        async with client(Server(clock, ok), clock, base_url="https://me:s3cr3t@api.example.com") as api:
            await api.request(
                "POST", PATH, limiter="all", params={"email": "ada@example.com"}, json={"name": "Ada Lovelace"}
            )

    said = str([dataclasses.asdict(one) for one in seen])
    assert not [secret for secret in ("ada", "Lovelace", TOKEN, "s3cr3t") if secret in said]


async def test_an_observer_that_fails_harms_no_request() -> None:
    clock = FakeClock()

    def fail(_: Attempt) -> None:
        raise ValueError

    with observing(fail):
        async with client(Server(clock, ok), clock) as api:
            assert (await api.request("GET", PATH, limiter="all")).payload == {"fine": True}


async def test_tasks_that_the_observed_one_starts_are_seen_and_others_are_not() -> None:
    clock, seen = FakeClock(), list[Attempt]()
    async with client(Server(clock, ok), clock) as api:

        async def ask() -> None:
            await api.request("GET", PATH, limiter="all")

        with observing(seen.append):
            inside = asyncio.create_task(ask())
        await asyncio.gather(inside, asyncio.create_task(ask()))

    assert len(seen) == 1


async def test_a_request_that_is_cancelled_is_seen_as_given_up() -> None:
    clock, seen = FakeClock(), list[Attempt]()

    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return ok()

    with observing(seen.append):
        async with client(never, clock) as api:  # type: ignore[arg-type]
            asked = asyncio.create_task(api.request("GET", PATH, limiter="all"))
            await asyncio.sleep(0.01)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    assert [(one.status, one.failure) for one in seen] == [(None, "given up")]


async def test_a_request_that_never_left_is_not_seen() -> None:
    clock, seen = FakeClock(), list[Attempt]()
    answer = httpx.Response(503, headers={"Retry-After": "3600"})

    with observing(seen.append):
        async with client(Server(clock, answer), clock, retry=RetryPolicy(attempts=1)) as api:
            for _ in range(2):
                with pytest.raises(TransientError):
                    await api.request("GET", PATH, limiter="all")

    assert len(seen) == 1

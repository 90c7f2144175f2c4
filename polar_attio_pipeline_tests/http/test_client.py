import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import httpx
import pytest
import time_machine

from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.http.errors import ApiError, FatalError, LostAnswerError, RecordError, TransientError
from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.http.payloads import Answer
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.version import __version__
from polar_attio_pipeline_tests.http.fakes import PATH, TOKEN, FakeClock, Script, Server, client, failing, ok, throttled


async def fetch(server: Server, clock: FakeClock, *, retry_lost_answers: bool = True) -> Answer:
    async with client(server, clock) as api:
        return await api.request("GET", PATH, limiter="all", retry_lost_answers=retry_lost_answers)


async def test_a_request_carries_the_token_the_headers_and_repeated_parameters() -> None:
    clock = FakeClock()
    server = Server(clock, ok)
    async with client(server, clock) as api:
        answer = await api.request(
            "POST", PATH, limiter="all", params={"sorting": ["-created_at", "email"], "page": 2}, json={"a": 1}
        )

    sent = server.requests[0]
    assert answer.payload == {"fine": True}
    assert sent.url == "https://api.example.com/v1/things/?sorting=-created_at&sorting=email&page=2"
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["Service-Version"] == "1"
    assert sent.headers["User-Agent"] == f"polar-attio-pipeline/{__version__}"
    assert json.loads(sent.content) == {"a": 1}


@pytest.mark.parametrize(
    "trouble",
    [
        failing(500),
        failing(502),
        failing(503),
        failing(504),
        lambda: httpx.Response(409, json={"code": "concurrent_write_conflict"}),
        lambda: httpx.Response(200, text="<html>Welcome to the hotel's network</html>"),
        lambda: httpx.Response(200, text='{"cut": '),
        lambda: httpx.Response(200),
        httpx.DecodingError("no gzip after all"),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("silent"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    ],
)
async def test_what_may_pass_is_tried_again(trouble: Script) -> None:
    clock = FakeClock()
    server = Server(clock, trouble, trouble, ok)

    answer = await fetch(server, clock)

    assert answer.payload == {"fine": True}
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(307, FatalError), (400, RecordError), (401, FatalError), (403, FatalError), (404, RecordError)],
)
async def test_what_will_not_pass_is_asked_once(status: int, kind: type[ApiError]) -> None:
    clock = FakeClock()
    server = Server(clock, httpx.Response(status, headers={"Location": "https://elsewhere.example.com/"}))

    with pytest.raises(kind):
        await fetch(server, clock)

    assert [request.url.host for request in server.requests] == ["api.example.com"]


async def test_an_answer_without_content_is_a_success() -> None:
    clock = FakeClock()

    answer = await fetch(Server(clock, httpx.Response(204)), clock)

    assert answer.response.status_code == 204


async def test_waits_double_and_are_spread_at_random() -> None:
    clock = FakeClock()
    server = Server(clock, failing(500))
    with pytest.raises(LostAnswerError):
        await fetch(server, clock)

    gaps = [after - before for before, after in pairwise(server.times)]
    least = [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert len(gaps) == len(least)
    assert all(low <= gap <= low + 0.6 for gap, low in zip(gaps, least, strict=True))
    assert any(gap > low + 1e-6 for gap, low in zip(gaps, least, strict=True))


async def test_a_dead_service_is_given_up_within_three_minutes() -> None:
    clock = FakeClock()
    began = clock.now()
    with pytest.raises(TransientError, match=r"Service cannot be reached \(ConnectError on GET /v1/things/\)"):
        await fetch(Server(clock, httpx.ConnectError("refused")), clock)

    assert 60 < clock.now() - began < 180


async def test_attempts_that_time_out_slowly_are_bounded_too() -> None:
    clock = FakeClock()
    began = clock.now()

    async def silent(_: httpx.Request) -> httpx.Response:
        await clock.sleep(30)
        raise httpx.ReadTimeout("silent")

    with pytest.raises(LostAnswerError):
        async with client(silent, clock) as api:  # type: ignore[arg-type]  # MockTransport takes coroutines as well
            await api.request("GET", PATH, limiter="all")

    assert 150 < clock.now() - began <= 180 + 30


@pytest.mark.parametrize("windows", [1, 2])
async def test_polars_window_is_sat_out_at_least_twice(windows: int) -> None:
    clock = FakeClock()
    server = Server(clock, *[throttled("60")] * windows, ok)

    await fetch(server, clock)

    gaps = [after - before for before, after in pairwise(server.times)]
    assert gaps == pytest.approx([60] * windows, abs=0.1)


@pytest.mark.parametrize("skew", [-300, 0, 300])
async def test_a_date_to_wait_for_is_met_whatever_the_local_clock_says(skew: int) -> None:
    clock = FakeClock()
    server_now = datetime.now(UTC) + timedelta(seconds=skew)
    date, until = (format_datetime(moment, usegmt=True) for moment in (server_now, server_now + timedelta(seconds=5)))
    server = Server(clock, throttled(until, Date=date), ok)

    await fetch(server, clock)

    assert server.times[1] - server.times[0] == pytest.approx(5)


async def test_a_429_that_names_no_time_is_backed_off_from() -> None:
    clock = FakeClock()
    server = Server(clock, throttled(), throttled("0"), ok)

    await fetch(server, clock)

    assert server.times[1] - server.times[0] >= 0.5
    assert server.times[2] - server.times[1] >= 1


async def test_a_wait_of_an_hour_is_not_waited_for() -> None:
    clock = FakeClock()
    server = Server(clock, throttled("3600"))
    began = clock.now()

    with pytest.raises(TransientError, match="keeps throttling") as raised:
        await fetch(server, clock)

    assert raised.value.retry_after == 3600
    assert clock.now() == began
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "lost",
    [
        failing(500),
        failing(504),
        httpx.ReadTimeout("silent"),
        httpx.RemoteProtocolError("cut"),
        lambda: httpx.Response(200, text='{"cut": '),
    ],
)
async def test_a_lost_answer_to_what_must_not_happen_twice_is_the_callers_to_judge(lost: Script) -> None:
    clock = FakeClock()
    server = Server(clock, lost, ok)

    with pytest.raises(LostAnswerError):
        await fetch(server, clock, retry_lost_answers=False)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "refused",
    [
        throttled("1"),
        httpx.ConnectError("refused"),
        lambda: httpx.Response(409, json={"code": "concurrent_write_conflict"}),
    ],
)
async def test_what_certainly_did_not_happen_is_repeated_even_then(refused: Script) -> None:
    clock = FakeClock()
    server = Server(clock, refused, ok)

    await fetch(server, clock, retry_lost_answers=False)

    assert len(server.requests) == 2


async def endless() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.Event().wait()


async def test_a_body_that_drips_in_for_ever_is_cut_off() -> None:
    clock = FakeClock()
    server = Server(clock, lambda: httpx.Response(200, content=endless()))
    with pytest.raises(LostAnswerError, match="TimeoutError"):
        async with client(server, clock, retry=RetryPolicy(attempts=1, attempt_seconds=0.01)) as api:
            await api.request("GET", PATH, limiter="all")


async def test_a_500_can_be_final_sooner_than_everything_else() -> None:
    clock = FakeClock()
    server = Server(clock, failing(502), httpx.ReadTimeout("silent"), failing(503), failing(500))
    async with client(server, clock) as api:
        with pytest.raises(LostAnswerError):
            await api.request("GET", PATH, limiter="all", retry=RetryPolicy(attempts_at_500=2))

    assert len(server.requests) == 4


async def test_a_lost_answer_can_be_final_sooner_than_a_rate_limit() -> None:
    clock = FakeClock()
    server = Server(clock, failing(429), failing(429), failing(502), failing(429), httpx.ReadTimeout("silent"))
    async with client(server, clock) as api:
        with pytest.raises(LostAnswerError):
            await api.request("GET", PATH, limiter="all", retry=RetryPolicy(attempts_when_lost=4))

    assert len(server.requests) == 5


async def test_how_long_an_attempt_may_take_is_the_requests_own_bound() -> None:
    clock = FakeClock()
    drip = Server(clock, lambda: httpx.Response(200, content=endless()))
    async with asyncio.timeout(10), client(drip, clock) as api:
        with pytest.raises(LostAnswerError, match="TimeoutError"):
            await api.request("GET", PATH, limiter="all", retry=RetryPolicy(attempts=1, attempt_seconds=0.01))


async def test_an_unpaired_surrogate_is_no_lost_answer() -> None:
    clock = FakeClock()
    server = Server(clock, lambda: httpx.Response(200, content=rb'{"name": "Ada \ud800"}'))

    answer = await fetch(server, clock)

    assert answer.payload == {"name": "Ada \ufffd"}
    assert len(server.requests) == 1


async def test_waiting_in_the_queue_does_not_use_up_a_requests_patience() -> None:
    clock = FakeClock()
    server = Server(clock, *[ok] * 5, failing(500), ok)
    slow = RateLimiter(1, period=100, clock=clock)
    async with client(server, clock, limiter=slow) as api:
        await asyncio.gather(*(api.request("GET", PATH, limiter="all") for _ in range(6)))

    assert len(server.requests) == 7
    assert server.times[-1] - server.times[0] == pytest.approx(600)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "The token for Service is not set"),
        ("  ", "The token for Service is not set"),
        ("two\nlines", "does not accept the token"),
        ("polar_oat_ü", "does not accept the token"),
    ],
)
async def test_a_token_that_no_header_can_carry_is_refused_unsent(token: str, said: str) -> None:
    clock = FakeClock()
    server = Server(clock, ok)

    with pytest.raises(FatalError, match=said) as raised:
        async with client(server, clock, token=token):
            pass

    assert not server.requests
    assert token.strip() == "" or token not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["", "api.example.com", "ftp://api.example.com", "https://", "https://api.example.com:port"]
)
async def test_an_address_that_is_none_names_the_setting(url: str) -> None:
    clock = FakeClock()

    with pytest.raises(FatalError, match="SERVICE_API_URL is no usable address"):
        async with client(Server(clock, ok), clock, base_url=url):
            pass


async def test_the_client_counts_what_it_did() -> None:
    clock = FakeClock()
    server = Server(clock, throttled("60"), failing(500), ok)
    async with client(server, clock) as api:
        await api.request("GET", PATH, limiter="all")
        await api.request("GET", PATH, limiter="other")

        assert api.stats.requests == {"all": 3, "other": 1}
        assert api.stats.throttled == 1


async def test_the_services_clock_is_compared_with_ours() -> None:
    clock = FakeClock()
    ahead = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    async with client(Server(clock, httpx.Response(204, headers={"Date": ahead})), clock) as api:
        assert api.server_offset is None

        await api.request("GET", PATH, limiter="all")

        assert api.server_offset == pytest.approx(300, abs=3)


@pytest.mark.parametrize(
    ("servers_clock", "offset"),
    [
        ("21:03:30", 0.0),
        ("21:03:31", 0.0),
        ("21:03:50", 0.0),
        ("21:03:51", 0.1),
        ("21:03:29", -0.9),
        ("21:08:50", 299.1),
        ("20:58:30", -299.9),
    ],
)
async def test_clocks_differ_by_no_more_than_whole_seconds_and_a_slow_answer_can_show(
    servers_clock: str, offset: float
) -> None:
    clock = FakeClock()
    with time_machine.travel(datetime(2026, 11, 23, 21, 3, 30, 900_000, tzinfo=UTC), tick=False) as machine:

        def after_20_seconds() -> httpx.Response:
            machine.shift(20)
            return httpx.Response(204, headers={"Date": f"Mon, 23 Nov 2026 {servers_clock} GMT"})

        async with client(Server(clock, after_20_seconds), clock) as api:
            await api.request("GET", PATH, limiter="all")

        assert api.server_offset == pytest.approx(offset, abs=1e-6)


async def test_a_client_outside_its_context_says_so() -> None:
    clock = FakeClock()
    api = client(Server(clock, ok), clock)

    with pytest.raises(RuntimeError, match="outside its context"):
        await api.request("GET", PATH, limiter="all")


async def test_neither_token_nor_query_is_in_an_errors_text_or_representation() -> None:
    clock = FakeClock()
    server = Server(clock, httpx.Response(400, json={"detail": [{"input": "ada@example.com"}]}))
    async with client(server, clock) as api:
        with pytest.raises(RecordError) as raised:
            await api.request("GET", PATH, limiter="all", params={"email": "ada@example.com"})

    assert raised.value.payload == {"detail": [{"input": "ada@example.com"}]}
    for text in (str(raised.value), repr(raised.value)):
        assert TOKEN not in text
        assert "ada" not in text


async def test_the_real_clock_waits_as_long_as_it_is_told() -> None:
    clock = Clock()
    began = clock.now()

    await clock.sleep(0.01)

    assert clock.now() - began >= 0.0099

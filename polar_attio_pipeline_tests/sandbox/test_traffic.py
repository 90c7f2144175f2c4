"""What the sandbox remembers of the requests it got."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import REAL
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sandbox.traffic import LOG_LENGTH, Seen, Traffic, kind_of, retry_time
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW

CUSTOMERS = "/v1/customers/"
QUERY = "/v2/objects/people/records/query"


async def test_requests_are_counted_by_service_method_route_kind_and_status(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    row = sandbox.polar.add_customer(email="ada@example.com")
    await polar.get(CUSTOMERS, params={"page": 1})
    await polar.get(CUSTOMERS, params={"page": 2})
    await polar.get(f"/v1/customers/{row.id}")
    await polar.delete(f"/v1/customers/{row.id}")
    await polar.post(QUERY, headers={"Authorization": f"Bearer {ATTIO_TOKEN}"}, json={})
    assert sandbox.traffic.counts == {
        Seen("polar", "GET", CUSTOMERS, "read", 200): 2,
        Seen("polar", "GET", "/v1/customers/{id}", "read", 200): 1,
        Seen("polar", "DELETE", "/v1/customers/{id}", "write", 204): 1,
        Seen("attio", "POST", "/v2/objects/{object}/records/query", "read", 200): 1,
    }
    assert sandbox.traffic.count(service="polar", kind="read") == 3
    assert sandbox.traffic.count(status=204) == 1


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/v2/self", "read"),
        ("POST", QUERY, "read"),
        ("PUT", "/v2/objects/people/records", "write"),
        ("PATCH", "/v1/customers/1", "write"),
    ],
)
def test_attios_queries_are_posts_that_read(method: str, path: str, kind: str) -> None:
    assert kind_of(method, path) == kind


async def test_an_answer_that_never_came_counts_without_a_status(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER))
    with pytest.raises(httpx.ReadError):
        await polar.post(CUSTOMERS, json={"email": "ada@example.com"})
    assert sandbox.traffic.counts == {Seen("polar", "POST", CUSTOMERS, "write", None): 1}
    assert sandbox.traffic.log[-1]["fault"] == "lost_answer"


async def test_the_log_is_short_and_holds_nothing_personal(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    await polar.get(CUSTOMERS, params={"email": "ada@example.com"})
    (entry,) = sandbox.traffic.log
    assert entry.keys() == {"at", "service", "method", "path", "status", "ms", "fault"}
    assert entry["path"] == CUSTOMERS
    for _ in range(LOG_LENGTH):
        await polar.get("/v1/nothing")
    assert len(sandbox.traffic.log) == LOG_LENGTH


async def test_the_sandboxs_own_pages_do_not_count(sandbox: Sandbox, anyone: httpx.AsyncClient) -> None:
    await anyone.get("/")
    await anyone.get("/sandbox/traffic")
    assert not sandbox.traffic.counts


class TestEarlyRetries:
    async def test_who_waits_is_not_early(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        sandbox.set_limits(REAL / 500)
        assert [(await polar.get(CUSTOMERS)).status_code for _ in range(2)] == [200, 429]
        sandbox.clock.shift(timedelta(seconds=60))
        assert (await polar.get(CUSTOMERS)).status_code == 200
        assert sandbox.traffic.early_retries["polar"] == 0

    async def test_who_comes_back_too_soon_is_counted(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        sandbox.faults.add(Fault(kind=Kind.TOO_MANY, service="polar", retry_after_seconds=5, times=1))
        await polar.get(CUSTOMERS)
        sandbox.clock.shift(timedelta(seconds=4))
        await polar.get(CUSTOMERS)
        await polar.get("/v2/self")
        assert sandbox.traffic.early_retries == {"polar": 1}

    async def test_what_was_on_its_way_already_is_not_early(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        sandbox.faults.add(Fault(kind=Kind.TOO_MANY, retry_after_seconds=5, times=1))
        await polar.get(CUSTOMERS)
        sandbox.clock.shift(timedelta(milliseconds=50))
        await polar.get(CUSTOMERS)
        assert sandbox.traffic.early_retries["polar"] == 0

    async def test_a_clock_that_is_off_does_not_mislead_the_count(
        self, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        sandbox.faults.add(Fault(kind=Kind.CLOCK_SKEW, skew_minutes=10))
        sandbox.faults.add(Fault(kind=Kind.TOO_MANY, retry_after="date", retry_after_seconds=5, times=1))
        await polar.get(CUSTOMERS)
        sandbox.clock.shift(timedelta(seconds=6))
        await polar.get(CUSTOMERS)
        assert sandbox.traffic.early_retries["polar"] == 0

    def test_the_longest_wait_given_counts(self) -> None:
        traffic = Traffic(lambda: NOW)
        traffic.told_to_wait("attio", "60")
        traffic.told_to_wait("attio", "1")
        traffic.clock = lambda: NOW + timedelta(seconds=30)
        traffic.arrived("attio")
        assert traffic.early_retries["attio"] == 1


class TestMostInFlight:
    async def test_requests_that_are_answered_at_once_are_counted_by_service(
        self, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        sandbox.faults.add(Fault(kind=Kind.LATENCY, seconds=0.05))
        attio = {"Authorization": f"Bearer {ATTIO_TOKEN}"}
        await asyncio.gather(
            *(polar.get(CUSTOMERS) for _ in range(5)), *(polar.get("/v2/self", headers=attio) for _ in range(2))
        )
        assert (sandbox.traffic.most_in_flight("polar"), sandbox.traffic.most_in_flight("attio")) == (5, 2)

    async def test_one_after_the_other_is_one(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        for _ in range(3):
            await polar.get(CUSTOMERS)
        assert sandbox.traffic.most_in_flight("polar") == 1

    async def test_a_request_that_gets_no_answer_ends_too(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        sandbox.faults.add(Fault(kind=Kind.RESET, times=1))
        with pytest.raises(httpx.ReadError):
            await polar.get(CUSTOMERS)
        await polar.get(CUSTOMERS)
        assert sandbox.traffic.most_in_flight("polar") == 1

    async def test_over_a_connection_an_answer_counts_until_all_of_it_is_sent(
        self, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        sandbox.fill(customers=20, seed=1)
        sandbox.faults.add(Fault(kind=Kind.SLOW_BODY, seconds=0.2, slices=4))
        with serving(sandbox) as url:
            async with httpx.AsyncClient(base_url=url, headers=polar.headers) as connected:
                await asyncio.gather(*(connected.get(CUSTOMERS) for _ in range(4)))
        assert sandbox.traffic.most_in_flight("polar") == 4

    def test_a_reset_forgets_all_but_those_under_way(self) -> None:
        traffic = Traffic(lambda: NOW)
        for _ in range(3):
            traffic.arrived("polar")
        traffic.left("polar")
        traffic.reset()
        assert traffic.most_in_flight("polar") == 2
        assert traffic.most_in_flight("attio") == 0


def test_a_retry_after_is_seconds_or_a_date() -> None:
    assert retry_time("90", NOW) == NOW + timedelta(seconds=90)
    assert retry_time("Mon, 23 Nov 2026 21:05:00 GMT", NOW) == NOW.replace(minute=5, second=0, microsecond=0)

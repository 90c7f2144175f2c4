"""What goes wrong on the way, over real connections and in process."""

import asyncio
import email.utils
import threading
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from polar_attio_pipeline.sandbox.faults import Fault, Faults, Kind
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW

CUSTOMERS = "/v1/customers/"
SELF = "/v2/self"
RECORDS = "/v2/objects/people/records"
NEW = {"email": "ada@example.com"}
ATTIO = {"Authorization": f"Bearer {ATTIO_TOKEN}"}


@pytest.fixture(params=["over a connection", "in process"])
async def client(
    request: pytest.FixtureRequest, sandbox: Sandbox, polar: httpx.AsyncClient
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with Polar's token: once of the real server, once of the application alone."""
    if request.param == "in process":
        yield polar
        return
    with serving(sandbox) as url:
        async with httpx.AsyncClient(base_url=url, headers=polar.headers) as connected:
            yield connected


async def write(
    client: httpx.AsyncClient, method: str, record_id: str = "", *, email: str | None = None
) -> httpx.Response:
    """Write to Attio's people: create one, or change the one of this id."""
    values = {"email_addresses": [email]} if email else {"job_title": "Countess"}
    path = f"{RECORDS}/{record_id}" if record_id else RECORDS
    return await client.request(method, path, json={"data": {"values": values}}, headers=ATTIO)


def switch_on(sandbox: Sandbox, kind: Kind, **settings: Any) -> None:
    sandbox.faults.add(Fault.model_validate({"kind": kind, **settings}))


async def test_a_reset_breaks_the_connection_before_anything_is_done(
    sandbox: Sandbox, client: httpx.AsyncClient
) -> None:
    switch_on(sandbox, Kind.RESET, times=1)
    with pytest.raises(httpx.ReadError):
        await client.post(CUSTOMERS, json=NEW)
    assert sandbox.polar.customers == {}
    assert (await client.post(CUSTOMERS, json=NEW)).status_code == 201


async def test_no_answer_leaves_the_client_to_give_up(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    switch_on(sandbox, Kind.HANG, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await client.get(CUSTOMERS, timeout=0.05)
    assert (await client.get(CUSTOMERS)).status_code == 200


async def test_a_cut_body_ends_before_the_length_it_announced(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    switch_on(sandbox, Kind.CUT_BODY, times=1)
    with pytest.raises(httpx.RemoteProtocolError, match=r"received \d+ bytes, expected \d+"):
        await client.post(CUSTOMERS, json=NEW)
    assert len(sandbox.polar.customers) == 1


async def test_an_answer_may_be_lost_after_the_write_was_done(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    switch_on(sandbox, Kind.LOST_ANSWER, times=1)
    with pytest.raises(httpx.ReadError):
        await client.post(CUSTOMERS, json=NEW)
    assert [row.email for row in sandbox.polar.customers.values()] == ["ada@example.com"]
    assert (await client.post(CUSTOMERS, json=NEW)).status_code == 422


async def test_a_gateway_may_lose_it_too(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    switch_on(sandbox, Kind.LOST_ANSWER, lost="503")
    assert (await client.post(CUSTOMERS, json=NEW)).status_code == 503
    assert len(sandbox.polar.customers) == 1


async def test_a_slow_body_arrives_whole(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    sandbox.fill(customers=20, seed=1)
    whole = (await client.get(CUSTOMERS)).json()
    switch_on(sandbox, Kind.SLOW_BODY, seconds=0.05, slices=5)
    began = time.perf_counter()
    assert (await client.get(CUSTOMERS)).json() == whole
    assert time.perf_counter() - began >= 0.05


async def test_latency_comes_on_top_of_another_fault(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    switch_on(sandbox, Kind.LATENCY, seconds=0.03, jitter=0.01)
    switch_on(sandbox, Kind.STATUS, status=503)
    began = time.perf_counter()
    assert (await client.get(CUSTOMERS)).status_code == 503
    assert time.perf_counter() - began >= 0.03


@pytest.mark.parametrize(
    ("status", "content_type"), [(500, "text/plain"), (502, "text/html"), (503, "text/html"), (504, "text/html")]
)
async def test_a_gateways_errors_are_html_and_the_servers_own_is_text(
    status: int, content_type: str, sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    switch_on(sandbox, Kind.STATUS, status=status)
    answer = await polar.get(CUSTOMERS)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)
    assert "retry-after" not in answer.headers


class TestTooMany:
    async def test_polar_says_seconds_and_nothing_else(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.TOO_MANY, retry_after_seconds=3)
        answer = await polar.get(CUSTOMERS)
        assert (answer.status_code, answer.headers["retry-after"], answer.content) == (429, "3", b"")

    async def test_attio_says_a_date_and_why(self, sandbox: Sandbox, anyone: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.TOO_MANY, retry_after_seconds=1)
        answer = await anyone.get(SELF, headers={"Authorization": f"Bearer {ATTIO_TOKEN}"})
        assert answer.status_code == 429
        assert answer.json()["code"] == "rate_limit_exceeded"
        opens_at = email.utils.parsedate_to_datetime(answer.headers["retry-after"])
        assert opens_at == NOW.replace(microsecond=0) + timedelta(seconds=2)

    async def test_the_form_can_be_chosen(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.TOO_MANY, retry_after="date", times=1)
        switch_on(sandbox, Kind.TOO_MANY, retry_after="absent", times=2)
        assert (await polar.get(CUSTOMERS)).headers["retry-after"] == "Mon, 23 Nov 2026 21:03:29 GMT"
        assert "retry-after" not in (await polar.get(CUSTOMERS)).headers


async def test_a_clock_that_is_off_shows_in_both_dates(sandbox: Sandbox, anyone: httpx.AsyncClient) -> None:
    switch_on(sandbox, Kind.CLOCK_SKEW, skew_minutes=-10)
    switch_on(sandbox, Kind.TOO_MANY, retry_after_seconds=5)
    headers = (await anyone.get(SELF)).headers
    assert headers["date"] == "Mon, 23 Nov 2026 20:53:27 GMT"
    assert headers["retry-after"] == "Mon, 23 Nov 2026 20:53:33 GMT"


async def test_polar_may_call_its_token_revoked_for_a_while(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    switch_on(sandbox, Kind.REVOKED, service="polar", times=1)
    refused = await polar.get(CUSTOMERS)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    assert (await polar.get(CUSTOMERS)).status_code == 200


def test_attios_revocation_is_no_fault_of_the_way() -> None:
    with pytest.raises(ValidationError, match="polar"):
        Fault(kind=Kind.REVOKED, service="attio")


class TestWhomItBefalls:
    def test_by_service_method_and_path(self) -> None:
        faults = Faults(lambda: NOW)
        faults.add(Fault(kind=Kind.RESET, service="attio", method="PUT", path="/v2/objects/*/records"))
        assert faults.strike("attio", "PUT", "/v2/objects/people/records")
        assert not faults.strike("attio", "PATCH", "/v2/objects/people/records")
        assert not faults.strike("attio", "PUT", "/v2/objects/people/records/1")
        assert not faults.strike("polar", "PUT", "/v2/objects/people/records")

    def test_after_some_and_so_many_times(self) -> None:
        faults = Faults(lambda: NOW)
        faults.add(Fault(kind=Kind.RESET, skip=2, times=3))
        struck = [bool(faults.strike("polar", "GET", CUSTOMERS)) for _ in range(7)]
        assert struck == [False, False, True, True, True, False, False]
        assert faults.active() == {}

    def test_with_a_probability_repeatable_by_the_seed(self) -> None:
        def struck(seed: int) -> list[bool]:
            faults = Faults(lambda: NOW, seed=seed)
            faults.add(Fault(kind=Kind.RESET, probability=0.3))
            return [bool(faults.strike("polar", "GET", CUSTOMERS)) for _ in range(1000)]

        assert struck(1) == struck(1) != struck(2)
        assert 250 < sum(struck(1)) < 350

    def test_until_it_is_switched_off(self) -> None:
        faults = Faults(lambda: NOW)
        number = faults.add(Fault(kind=Kind.RESET))
        assert faults.strike("polar", "GET", CUSTOMERS)
        faults.remove(number)
        assert not faults.strike("polar", "GET", CUSTOMERS)

    async def test_the_one_record_that_a_path_names(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        ids = [sandbox.attio.add_person(emails=[f"{name}@example.com"]) for name in ("ada", "bob")]
        switch_on(sandbox, Kind.TOO_MANY, service="attio", method="PATCH", contains=ids[0].upper())
        assert [(await write(client, "PATCH", record_id)).status_code for record_id in ids] == [429, 200]

    async def test_the_one_question_that_a_query_string_asks(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        ids = [sandbox.polar.add_customer(type="team", name=name).id for name in ("Acme", "Zeta")]
        switch_on(sandbox, Kind.STATUS, status=500, path="/v1/members/", contains=ids[0])
        for _ in range(2):
            answers = [await client.get("/v1/members/", params={"customer_id": team}) for team in ids]
            assert [answer.status_code for answer in answers] == [500, 200]

    async def test_a_query_string_is_searched_decoded(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.STATUS, contains="ada+1@example.com")
        for wanted, status in (("ada+1@example.com", 503), ("ada 1@example.com", 200)):
            assert (await client.get(CUSTOMERS, params={"email": wanted})).status_code == status

    async def test_the_one_write_whose_body_holds_an_address(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.STATUS, status=500, service="attio", contains="Ada@Example.com")
        for _ in range(2):
            assert (await write(client, "POST", email="ada@example.com")).status_code == 500
        assert (await write(client, "POST", email="bob@example.com")).status_code == 200
        assert [person.emails for person in sandbox.attio.people()] == [("bob@example.com",)]

    async def test_a_body_that_was_searched_arrives_whole(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.LATENCY, seconds=0, contains="ada")
        name = "x" * 300_000

        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b'{"data": {"values": {"description": "', name.encode(), b'"}}}'):
                yield piece

        answer = await client.post(RECORDS, content=pieces(), headers=ATTIO)
        assert answer.json()["data"]["values"]["description"][0]["value"] == name

    async def test_an_answer_that_never_comes_ends_when_its_client_gives_up(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        switch_on(sandbox, Kind.HANG, contains="ada@example.com")
        with pytest.raises(httpx.ReadTimeout):
            await client.post(CUSTOMERS, json=NEW, timeout=0.05)
        assert (await client.post(CUSTOMERS, json={"email": "bob@example.com"})).status_code == 201

    def test_only_those_it_befalls_count(self) -> None:
        faults = Faults(lambda: NOW)
        faults.add(Fault(kind=Kind.RESET, contains="Ada", skip=1, times=1))
        struck = [bool(faults.strike("attio", "POST", RECORDS, text)) for text in ("ada", "bob", "ADA", "ada")]
        assert struck == [False, False, True, False]

    async def test_never_the_sandboxs_own_controls(self, sandbox: Sandbox, anyone: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.STATUS)
        assert (await anyone.get("/sandbox/health")).status_code == 200


async def test_the_server_stops_though_a_request_hangs(sandbox: Sandbox) -> None:
    arrived = threading.Event()

    def told_on_arrival() -> datetime:
        arrived.set()
        return NOW

    sandbox.clock.source = told_on_arrival
    switch_on(sandbox, Kind.HANG)
    async with httpx.AsyncClient() as client:
        with serving(sandbox) as url:
            asking = asyncio.create_task(client.get(f"{url}{CUSTOMERS}", timeout=30))
            await asyncio.to_thread(arrived.wait)
        with pytest.raises(httpx.TransportError):
            await asking

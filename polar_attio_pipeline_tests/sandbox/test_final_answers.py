"""What a service says and means: refusals of its own, lists with nothing in them, answers that end too early."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from polar_attio_pipeline.sandbox.faults import Fault, Faults, Kind
from polar_attio_pipeline.sandbox.limits import REAL
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW

CUSTOMERS = "/v1/customers/"
EXPORT = "/v1/customers/export"
RECORDS = "/v2/objects/people/records"
ATTIO = {"Authorization": f"Bearer {ATTIO_TOKEN}"}
NOTHING = {"items": [], "pagination": {"total_count": 0, "max_page": 0}}


@pytest.fixture(params=["over a connection", "in process"])
async def client(
    request: pytest.FixtureRequest, sandbox: Sandbox, polar: httpx.AsyncClient
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with Polar's token: once of the real server, once of the application alone."""
    sandbox.fill(customers=120, seed=1)
    if request.param == "in process":
        yield polar
        return
    with serving(sandbox) as url:
        async with httpx.AsyncClient(base_url=url, headers=polar.headers) as connected:
            yield connected


def switch_on(sandbox: Sandbox, kind: Kind, **settings: Any) -> None:
    sandbox.faults.add(Fault.model_validate({"kind": kind, **settings}))


async def statuses(client: httpx.AsyncClient, *paths: str) -> list[int]:
    return [(await client.get(path)).status_code for path in paths]


class TestEmptyLists:
    async def test_a_list_comes_without_items_for_ever(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.EMPTY_LIST, path=CUSTOMERS)
        for page in (1, 2, 1):
            answer = await client.get(CUSTOMERS, params={"page": page})
            assert (answer.status_code, answer.json()) == (200, NOTHING)
            assert answer.headers["polar-version"] == "2026-04"

    async def test_or_a_number_of_times(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.EMPTY_LIST, times=2)
        counts = [(await client.get(CUSTOMERS)).json()["pagination"]["total_count"] for _ in range(3)]
        assert counts == [0, 0, 120]

    async def test_an_export_comes_with_its_header_only(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        whole = (await client.get(EXPORT)).text
        switch_on(sandbox, Kind.EMPTY_LIST, path=EXPORT)
        answer = await client.get(EXPORT)
        assert answer.status_code == 200
        assert answer.text == whole.splitlines(keepends=True)[0]
        assert await statuses(client, CUSTOMERS) == [200]

    async def test_every_list_is_empty_but_a_customer_is_what_it_is(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        switch_on(sandbox, Kind.EMPTY_LIST)
        for path in (CUSTOMERS, "/v1/members/", "/v1/subscriptions/", "/v1/organizations/"):
            assert (await client.get(path)).json() == NOTHING
        customer_id = next(iter(sandbox.polar.customers))
        assert (await client.get(f"/v1/customers/{customer_id}")).json()["id"] == customer_id
        assert (await client.post(CUSTOMERS, json={"email": "new@example.com"})).status_code == 201

    async def test_what_is_refused_stays_refused(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.EMPTY_LIST)
        sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"members:read"})
        assert await statuses(client, CUSTOMERS, EXPORT, "/v1/members/") == [403, 403, 200]

    async def test_it_counts_against_the_rate_limit(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.EMPTY_LIST)
        sandbox.set_limits(REAL / 500)
        assert await statuses(client, CUSTOMERS, CUSTOMERS) == [200, 429]

    def test_only_requests_for_lists_use_it_up(self) -> None:
        faults = Faults(lambda: NOW)
        faults.add(Fault(kind=Kind.EMPTY_LIST, times=1))
        asked = [("GET", "/v1/customers/1"), ("POST", CUSTOMERS), ("GET", CUSTOMERS), ("GET", CUSTOMERS)]
        assert [bool(faults.strike("polar", method, path)) for method, path in asked] == [False, False, True, False]

    def test_attio_has_none(self) -> None:
        with pytest.raises(ValidationError, match="polar"):
            Fault(kind=Kind.EMPTY_LIST, service="attio")


class TestRefusals:
    async def test_attio_refuses_creations_only(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.REFUSE, service="attio", method="POST", path=RECORDS, code="billing_error")
        person, people = sandbox.attio.people()[0], sandbox.attio.people_count()
        body = {"data": {"values": {"job_title": "Countess"}}}
        for _ in range(2):
            answer = await client.post(RECORDS, json=body, headers=ATTIO)
            assert answer.status_code == 403
            assert (answer.json()["type"], answer.json()["code"]) == ("auth_error", "billing_error")
            assert answer.json()["status_code"] == 403
        assert (await client.patch(f"{RECORDS}/{person.id}", json=body, headers=ATTIO)).status_code == 200
        assert (await client.post(f"{RECORDS}/query", json={}, headers=ATTIO)).status_code == 200
        assert sandbox.attio.people_count() == people

    async def test_attio_crashes_over_one_record_for_ever_and_writes_nothing(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        first, second = (person.id for person in sandbox.attio.people()[:2])
        switch_on(sandbox, Kind.STATUS, status=500, service="attio", method="PATCH", contains=first)
        body = {"data": {"values": {"job_title": "Countess"}}}
        for record_id, status in ((first, 500), (second, 200), (first, 500)):
            assert (await client.patch(f"{RECORDS}/{record_id}", json=body, headers=ATTIO)).status_code == status
        assert "job_title" not in sandbox.attio.person(first).values

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (400, "validation_type", "invalid_request_error"),
            (403, "unauthorized", "auth_error"),
            (404, "not_found", "invalid_request_error"),
            (409, "concurrent_write_conflict", "invalid_request_error"),
        ],
    )
    async def test_attios_code_follows_the_status_unless_it_is_given(
        self, status: int, code: str, kind: str, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        switch_on(sandbox, Kind.REFUSE, service="attio", status=status)
        body = (await polar.get("/v2/self")).json()
        assert (body["status_code"], body["code"], body["type"]) == (status, code, kind)

    async def test_polar_refuses_the_export_for_want_of_a_scope(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        switch_on(sandbox, Kind.REFUSE, path=EXPORT)
        refused = await client.get(EXPORT)
        assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
        assert 'scope="customers:read customers:write"' in refused.headers["www-authenticate"]
        assert await statuses(client, CUSTOMERS) == [200]

    async def test_polar_may_not_find_one_customer(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        first, second = list(sandbox.polar.customers)[:2]
        switch_on(sandbox, Kind.REFUSE, service="polar", status=404, contains=first)
        answers = [await client.get(f"/v1/customers/{customer_id}") for customer_id in (first, second)]
        assert [answer.status_code for answer in answers] == [404, 200]
        assert answers[0].json() == {"error": "ResourceNotFound", "detail": "Not found"}

    async def test_polar_may_say_something_else(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.REFUSE, service="polar", status=403, code="NotPermitted")
        assert (await polar.get(CUSTOMERS)).json()["error"] == "NotPermitted"

    @pytest.mark.parametrize(("kind", "status"), [("refuse", 503), ("status", 403)])
    def test_a_refusal_is_below_500_and_a_failure_above(self, kind: str, status: int) -> None:
        with pytest.raises(ValidationError, match=f"no status {status}"):
            Fault.model_validate({"kind": kind, "status": status})


class TestAnswersThatEndTooEarly:
    async def test_an_export_cut_in_the_middle_is_a_protocol_error(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        switch_on(sandbox, Kind.CUT_BODY, path=EXPORT, times=1)
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            await client.get(EXPORT)
        assert (await client.get(EXPORT)).text.count("\r\n") == 121

    async def test_its_rows_before_the_cut_arrive(self, sandbox: Sandbox) -> None:
        sandbox.fill(customers=120, seed=1)
        switch_on(sandbox, Kind.CUT_BODY, path=EXPORT)
        received = bytearray()

        async def read(url: str) -> None:
            headers = {"Authorization": f"Bearer {POLAR_TOKEN}"}
            async with httpx.AsyncClient(base_url=url, headers=headers) as client, client.stream("GET", EXPORT) as cut:
                assert cut.status_code == 200
                async for piece in cut.aiter_bytes():
                    received.extend(piece)

        with serving(sandbox) as url, pytest.raises(httpx.RemoteProtocolError):
            await read(url)
        assert 30 < received.count(b"\r\n") < 90

    async def test_one_that_looks_whole_ends_between_two_rows(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        switch_on(sandbox, Kind.CUT_BODY, path=EXPORT, looks_whole=True)
        answer = await client.get(EXPORT)
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert answer.status_code == 200
        assert 30 < len(rows) < 90
        assert {row["ID"] for row in rows} < sandbox.polar.customers.keys()
        assert None not in rows[-1].values()

    async def test_a_list_that_looks_whole_is_no_json(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        switch_on(sandbox, Kind.CUT_BODY, looks_whole=True)
        answer = await client.get(CUSTOMERS)
        assert int(answer.headers["content-length"]) == len(answer.content)
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            answer.json()

"""Reading Polar's events: what is found, at how many requests, and what a Polar without events answers."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError, LostAnswerError
from polar_attio_pipeline.polar import events as reading
from polar_attio_pipeline.polar.client import polar_api
from polar_attio_pipeline.polar.events import MOST_FAILURES, Events, NoEvents, read_events
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.polar.rows import Token
from polar_attio_pipeline.sandbox.polar.world import ALL_SCOPES
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.polar.fakes import IMPATIENT, api, listing, server_error

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class Polar:
    """A sandbox, and a connection to it."""

    sandbox: Sandbox
    api: ApiClient

    def add(self, number: int) -> str:
        """Add a customer, and so an event, one minute after the other."""
        at = BEGIN + timedelta(minutes=number)
        return self.sandbox.polar.add_customer(email=f"c{number}@example.com", created_at=at).id

    @property
    def requests(self) -> int:
        return self.api.stats.requests.total()

    async def read(self, since: datetime = BEGIN) -> Events:
        found = await read_events(self.api, since=since)
        assert isinstance(found, Events)
        return found


@pytest.fixture
async def polar() -> AsyncIterator[Polar]:
    sandbox = Sandbox(scale=OFF)
    connection = polar_api(
        token=SecretStr(POLAR_TOKEN),
        base_url="http://sandbox",
        requests_per_minute=1e6,
        retry=IMPATIENT,
        transport=httpx.ASGITransport(create_app(sandbox)),
    )
    async with connection as opened:
        yield Polar(sandbox, opened)


async def test_a_quiet_look_is_one_request(polar: Polar) -> None:
    assert await polar.read() == Events([])
    assert polar.requests == 1


async def test_events_of_customers_subscriptions_and_orders_name_their_customer(polar: Polar) -> None:
    customer = polar.add(1)
    product = polar.sandbox.polar.billing.product("Pro", amount=1000)
    polar.sandbox.polar.billing.subscribe(customer, product)
    polar.sandbox.polar.update_customer(customer, name="Ada")
    polar.sandbox.polar.delete_customer(customer)

    found = await polar.read()

    names = {event.name for event in found.events}
    assert names >= {"customer.created", "customer.updated", "customer.deleted", "subscription.created", "order.paid"}
    assert {event.customer_id for event in found.events} == {customer}


async def test_an_event_of_the_very_moment_is_read_and_an_older_one_is_not(polar: Polar) -> None:
    polar.add(1)
    second = polar.add(2)

    found = await polar.read(since=BEGIN + timedelta(minutes=2))

    assert [event.customer_id for event in found.events] == [second]


async def test_many_events_are_read_page_by_page_each_once(polar: Polar) -> None:
    customers = {polar.add(number) for number in range(250)}

    found = await polar.read()

    assert {event.customer_id for event in found.events} == customers
    assert (found.whole, polar.requests) == (True, 3)


async def test_a_page_without_a_single_row_hides_no_later_one(polar: Polar) -> None:
    """Ids and count come from another store than the rows."""
    polar.sandbox.polar.events.rules.rowless = 1.0
    for number in range(100):
        polar.add(number)
    polar.sandbox.polar.events.rules.rowless = 0.0
    last = polar.add(100)

    assert [event.customer_id for event in (await polar.read()).events] == [last]


async def test_more_events_than_a_tick_reads_are_said_to_be_not_whole(
    polar: Polar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_PAGES", 2)
    for number in range(201):
        polar.add(number)

    found = await polar.read()

    assert (found.whole, len(found.events), polar.requests) == (False, 200, 2)


class Listed:
    """Events as Polar lists them, where pages with certain rows answer 500."""

    def __init__(self, count: int, bad: Collection[int]) -> None:
        self.requests = 0
        self._rows = [event_row(number) for number in range(count)]
        self._bad = bad

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        page, limit = int(request.url.params["page"]), int(request.url.params["limit"])
        ahead = request.url.params["start_timestamp"] > "2900"
        rows = range(0) if ahead else range(len(self._rows))[(page - 1) * limit : page * limit]
        if any(number in self._bad for number in rows):
            return server_error()
        return listing([self._rows[number] for number in rows], 0 if ahead else len(self._rows), limit)


def event_row(number: int) -> dict[str, object]:
    return {
        "id": str(number),
        "timestamp": "2026-11-01T00:00:00Z",
        "name": "customer.updated",
        "customer_id": str(UUID(int=number, version=4)),
    }


@pytest.mark.parametrize("bad", [{40}, {0}, {99}, {129}, {3, 77}, {100, 101}])
async def test_a_row_that_polar_cannot_serialise_costs_itself_only(bad: set[int]) -> None:
    listed = Listed(130, bad)
    async with api(listed) as connection:
        found = await read_events(connection, since=BEGIN)

    assert isinstance(found, Events)
    assert {int(event.id) for event in found.events} == {*range(130)} - bad
    assert (found.whole, found.unreadable) == (True, len(bad))
    assert listed.requests <= 2 + 16 * len(bad)


async def test_very_many_such_rows_end_the_reading() -> None:
    listed = Listed(1000, range(1000))
    async with api(listed) as connection:
        found = await read_events(connection, since=BEGIN)

    assert isinstance(found, Events)
    assert not found.whole
    assert listed.requests <= MOST_FAILURES + 10


async def test_a_token_without_the_scope_is_an_answer(polar: Polar) -> None:
    polar.sandbox.polar.tokens[POLAR_TOKEN] = Token(ALL_SCOPES - {"events:read", "events:write"})

    assert await read_events(polar.api, since=BEGIN) is NoEvents.SCOPE


async def test_a_polar_without_a_store_of_events_is_an_answer(polar: Polar) -> None:
    polar.sandbox.polar.events.rules.is_down = True

    assert await read_events(polar.api, since=BEGIN) is NoEvents.STORE


async def test_a_polar_that_answers_nothing_is_an_error(polar: Polar) -> None:
    polar.sandbox.faults.add(Fault(kind=Kind.STATUS, service="polar", status=500))

    with pytest.raises(LostAnswerError):
        await read_events(polar.api, since=BEGIN)


async def test_a_token_that_is_not_accepted_is_an_error(polar: Polar) -> None:
    polar.sandbox.polar.tokens.clear()

    with pytest.raises(FatalError):
        await read_events(polar.api, since=BEGIN)


@pytest.mark.parametrize(
    "row",
    [
        None,
        "text",
        {},
        {"id": "1", "timestamp": "yesterday", "name": "customer.updated", "customer_id": "x"},
        {"id": "1", "timestamp": "2026-11-01T00:00:00Z", "name": "customer.updated", "customer_id": None},
        {"id": "1", "timestamp": "2026-11-01T00:00:00Z", "name": "customer.updated", "customer_id": "x"},
        {"id": "1", "timestamp": "0001-01-01T00:00:00+14:00", "name": "customer.updated", "customer_id": "x"},
    ],
)
async def test_a_row_of_another_shape_is_counted_and_harms_no_other(row: object) -> None:
    good = {
        "id": "2",
        "timestamp": "2026-11-01T00:00:00Z",
        "name": "customer.updated",
        "customer_id": "b7a31c52-0f6e-4d83-9a47-2c5e81d09f36",
    }
    async with api(lambda _: listing([row, good], 2, 1)) as connection:
        found = await read_events(connection, since=BEGIN)

    assert isinstance(found, Events)
    assert ([event.id for event in found.events], found.unreadable) == (["2"], 1)

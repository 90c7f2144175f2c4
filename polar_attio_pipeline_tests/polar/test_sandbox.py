"""The whole way against the sandbox, which answers as Polar's server does."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import PolarClient
from polar_attio_pipeline.polar.customers import read_window
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.polar.churn import Churn
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.polar.fakes import api
from polar_attio_pipeline_tests.polar.reading import read_all

PATIENT = RetryPolicy(attempts=9, first_wait=0, longest_wait=0)


@pytest.fixture
def sandbox() -> Sandbox:
    filled = Sandbox(scale=OFF)
    filled.fill(customers=1000, seed=7)
    return filled


def connection(sandbox: Sandbox, token: str = POLAR_TOKEN) -> ApiClient:
    return api(httpx.ASGITransport(create_app(sandbox)), retry=PATIENT, token=token)


async def test_the_book_is_everybody(sandbox: Sandbox) -> None:
    async with connection(sandbox) as polar:
        read = await read_all(PolarClient(polar))

    assert set(read.customers) == set(sandbox.polar.customers)
    assert polar.stats.requests.total() <= 14


async def test_every_hour_holds_exactly_its_customers(sandbox: Sandbox) -> None:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    async with connection(sandbox) as polar:
        client = PolarClient(polar)
        for hours_ago in (1, 2, 30, 500, 2000):
            window = (end - timedelta(hours=hours_ago), end - timedelta(hours=hours_ago - 1))
            read = await read_window(client, *window)
            expected = [row for row in sandbox.polar.customers.values() if window[0] <= row.created_at < window[1]]
            assert {row.id for row in read.customers} == {row.id for row in expected}


@pytest.mark.parametrize(
    "churn",
    [
        Churn(action="delete", which="read", moment="before"),
        Churn(action="delete", which="read", moment="between_count_and_page", count=3),
        Churn(action="delete", which="unread", moment="between_count_and_page"),
        Churn(action="insert", moment="between_count_and_page", times=9),
        Churn(action="insert", age_seconds=3600 * 24 * 20, times=9),
    ],
    ids=lambda churn: f"{churn.action}-{churn.which}-{churn.moment}-{churn.age_seconds:.0f}",
)
async def test_nobody_who_stays_is_lost_while_others_come_and_go(sandbox: Sandbox, churn: Churn) -> None:
    before = set(sandbox.polar.customers)
    sandbox.churn.active.append(churn)
    async with connection(sandbox) as polar:
        read = await read_all(PolarClient(polar))

    assert sandbox.churn.inserted or sandbox.churn.deleted
    assert set(read.customers) >= before - set(sandbox.churn.deleted)


async def test_faults_on_the_way_change_nothing_about_what_is_read(sandbox: Sandbox) -> None:
    for fault in (
        Fault(kind=Kind.STATUS, status=500, service="polar", probability=0.1),
        Fault(kind=Kind.STATUS, status=502, service="polar", probability=0.1),
    ):
        sandbox.faults.add(fault)
    async with connection(sandbox) as polar:
        read = await read_all(PolarClient(polar))

        assert sandbox.traffic.count(service="polar", status=500) > 0
    assert set(read.customers) == set(sandbox.polar.customers)
    assert read.bad_rows == ()


async def test_a_row_that_polar_cannot_serialise_is_the_only_one_missing(sandbox: Sandbox) -> None:
    victim = sorted(sandbox.polar.customers.values(), key=lambda row: row.created_at)[500]
    sandbox.polar.break_customer(victim.id)
    async with connection(sandbox) as polar:
        client = PolarClient(polar)
        listing = await read_all(client)
        near = listing.bad_rows[0].created_at
        assert near is not None
        window = await read_window(client, near, near + timedelta(hours=1))

    assert set(listing.customers) == set(sandbox.polar.customers) - {victim.id}
    assert len(listing.bad_rows) == len(window.bad_rows) == 1


async def test_a_deleted_customer_does_not_exist(sandbox: Sandbox) -> None:
    kept, gone = sorted(sandbox.polar.customers)[:2]
    sandbox.polar.delete_customer(gone)
    async with connection(sandbox) as polar:
        client = PolarClient(polar)

        assert await client.exists(kept)
        assert not await client.exists(gone)
        assert await client.customer(gone) is None


async def test_a_token_that_is_none_names_its_setting(sandbox: Sandbox) -> None:
    async with connection(sandbox, token="polar_oat_wrong") as polar:
        with pytest.raises(FatalError, match="POLAR_ACCESS_TOKEN"):
            await PolarClient(polar).page(1)

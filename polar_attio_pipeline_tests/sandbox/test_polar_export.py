"""`GET /v1/customers/export`: all customers as CSV in one answer."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from polar_attio_pipeline.sandbox.faults import Fault
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW

EXPORT = "/v1/customers/export"
COLUMNS = (
    "ID,External ID,Created At,Email,Name,Tax ID,Billing Address Line 1,Billing Address Line 2,"
    "Billing Address City,Billing Address State,Billing Address Zip,Billing Address Country,Metadata"
)


@pytest.fixture
def book(sandbox: Sandbox) -> Sandbox:
    sandbox.fill(customers=350, seed=3)
    return sandbox


@pytest.fixture
async def connected(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client with Polar's token, over a real connection."""
    headers = {"Authorization": f"Bearer {POLAR_TOKEN}"}
    with serving(sandbox) as url:
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:
            yield client


async def exported(polar: httpx.AsyncClient, **params: str) -> list[dict[str, str]]:
    answer = await polar.get(EXPORT, params=params)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_it_holds_every_live_customer_once(polar: httpx.AsyncClient, book: Sandbox) -> None:
    gone: Customer = next(iter(book.polar.customers.values()))
    book.polar.delete_customer(gone.id)
    ids = [row["ID"] for row in await exported(polar)]
    assert set(ids) == book.polar.customers.keys()
    assert len(ids) == 349


async def test_it_comes_in_chunks_as_an_attachment(connected: httpx.AsyncClient, book: Sandbox) -> None:
    answer = await connected.get(EXPORT)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in answer.headers
    assert len(list(csv.DictReader(io.StringIO(answer.text)))) == 350


async def test_lines_end_as_excel_wants_and_fields_are_quoted_where_needed(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    row = sandbox.polar.add_customer(
        email="ada@example.com", name='Lovelace, "Ada"\nCountess', external_id="usr_1", created_at=NOW
    )
    assert (await polar.get(EXPORT)).text == (
        f"{COLUMNS}\r\n{row.id},usr_1,2026-11-23T21:03:27.130000+00:00,ada@example.com,"
        '"Lovelace, ""Ada""\nCountess",,,,,,,,\r\n'
    )


async def test_every_field_of_a_customer_is_in_its_column(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    address = {
        "line1": "1 Main St",
        "line2": "Flat 2",
        "city": "San Francisco",
        "state": "US-CA",
        "postal_code": "94104",
        "country": "US",
    }
    sandbox.polar.add_customer(
        email="ada@example.com",
        created_at=NOW.replace(microsecond=0),
        tax_id=("DE123", "eu_vat"),
        billing_address=address,
        metadata={"plan": "a", "n": 7},
    )
    (row,) = await exported(polar)
    assert row["Created At"] == "2026-11-23T21:03:27+00:00"
    assert row["Tax ID"] == "DE123"
    assert [row[column] for column in COLUMNS.split(",")[6:12]] == list(address.values())
    assert row["Metadata"] == '{"plan": "a", "n": 7}'


async def test_its_order_is_neither_that_of_creation_nor_of_ids(polar: httpx.AsyncClient, book: Sandbox) -> None:
    rows = await exported(polar)
    for column in ("ID", "Created At"):
        held = [row[column] for row in rows]
        assert held not in (sorted(held), sorted(held, reverse=True))


async def test_an_empty_book_has_a_header(polar: httpx.AsyncClient) -> None:
    assert (await polar.get(EXPORT)).text == f"{COLUMNS}\r\n"


async def test_it_is_one_snapshot_of_what_the_replica_shows(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.add_customer(email="seen@example.com")
    sandbox.polar.add_customer(email="late@example.com", visible_in=timedelta(seconds=5))
    assert [row["Email"] for row in await exported(polar)] == ["seen@example.com"]
    sandbox.clock.shift(timedelta(seconds=5))
    assert len(await exported(polar)) == 2


async def test_of_another_organization_it_holds_nothing(polar: httpx.AsyncClient, book: Sandbox) -> None:
    assert await exported(polar, organization_id="00000000-0000-4000-8000-000000000000") == []
    assert len(await exported(polar, organization_id=book.polar.organization.id)) == 350


async def test_it_needs_the_scope_of_the_customers(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.tokens[POLAR_TOKEN].scopes = frozenset({"members:read"})
    assert (await polar.get(EXPORT)).status_code == 403


@pytest.mark.parametrize("status", [500, 504])
async def test_it_may_fail_while_the_list_answers(status: int, polar: httpx.AsyncClient, book: Sandbox) -> None:
    book.faults.add(Fault.model_validate({"kind": "status", "status": status, "path": EXPORT}))
    assert (await polar.get(EXPORT)).status_code == status
    assert (await polar.get("/v1/customers/")).status_code == 200

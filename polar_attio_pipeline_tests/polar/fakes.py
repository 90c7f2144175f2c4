"""A list of customers that changes while it is read, and the recorded answers of the real one."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import polar_api
from polar_attio_pipeline.polar.export_csv import HEADER
from polar_attio_pipeline.polar.pages import Page, Row
from polar_attio_pipeline.sync.records import Customer
from polar_attio_pipeline_tests.fixtures.answers import of_polar

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKEN = "polar_oat_" + "x" * 43
IMPATIENT = RetryPolicy(attempts=4, first_wait=0, longest_wait=0)

Change = Callable[["FakeList"], None]


def customer(number: int, *, created_at: datetime, email: str | None = "") -> Customer:
    return Customer(
        id=str(UUID(int=number)),
        created_at=created_at,
        email=f"c{number}@example.com" if email == "" else email,
        name=None,
        type="individual" if email is not None else "team",
        organization_id="org",
        external_id=None,
        country=None,
        url="",
        read_at=NOW,
    )


class FakeList:
    """Pages over customers, counted and cut in two statements as Polar's server does it.

    `changes` holds, for each coming request, what happens before it is counted and what happens after.
    """

    def __init__(self, customers: Iterable[Customer], *, seed: int = 1) -> None:
        self.customers = {row.id: row for row in customers}
        self.born = set(self.customers)
        self.dead: set[str] = set()
        self.changes: list[tuple[list[Change], list[Change]]] = []
        self.asked: list[tuple[int, int]] = []
        self._random = Random(seed)
        self._ordered: list[Customer] = []

    @classmethod
    def of(cls, count: int, *, every: timedelta = timedelta(minutes=1)) -> "FakeList":
        return cls(customer(number, created_at=NOW - number * every) for number in range(count))

    def alive_throughout(self) -> set[str]:
        return self.born - self.dead

    def insert(self, age: timedelta) -> None:
        row = customer(10**6 + len(self.customers) + len(self.dead), created_at=NOW - age)
        self.customers[row.id] = row
        self._ordered = []

    def delete(self, place: float) -> None:
        if self.customers:
            gone = self.ordered()[int(place * len(self.customers))].id
            del self.customers[gone]
            self.dead.add(gone)
            self._ordered = []

    async def page(self, page: int, limit: int = 100) -> Page:
        before, between = self.changes.pop(0) if self.changes else ([], [])
        self.asked.append((page, limit))
        for change in before:
            change(self)
        total = len(self.customers)
        for change in between:
            change(self)
        start = (page - 1) * limit
        rows = tuple(self.ordered()[start : start + limit])
        return Page(start=start, limit=limit, rows=rows, total_count=total, max_page=-(-total // limit))

    async def page_around_bad_rows(self, page: int, limit: int = 100) -> Page:
        raise AssertionError("no page of this list needs it")

    async def count(self) -> int:
        return len(self.customers)

    async def export(self) -> AsyncIterator[Sequence[Row]]:
        yield list(self.customers.values())

    async def looked_at(self, customers: Sequence[Customer]) -> list[Row]:
        return list(customers)

    def ordered(self) -> list[Customer]:
        if not self._ordered:
            rows = list(self.customers.values())
            self._random.shuffle(rows)
            rows.sort(key=lambda row: (row.email is None, row.email))
            rows.sort(key=lambda row: row.created_at, reverse=True)
            # Rows that tie come in another order the next time.
            self._ordered = [] if any(row.email is None for row in rows) else rows
            return rows
        return self._ordered


def recorded(name: str) -> httpx.Response:
    """A recorded answer, as it came over the wire."""
    answer = of_polar(name)
    skipped = {"content-length", "transfer-encoding"}
    return httpx.Response(
        answer.status,
        headers=[(key, value) for key, value in answer.headers.items() if key not in skipped],
        content=answer.body if isinstance(answer.body, str) else json.dumps(answer.body),
    )


def api(
    answer: Callable[[httpx.Request], httpx.Response] | httpx.AsyncBaseTransport,
    *,
    retry: RetryPolicy = IMPATIENT,
    base_url: str = "https://api.polar.sh",
    token: str = TOKEN,
) -> ApiClient:
    return polar_api(
        token=SecretStr(token),
        base_url=base_url,
        requests_per_minute=1_000_000,
        retry=retry,
        transport=answer if isinstance(answer, httpx.AsyncBaseTransport) else httpx.MockTransport(answer),
    )


def row(number: int = 1, /, **fields: object) -> dict[str, object]:
    made: dict[str, object] = {
        "id": polar_id(number),
        "created_at": (NOW - timedelta(minutes=number)).isoformat().replace("+00:00", "Z"),
        "modified_at": None,
        "metadata": {},
        "external_id": None,
        "email": f"c{number}@example.com",
        "type": "individual",
        "name": "Ada Lovelace",
        "billing_address": None,
        "organization_id": str(UUID(int=0)),
    }
    return {**made, **fields}


def polar_id(number: int) -> str:
    """An id as Polar's: a UUID of version 4."""
    return str(UUID(int=number, version=4))


class FakePolar:
    """Polar's routes over a list of rows, newest first.

    Attributes:
        broken: Ids of rows that cannot be serialised.
        export: How the export is answered instead.
    """

    def __init__(self, rows: list[dict[str, object]], *, broken: Iterable[int] = ()) -> None:
        self.rows = rows
        self.broken = {polar_id(number) for number in broken}
        self.export: Callable[[], httpx.Response] | None = None
        self.requests: list[httpx.Request] = []
        self.down = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.down:
            return server_error()
        match request.url.path:
            case "/v1/organizations/":
                return listing([{"id": str(UUID(int=0)), "slug": "acme"}], 1, 1)
            case "/v1/customers/":
                return self._listed(request)
            case "/v1/customers/export":
                return self.export() if self.export else exported(self.rows)
            case path:
                return self._shown(path.removeprefix("/v1/customers/"))

    def asked(self, path: str) -> int:
        return sum(request.url.path == path for request in self.requests)

    def _listed(self, request: httpx.Request) -> httpx.Response:
        page, limit = (int(request.url.params[name]) for name in ("page", "limit"))
        items = self.rows[(page - 1) * limit : page * limit]
        if any(item["id"] in self.broken for item in items):
            return server_error()
        return listing(items, len(self.rows), limit)

    def _shown(self, customer_id: str) -> httpx.Response:
        if customer_id in self.broken:
            return server_error()
        found = [item for item in self.rows if item["id"] == customer_id]
        gone = {"error": "ResourceNotFound", "detail": "Not found"}
        return httpx.Response(200, json=found[0]) if found else httpx.Response(404, json=gone)


def server_error() -> httpx.Response:
    return httpx.Response(500, text="Internal Server Error")


def exported(rows: Iterable[dict[str, Any]]) -> httpx.Response:
    """Polar's export of these rows."""
    return httpx.Response(200, text=csv_text(rows), headers={"content-type": "text/csv; charset=utf-8"})


def csv_text(rows: Iterable[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for item in rows:
        country = (item.get("billing_address") or {}).get("country")
        created_at = str(item["created_at"]).replace("Z", "+00:00")
        told = [item["id"], item["external_id"], created_at, item["email"], item["name"]]
        writer.writerow([*told, None, None, None, None, None, None, country, json.dumps(item["metadata"])])
    return out.getvalue()


def listing(items: list[Any], total: int, limit: int) -> httpx.Response:
    return httpx.Response(
        200, json={"items": items, "pagination": {"total_count": total, "max_page": -(-total // limit)}}
    )

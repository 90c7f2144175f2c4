"""A list of customers that changes while it is read, and the recordings of the real one."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.polar.client import polar_api
from polar_attio_pipeline.polar.pages import Page
from polar_attio_pipeline.sync.records import Customer

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


def capture(name: str) -> Any:
    folder = Path(__file__).parents[2].parent / "shared" / "captures" / "polar"
    if not folder.is_dir():
        pytest.skip("the recordings of Polar's answers are not beside the repository")
    return json.loads((folder / f"{name}.json").read_text())


def captured(name: str) -> httpx.Response:
    recorded = capture(name)
    body = recorded["body"]
    skipped = {"content-length", "transfer-encoding"}
    return httpx.Response(
        recorded["status"],
        headers=[(key, value) for key, value in recorded["headers"] if key not in skipped],
        content=body if isinstance(body, str) else json.dumps(body),
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
        "id": str(UUID(int=number)),
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


class FakePolar:
    """Polar's routes over a list of rows, newest first; a row None cannot be serialised."""

    def __init__(self, rows: list[dict[str, object] | None]) -> None:
        self.rows = rows
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/v1/organizations/":
            return listing([{"slug": "acme"}], 1, 1)
        page, limit = (int(request.url.params[name]) for name in ("page", "limit"))
        items = self.rows[(page - 1) * limit : page * limit]
        if None in items:
            return httpx.Response(500, text="Internal Server Error")
        return listing(items, len(self.rows), limit)


def listing(items: list[Any], total: int, limit: int) -> httpx.Response:
    return httpx.Response(
        200, json={"items": items, "pagination": {"total_count": total, "max_page": -(-total // limit)}}
    )

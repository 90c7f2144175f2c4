"""Polar's lists of subscriptions and orders, over rows that may change while they are read."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx

from polar_attio_pipeline_tests.polar.fakes import NOW, listing, polar_id, server_error

NO_SCOPE = {"error": "insufficient_scope", "error_description": "The request requires higher privileges."}


def subscription(number: int, *, customer: int = 1, age: timedelta | None = None, **fields: object) -> dict[str, Any]:
    """A row of the list of subscriptions: active, 9 dollars a month, begun `number` minutes ago unless `age` says."""
    started_at = NOW - (timedelta(minutes=number) if age is None else age)
    made: dict[str, Any] = {
        "id": polar_id(10_000_000 + number),
        "created_at": _text(started_at),
        "modified_at": None,
        "status": "active",
        "amount": 900,
        "currency": "usd",
        "recurring_interval": "month",
        "recurring_interval_count": 1,
        "current_period_start": _text(started_at),
        "current_period_end": _text(NOW + timedelta(days=20)),
        "trial_start": None,
        "trial_end": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "started_at": _text(started_at),
        "ends_at": None,
        "ended_at": None,
        "customer_id": polar_id(customer),
        "product_id": polar_id(7),
        "product": {"id": polar_id(7), "name": "Pro"},
        "seats": None,
        "customer_cancellation_reason": None,
        "some_field_of_the_future": 1,
    }
    return {**made, **fields}


def order(number: int, *, customer: int = 1, **fields: object) -> dict[str, Any]:
    """A row of the list of orders: a renewal of 9 dollars, paid `number` minutes ago."""
    made: dict[str, Any] = {
        "id": polar_id(20_000_000 + number),
        "created_at": _text(NOW - timedelta(minutes=number)),
        "status": "paid",
        "net_amount": 900,
        "refunded_amount": 0,
        "currency": "usd",
        "customer_id": polar_id(customer),
        "subscription_id": polar_id(10_000_000 + number),
        "invoice_number": f"A-{number:06}",
    }
    return {**made, **fields}


def _text(moment: object) -> str:
    return str(moment).replace(" ", "T").replace("+00:00", "Z")


def _moment(row: dict[str, Any]) -> datetime:
    with suppress(ValueError):
        return datetime.fromisoformat(row.get("started_at") or row["created_at"])
    return NOW


class FakeBilling:
    """Both lists, newest first, then by customer; what ties comes in another order each time.

    Attributes:
        rows: By path.
        broken: Ids of customers with a row that cannot be serialised.
        forbidden: Paths that the token may not read.
        failing: Answers each path that it holds, whatever is asked.
        changes: What happens before each coming request.
        heeds_moments: Whether rows can be asked for by what they are older than.
        requests: Those that came.
    """

    def __init__(self, subscriptions: Iterable[dict[str, Any]] = (), orders: Iterable[dict[str, Any]] = ()) -> None:
        self.rows = {"/v1/subscriptions/": list(subscriptions), "/v1/orders/": list(orders)}
        self.broken: set[str] = set()
        self.forbidden: set[str] = set()
        self.failing: dict[str, Callable[[], httpx.Response]] = {}
        self.changes: list[Callable[[list[dict[str, Any]]], None]] = []
        self.requests: list[httpx.Request] = []
        self.heeds_moments = True
        self._random = Random(1)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if path in self.forbidden:
            scope = f'Bearer realm="polar", scope="{path.split("/")[2]}:read"'
            return httpx.Response(403, json=NO_SCOPE, headers={"WWW-Authenticate": scope})
        if path in self.failing:
            return self.failing[path]()
        if self.changes:
            self.changes.pop(0)(self.rows[path])
        return self._listed(request)

    def _listed(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path, request.url.params
        wanted = params.get_list("customer_id")
        rows = [row for row in self.rows[path] if not wanted or row["customer_id"] in wanted]
        before = params.get("started_before") or params.get("created_before")
        if before and self.heeds_moments:
            rows = [row for row in rows if _moment(row) < datetime.fromisoformat(before)]
        self._random.shuffle(rows)
        rows.sort(key=lambda row: str(row["customer_id"]))
        rows.sort(key=_moment, reverse=True)
        page, limit = int(params["page"]), int(params["limit"])
        items = rows[(page - 1) * limit : page * limit]
        if any(row.get("customer_id") in self.broken for row in items):
            return server_error()
        return listing(items, len(rows), limit)

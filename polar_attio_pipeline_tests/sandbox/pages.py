"""Reading the sandbox's list of customers."""

from typing import Any

import httpx


async def page(polar: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    """Return one page."""
    answer = await polar.get("/v1/customers/", params=params)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def walk(polar: httpx.AsyncClient, **params: Any) -> list[str]:
    """Return the ids of every page, as they come."""
    ids: list[str] = []
    number, last = 1, 1
    while number <= last:
        body = await page(polar, page=number, **params)
        ids += [item["id"] for item in body["items"]]
        number, last = number + 1, body["pagination"]["max_page"]
    return ids

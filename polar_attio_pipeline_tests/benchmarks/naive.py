"""The naive way, as recipes for agents have it: list everybody, upsert one after another, every time."""

from typing import Any

import httpx

from polar_attio_pipeline.settings import Settings

PAGE = 100


async def naive_pass(settings: Settings, *, most: int) -> dict[str, Any]:
    """List Polar's customers page by page and upsert each by its address, one request after another.

    Args:
        settings: Where the services are.
        most: Stop after so many customers.

    Returns:
        How many were sent, and the requests: one a page of 100, and one a customer.
    """
    polar = {"Authorization": f"Bearer {settings.polar_access_token.get_secret_value()}"}
    attio = {"Authorization": f"Bearer {settings.attio_api_key.get_secret_value()}"}
    written = pages = 0
    async with httpx.AsyncClient(timeout=30) as http:
        while written < most:
            pages += 1
            params = {"page": pages, "limit": PAGE}
            listed = await http.get(f"{settings.polar_api_url}/v1/customers/", params=params, headers=polar)
            customers = [row for row in listed.raise_for_status().json()["items"] if row["email"]]
            if not customers:
                break
            for row in customers[: most - written]:
                answer = await http.put(
                    f"{settings.attio_api_url}/v2/objects/people/records",
                    params={"matching_attribute": "email_addresses"},
                    json={"data": {"values": _values(row)}},
                    headers=attio,
                )
                # Most such scripts stop at the first address that Attio refuses; this one goes on.
                if answer.status_code != httpx.codes.BAD_REQUEST:
                    answer.raise_for_status()
                written += 1
    return {"written": written, "pages": pages}


def _values(row: dict[str, Any]) -> dict[str, Any]:
    first, _, last = (row["name"] or row["email"]).rpartition(" ")
    return {
        "email_addresses": [row["email"]],
        "name": [{"first_name": first, "last_name": last, "full_name": row["name"] or row["email"]}],
        "polar_customer": True,
        "polar_customer_id": row["id"],
    }

"""`GET /v1/customers/`: pages, orders, filters, and what goes missing between pages."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW
from polar_attio_pipeline_tests.sandbox.pages import page, walk

Params = dict[str, Any]


async def emails(polar: httpx.AsyncClient, **params: Any) -> list[str | None]:
    return [item["email"] for item in (await page(polar, **params))["items"]]


def add(sandbox: Sandbox, email: str | None, *, minutes_ago: float = 0, **fields: Any) -> Customer:
    created_at = NOW - timedelta(minutes=minutes_ago)
    return sandbox.polar.add_customer(email=email, created_at=created_at, **{"name": None, **fields})


@pytest.fixture
def three(sandbox: Sandbox) -> None:
    add(sandbox, "oldest@example.com", minutes_ago=3, name="Bea")
    add(sandbox, "Middle@example.com", minutes_ago=2, name="Ada")
    add(sandbox, "newest@example.com", minutes_ago=1)


async def test_the_newest_come_first_ten_to_a_page(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    rows = [add(sandbox, f"{number}@example.com", minutes_ago=number) for number in range(12)]
    body = await page(polar)
    assert [item["id"] for item in body["items"]] == [row.id for row in rows[:10]]
    assert body["pagination"] == {"total_count": 12, "max_page": 2}


async def test_a_limit_over_100_is_100_without_a_word(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.fill(customers=150, seed=1)
    body = await page(polar, limit=5000)
    assert len(body["items"]) == 100
    assert body["pagination"] == {"total_count": 150, "max_page": 2}


async def test_an_empty_book_has_no_pages(polar: httpx.AsyncClient) -> None:
    assert await page(polar) == {"items": [], "pagination": {"total_count": 0, "max_page": 0}}


@pytest.mark.usefixtures("three")
class TestFilters:
    async def test_unknown_parameters_are_ignored(self, polar: httpx.AsyncClient) -> None:
        assert len(await emails(polar, created_at_gte="2099-01-01", modified_since="2099-01-01")) == 3

    async def test_an_email_is_found_in_any_case_and_whole(self, polar: httpx.AsyncClient) -> None:
        assert await emails(polar, email="MIDDLE@EXAMPLE.COM") == ["Middle@example.com"]
        assert await emails(polar, email="middle@example") == []

    async def test_a_query_finds_parts_of_names_and_emails(self, polar: httpx.AsyncClient) -> None:
        assert await emails(polar, query="aDA") == ["Middle@example.com"]
        assert await emails(polar, query="old") == ["oldest@example.com"]

    async def test_another_organization_has_nobody(self, polar: httpx.AsyncClient) -> None:
        body = await page(polar, organization_id="00000000-0000-4000-8000-000000000000")
        assert body == {"items": [], "pagination": {"total_count": 0, "max_page": 0}}

    async def test_its_own_organization_has_everybody(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        assert len(await emails(polar, organization_id=sandbox.polar.organization.id)) == 3

    @pytest.mark.parametrize(
        ("params", "kind", "where"),
        [
            ({"page": 0}, "greater_than", ["query", "page"]),
            ({"limit": "many"}, "int_parsing", ["query", "limit"]),
            ({"active": "perhaps"}, "bool_parsing", ["query", "active"]),
            ({"sorting": ["email", "modified_at"]}, "enum", ["query", "sorting", 1]),
        ],
    )
    async def test_what_does_not_parse_is_named(
        self, params: Params, kind: str, where: list[Any], polar: httpx.AsyncClient
    ) -> None:
        answer = await polar.get("/v1/customers/", params=params)
        assert answer.status_code == 422
        (entry,) = answer.json()["detail"]
        assert (entry["type"], entry["loc"]) == (kind, where)

    async def test_a_bad_id_is_refused_as_one_and_as_one_of_several(self, polar: httpx.AsyncClient) -> None:
        answer = await polar.get("/v1/customers/", params={"organization_id": "ours"})
        assert answer.status_code == 422
        one, several = answer.json()["detail"]
        assert (one["loc"], one["input"]) == (["query", "organization_id", "uuid"], ["ours"])
        assert (several["loc"], several["input"]) == (["query", "organization_id", "list[uuid]", 0], "ours")


async def test_active_customers_have_a_subscription_that_runs(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.fill(customers=100, seed=1)
    running = {"trialing", "active", "past_due"}
    subscribed = {row.customer_id for row in sandbox.polar.subscriptions if row.status in running}
    assert set(await walk(polar, limit=100, active="true")) == subscribed
    assert set(await walk(polar, limit=100, active="false")) == sandbox.polar.customers.keys() - subscribed


async def test_metadata_is_compared_as_text(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    add(sandbox, "a@example.com", minutes_ago=1, metadata={"plan": "a", "ok": True})
    add(sandbox, "b@example.com", minutes_ago=2, metadata={"plan": "b", "n": 7})
    assert await emails(polar, **{"metadata[plan]": ["a", "b"]}) == ["a@example.com", "b@example.com"]
    assert await emails(polar, **{"metadata[plan]": ["a", "b"], "metadata[n]": "7"}) == ["b@example.com"]
    assert await emails(polar, **{"metadata[ok]": "true"}) == ["a@example.com"]


@pytest.mark.parametrize(
    ("sorting", "expected"),
    [
        (["created_at"], ["oldest", "Middle", "newest"]),
        (["email"], ["Middle", "newest", "oldest"]),
        (["-email"], ["oldest", "newest", "Middle"]),
        (["name"], ["Middle", "oldest", "newest"]),
        (["-name"], ["newest", "oldest", "Middle"]),
    ],
)
@pytest.mark.usefixtures("three")
async def test_nulls_come_last_ascending_and_first_descending(
    sorting: list[str], expected: list[str], polar: httpx.AsyncClient
) -> None:
    assert await emails(polar, sorting=sorting) == [f"{local}@example.com" for local in expected]


async def test_sort_keys_apply_in_the_order_they_are_given(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    add(sandbox, "b@example.com", name="Same")
    add(sandbox, "a@example.com", name="Same")
    add(sandbox, "c@example.com", name="Before")
    assert await emails(polar, sorting=["name", "email"]) == ["c@example.com", "a@example.com", "b@example.com"]
    assert await emails(polar, sorting=["-name", "-email"]) == ["b@example.com", "a@example.com", "c@example.com"]


@pytest.fixture
def groups_of_seven(sandbox: Sandbox) -> int:
    count = 1400
    for number in range(count):
        add(sandbox, f"{number}@example.com", minutes_ago=number // 7)
    return count


@pytest.mark.parametrize("sorting", ["created_at", "-created_at", "name"])
async def test_one_sort_key_that_ties_loses_rows_and_repeats_as_many(
    sorting: str, polar: httpx.AsyncClient, groups_of_seven: int
) -> None:
    seen = Counter(await walk(polar, limit=100, sorting=sorting))
    lost = groups_of_seven - len(seen)
    assert lost > 0
    assert seen.total() == groups_of_seven


@pytest.mark.parametrize("sorting", [["created_at", "email"], ["-created_at", "email"]])
async def test_a_second_sort_key_loses_nobody(
    sorting: list[str], polar: httpx.AsyncClient, groups_of_seven: int
) -> None:
    seen = Counter(await walk(polar, limit=100, sorting=sorting))
    assert len(seen) == seen.total() == groups_of_seven


@pytest.mark.usefixtures("groups_of_seven")
async def test_the_same_page_is_the_same_twice(polar: httpx.AsyncClient) -> None:
    params = {"page": 3, "limit": 100, "sorting": "created_at"}
    assert await page(polar, **params) == await page(polar, **params)


async def test_the_order_holds_through_inserts_changes_and_deletions(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    rows = [add(sandbox, f"{number}@example.com", minutes_ago=number, name=f"N{number}") for number in range(9)]
    assert len(await emails(polar, sorting="name")) == 9
    add(sandbox, "late@example.com", minutes_ago=4.5, name="N45")
    sandbox.polar.update_customer(rows[0].id, name="N99")
    sandbox.polar.delete_customer(rows[3].id)
    names = [item["name"] for item in (await page(polar, sorting="name"))["items"]]
    assert names == ["N1", "N2", "N4", "N45", "N5", "N6", "N7", "N8", "N99"]


async def test_times_have_six_fraction_digits_or_none(sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
    sandbox.polar.add_customer(email="whole@example.com", created_at=NOW.replace(microsecond=0))
    sandbox.polar.add_customer(email="fraction@example.com", created_at=NOW.replace(microsecond=120_000))
    items = (await page(polar, sorting="email"))["items"]
    assert [item["created_at"] for item in items] == ["2026-11-23T21:03:27.120000Z", "2026-11-23T21:03:27Z"]
    assert datetime.fromisoformat(items[1]["created_at"]) < datetime.fromisoformat(items[0]["created_at"])
    assert items[1]["created_at"] > items[0]["created_at"]

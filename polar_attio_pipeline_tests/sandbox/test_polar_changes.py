"""What shifts under a reader: late commits, a lagging replica, rows that come and go, and rows that break a page."""

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.polar.churn import Churn
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.polar.world import TakenError
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW
from polar_attio_pipeline_tests.sandbox.pages import page, walk

MINUTE = timedelta(minutes=1)
NEWEST_FIRST = ["-created_at", "email"]


async def listed(polar: httpx.AsyncClient) -> list[str]:
    return [item["email"] for item in (await page(polar, sorting=NEWEST_FIRST))["items"]]


class TestLateCommits:
    async def test_a_row_shows_when_its_transaction_commits_among_older_ones(
        self, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        late = sandbox.polar.add_customer(
            email="late@example.com", created_at=NOW - 2 * MINUTE, visible_in=timedelta(seconds=30)
        )
        sandbox.polar.add_customer(email="prompt@example.com", created_at=NOW - MINUTE)
        assert await listed(polar) == ["prompt@example.com"]
        assert (await polar.get(f"/v1/customers/{late.id}")).status_code == 404
        sandbox.clock.shift(timedelta(seconds=30))
        assert await listed(polar) == ["prompt@example.com", "late@example.com"]

    async def test_a_row_may_wait_until_it_is_told_to_commit(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        late = sandbox.polar.add_customer(email="late@example.com", visible_in=None)
        sandbox.clock.shift(timedelta(days=1))
        assert await listed(polar) == []
        sandbox.polar.commit(late.id)
        assert await listed(polar) == ["late@example.com"]

    def test_its_email_is_taken_all_the_while(self, sandbox: Sandbox) -> None:
        sandbox.polar.add_customer(email="late@example.com", visible_in=None)
        with pytest.raises(TakenError):
            sandbox.polar.add_customer(email="LATE@example.com")


async def test_a_lagging_replica_shows_every_write_later_and_in_order(
    sandbox: Sandbox, polar: httpx.AsyncClient
) -> None:
    old = sandbox.polar.add_customer(email="old@example.com", name="Before")
    sandbox.polar.replica_lag = timedelta(seconds=5)
    new = (await polar.post("/v1/customers/", json={"email": "new@example.com"})).json()
    await polar.patch(f"/v1/customers/{old.id}", json={"name": "After"})
    await polar.delete(f"/v1/customers/{new['id']}")
    assert [item["name"] for item in (await page(polar))["items"]] == ["Before"]
    sandbox.clock.shift(timedelta(seconds=5))
    body = await page(polar)
    assert [item["name"] for item in body["items"]] == ["After"]
    assert body["pagination"]["total_count"] == 1


@pytest.fixture
def fifty(sandbox: Sandbox) -> list[Customer]:
    return [sandbox.polar.add_customer(email=f"{n}@example.com", created_at=NOW - n * MINUTE) for n in range(50)]


class TestChurn:
    async def test_an_insert_between_two_pages_repeats_a_row(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.churn.active.append(Churn(action="insert", times=1))
        seen = await walk(polar, sorting=NEWEST_FIRST)
        assert len(seen) == 51
        assert set(seen) == {row.id for row in fifty}

    async def test_a_deletion_of_what_was_read_skips_a_row_and_the_count_drops(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.churn.active.append(Churn(action="delete", times=1))
        seen = await walk(polar, sorting=NEWEST_FIRST)
        (deleted,) = sandbox.churn.deleted
        skipped = {row.id for row in fifty} - set(seen)
        assert deleted in seen
        assert len(skipped) == 1
        assert (await page(polar))["pagination"]["total_count"] == 49

    async def test_between_count_and_page_the_drop_shows_one_answer_late(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.churn.active.append(Churn(action="delete", moment="between_count_and_page", times=1))
        first, second, third = [await page(polar, page=n, sorting=NEWEST_FIRST) for n in (1, 2, 3)]
        assert [body["pagination"]["total_count"] for body in (first, second, third)] == [50, 50, 49]
        assert fifty[10].id not in {item["id"] for body in (first, second) for item in body["items"]}

    async def test_a_late_row_may_land_where_nobody_looks_again(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.churn.active.append(Churn(action="insert", age_seconds=90, from_page=4, times=1))
        seen = await walk(polar, sorting=NEWEST_FIRST)
        (inserted,) = sandbox.churn.inserted
        assert inserted not in seen
        assert (await page(polar, sorting=NEWEST_FIRST))["items"][2]["id"] == inserted

    async def test_it_goes_on_until_it_is_stopped(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.churn.active.append(Churn(action="delete", which="unread", count=2))
        await page(polar, page=2)
        await page(polar, page=3)
        assert len(sandbox.churn.deleted) == 4
        sandbox.churn.clear()
        await page(polar, page=2)
        assert (await page(polar))["pagination"]["total_count"] == 46


async def page_of_members(polar: httpx.AsyncClient, row: Customer) -> dict[str, Any]:
    answer = await polar.get("/v1/members/", params={"customer_id": row.id, "role": "owner"})
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


class TestUnserialisableRows:
    async def test_one_breaks_its_whole_page_and_no_other(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.polar.break_customer(fifty[15].id)
        answers = [await polar.get("/v1/customers/", params={"page": n, "sorting": "-created_at"}) for n in range(1, 6)]
        assert [answer.status_code for answer in answers] == [200, 500, 200, 200, 200]
        assert answers[1].text == "Internal Server Error"
        assert answers[1].headers["content-type"].startswith("text/plain")
        assert not {"polar-version", "cache-control"} & answers[1].headers.keys()

    async def test_a_smaller_limit_isolates_it(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.polar.break_customer(fifty[15].id)
        broken = [
            number
            for number in range(1, 51)
            if (await polar.get("/v1/customers/", params={"page": number, "limit": 1})).status_code == 500
        ]
        assert broken == [16]

    async def test_alone_it_is_a_500_too_and_an_email_mends_it(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        sandbox.polar.break_customer(fifty[0].id)
        assert (await polar.get(f"/v1/customers/{fifty[0].id}")).status_code == 500
        sandbox.polar.update_customer(fifty[0].id, email="mended@example.com")
        assert (await polar.get(f"/v1/customers/{fifty[0].id}")).status_code == 200

    async def test_several_break_their_own_pages_at_every_size_of_page(
        self, sandbox: Sandbox, polar: httpx.AsyncClient, fifty: list[Customer]
    ) -> None:
        bad = (0, 1, 24, 49)
        for place in bad:
            sandbox.polar.break_customer(fifty[place].id)
        for limit in (1, 5, 10, 50):
            for number in range(1, 50 // limit + 1):
                answer = await polar.get(
                    "/v1/customers/", params={"page": number, "limit": limit, "sorting": NEWEST_FIRST}
                )
                breaks = any((number - 1) * limit <= place < number * limit for place in bad)
                assert answer.status_code == (500 if breaks else 200)
                assert breaks or answer.json()["pagination"]["total_count"] == 50

    @pytest.mark.parametrize("path", ["{id}", "{id}/state", "external/usr_1", "external/usr_1/state"])
    async def test_no_question_about_the_customer_itself_is_answered(
        self, path: str, sandbox: Sandbox, polar: httpx.AsyncClient
    ) -> None:
        row = sandbox.polar.add_customer(email="ada@example.com", external_id="usr_1")
        sandbox.polar.break_customer(row.id)
        for _ in range(2):
            assert (await polar.get(f"/v1/customers/{path.format(id=row.id)}")).status_code == 500

    async def test_the_export_shows_it_without_an_address(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        row = sandbox.polar.add_customer(email="ada@example.com", name="Ada")
        sandbox.polar.add_customer(email="bob@example.com")
        sandbox.polar.break_customer(row.id)
        answer = await polar.get("/v1/customers/export")
        exported = {line["ID"]: line for line in csv.DictReader(io.StringIO(answer.text))}
        assert len(exported) == 2
        assert (exported[row.id]["Email"], exported[row.id]["Name"]) == ("", "Ada")

    async def test_its_members_can_be_asked_for(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        row = sandbox.polar.add_customer(email="ada@example.com")
        sandbox.polar.break_customer(row.id)
        assert (await page_of_members(polar, row))["pagination"] == {"total_count": 0, "max_page": 0}
        sandbox.polar.add_member(row.id, email="ada@example.com")
        assert [item["email"] for item in (await page_of_members(polar, row))["items"]] == ["ada@example.com"]

    async def test_its_subscriptions_are_listed(self, sandbox: Sandbox, polar: httpx.AsyncClient) -> None:
        sandbox.fill(customers=40, seed=1)
        held = next(iter(sandbox.polar.subscriptions))
        sandbox.polar.break_customer(held.customer_id)
        answer = await polar.get("/v1/subscriptions/", params={"customer_id": held.customer_id})
        assert answer.status_code == 200
        assert answer.json()["items"][0]["customer"]["email"] is None

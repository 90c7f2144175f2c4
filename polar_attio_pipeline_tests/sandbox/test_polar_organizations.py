"""Two organizations of one Polar: each token shows its own, even where they share addresses."""

import csv
import io
from datetime import timedelta
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.sandbox.limits import REAL
from polar_attio_pipeline.sandbox.polar.churn import Churn
from polar_attio_pipeline.sandbox.polar.world import PolarWorld
from polar_attio_pipeline.sandbox.seed import seed_customers
from polar_attio_pipeline.sandbox.tokens import OTHER_POLAR_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.sandbox.conftest import NOW

CUSTOMERS = "/v1/customers/"
OURS = {"Authorization": f"Bearer {POLAR_TOKEN}"}
THEIRS = {"Authorization": f"Bearer {OTHER_POLAR_TOKEN}"}


@pytest.fixture
def other(sandbox: Sandbox) -> PolarWorld:
    """Another organization, 38 of whose 40 addresses are also customers of the first one."""
    other = sandbox.polar.add_organization()
    for number in range(40):
        other.add_customer(email=f"{number}@example.com", name=f"Theirs {number}", external_id=f"ext_{number}")
    for number in range(2, 42):
        sandbox.polar.add_customer(email=f"{number}@example.com", name=f"Ours {number}", external_id=f"ext_{number}")
    return other


async def items(client: httpx.AsyncClient, path: str, headers: dict[str, str], **params: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, headers=headers, params={"limit": 100, **params})
    assert answer.status_code == 200
    listed: list[dict[str, Any]] = answer.json()["items"]
    return listed


async def test_a_token_lists_the_customers_of_its_organization(
    sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld
) -> None:
    for world, headers, name in ((sandbox.polar, OURS, "Ours"), (other, THEIRS, "Theirs")):
        listed = await items(anyone, CUSTOMERS, headers)
        assert {item["id"] for item in listed} == world.customers.keys()
        assert {item["organization_id"] for item in listed} == {world.organization.id}
        assert {item["name"].split()[0] for item in listed} == {name}


async def test_its_export_holds_them_too(sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld) -> None:
    for world, headers in ((sandbox.polar, OURS), (other, THEIRS)):
        answer = await anyone.get(f"{CUSTOMERS}export", headers=headers)
        assert {row["ID"] for row in csv.DictReader(io.StringIO(answer.text))} == world.customers.keys()


async def test_an_address_that_both_know_is_one_customer_to_each(
    sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld
) -> None:
    ours, theirs = [await items(anyone, CUSTOMERS, headers, email="5@example.com") for headers in (OURS, THEIRS)]
    assert [(len(found), found[0]["name"]) for found in (ours, theirs)] == [(1, "Ours 5"), (1, "Theirs 5")]
    assert ours[0]["id"] != theirs[0]["id"]


async def test_no_customer_of_another_organization_is_found(
    sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld
) -> None:
    for world, headers, found in ((other, OURS, 404), (sandbox.polar, OURS, 200), (other, THEIRS, 200)):
        customer_id = next(iter(world.customers))
        for path in (customer_id, f"{customer_id}/state"):
            assert (await anyone.get(f"{CUSTOMERS}{path}", headers=headers)).status_code == found
        members = await items(anyone, "/v1/members/", headers, customer_id=customer_id)
        assert len(members) == (1 if found == 200 else 0)
    by_own_id = await anyone.get(f"{CUSTOMERS}external/ext_5", headers=THEIRS)
    assert by_own_id.json()["name"] == "Theirs 5"


async def test_members_and_subscriptions_are_listed_by_organization(
    sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld
) -> None:
    seed_customers(other, customers=30, seed=2, now=NOW)
    assert {item["email"] for item in await items(anyone, "/v1/members/", OURS)} == {
        row.email for row in sandbox.polar.customers.values()
    }
    assert await items(anyone, "/v1/subscriptions/", OURS) == []
    theirs = await items(anyone, "/v1/subscriptions/", THEIRS)
    assert len(theirs) == sum(row.started_at is not None for row in other.subscriptions) > 0
    assert {item["customer"]["organization_id"] for item in theirs} == {other.organization.id}


async def test_the_organization_of_a_token_is_its_own(
    sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld
) -> None:
    for world, headers, slug in ((sandbox.polar, OURS, "sandbox"), (other, THEIRS, "other")):
        (organization,) = await items(anyone, "/v1/organizations/", headers)
        assert (organization["id"], organization["slug"]) == (world.organization.id, slug)
    assert await items(anyone, CUSTOMERS, OURS, organization_id=other.organization.id) == []


async def test_writes_go_to_the_organization_of_the_token(
    sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld
) -> None:
    taken = await anyone.post(CUSTOMERS, headers=THEIRS, json={"email": "1@example.com"})
    made = await anyone.post(CUSTOMERS, headers=OURS, json={"email": "1@example.com"})
    assert (taken.status_code, made.status_code) == (422, 201)
    assert made.json()["id"] in sandbox.polar.customers
    customer_id = next(iter(other.customers))
    assert (await anyone.delete(f"{CUSTOMERS}{customer_id}", headers=OURS)).status_code == 404
    assert (await anyone.delete(f"{CUSTOMERS}{customer_id}", headers=THEIRS)).status_code == 204


async def test_each_has_a_rate_limit_of_its_own(sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld) -> None:
    sandbox.set_limits(REAL / 500)
    answers = [await anyone.get(CUSTOMERS, headers=headers) for headers in (OURS, OURS, THEIRS)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]


async def test_churn_and_late_commits_stay_where_they_were_asked_for(
    sandbox: Sandbox, anyone: httpx.AsyncClient, other: PolarWorld
) -> None:
    sandbox.churn.active.append(Churn(action="insert", from_page=1, times=1))
    other.add_customer(email="late@example.com", visible_in=timedelta(seconds=5))
    assert len(await items(anyone, CUSTOMERS, THEIRS)) == 40
    assert sandbox.churn.inserted == []
    assert len(await items(anyone, CUSTOMERS, OURS)) == 41
    sandbox.clock.shift(timedelta(seconds=5))
    assert len(await items(anyone, CUSTOMERS, THEIRS)) == 41


async def test_until_there_is_another_organization_its_token_is_unknown(
    sandbox: Sandbox, anyone: httpx.AsyncClient
) -> None:
    assert (await anyone.get(CUSTOMERS, headers=THEIRS)).status_code == 401
    other = sandbox.polar.add_organization()
    assert (await anyone.get(CUSTOMERS, headers=THEIRS)).status_code == 200
    other.tokens[OTHER_POLAR_TOKEN].active = False
    assert (await anyone.get(CUSTOMERS, headers=THEIRS)).status_code == 401


def test_the_first_organization_is_the_same_with_others_beside_it() -> None:
    alone, first = Sandbox(seed=1), Sandbox(seed=1)
    other = first.polar.add_organization()
    assert alone.polar.organization == first.polar.organization
    assert other.organization.id != first.polar.organization.id
    seed_customers(other, customers=20, seed=3, now=NOW)
    seed_customers(first.polar, customers=20, seed=3, now=NOW)
    first_emails, other_emails = ({row.email for row in world.customers.values()} for world in (first.polar, other))
    assert first_emails == other_emails
    assert not first.polar.customers.keys() & other.customers.keys()


def test_emptying_one_book_leaves_the_other(sandbox: Sandbox, other: PolarWorld) -> None:
    sandbox.polar.clear()
    assert (len(sandbox.polar.customers), len(other.customers)) == (0, 40)

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from polar_attio_pipeline import sandbox as package
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.page import SWITCHES
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.version import __version__

ADA = "ada@analytical.example.com"
STATIC = Path(str(package.__file__)).parent / "static"


@pytest.fixture
def sandbox() -> Sandbox:
    made = Sandbox()
    made.attio.add_attribute("polar_customer", "checkbox", title="Polar customer")
    made.attio.add_attribute("polar_customer_id", title="Polar customer ID")
    return made


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(sandbox))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


async def look(page: httpx.AsyncClient, **params: str | int) -> Any:
    response = await page.get("/sandbox/page/state", params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_the_page_and_all_it_loads_come_from_the_sandbox(page: httpx.AsyncClient) -> None:
    index = await page.get("/")

    assert index.status_code == 200
    assert "default-src 'self'" in index.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', index.text)
    imported = [
        f"/sandbox/static/{name}"
        for script in STATIC.glob("*.js")
        for name in re.findall(r'from "\./([^"]+)"', script.read_text())
    ]
    assert loaded
    assert imported
    for address in {*loaded, *imported}:
        assert address.startswith("/sandbox/static/")
        assert (await page.get(address)).status_code == 200, address


async def test_the_page_says_which_version_it_is_of(page: httpx.AsyncClient) -> None:
    assert (await look(page))["version"] == __version__


async def test_the_path_of_a_web_url_opens_the_page(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    person = sandbox.attio.person(sandbox.attio.add_person(emails=[ADA]))

    opened = await page.get(httpx.URL(person.url).path)

    assert person.url.startswith("https://app.attio.com/")
    assert opened.text == (await page.get("/")).text


async def test_the_path_of_another_workspace_is_not_there(page: httpx.AsyncClient) -> None:
    assert (await page.get("/elsewhere/person/1")).status_code == 404


async def test_customers_are_shown_newest_first_with_what_became_of_them(
    page: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    now = datetime.now(UTC)
    old = sandbox.polar.add_customer(email=ADA, name="Ada Lovelace", created_at=now - timedelta(hours=2))
    new = sandbox.polar.add_customer(email="grace@example.org", name=None, created_at=now - timedelta(hours=1))
    person = sandbox.attio.add_person(
        emails=[ADA],
        name="Ada Lovelace",
        values={"polar_customer": True, "polar_customer_id": old.id},
        actor="api-token",
    )

    shown = await look(page)

    assert [row["id"] for row in shown["customers"]["rows"]] == [new.id, old.id]
    assert [row["state"] for row in shown["customers"]["rows"]] == ["absent", "in"]
    assert shown["customers"]["rows"][1]["person"] == person
    assert shown["tally"] == {"in": 1, "differs": 0, "absent": 1}


async def test_a_person_shows_its_marks_its_addresses_and_who_wrote_its_name(
    page: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    customer = sandbox.polar.add_customer(email=ADA, name="Ada Lovelace")
    values = {"polar_customer": True, "polar_customer_id": customer.id}
    record_id = sandbox.attio.add_person(emails=[ADA, "ada@gmail.com"], name="Ada Lovelace")
    sandbox.attio.edit_person(record_id, values, actor="api-token")

    (person,) = (await look(page))["people"]["rows"]

    assert (person["name"], person["name_by"]) == ("Ada Lovelace", "workspace-member")
    assert person["emails"] == [ADA, "ada@gmail.com"]
    assert person["company"] == "Example"
    assert person["is_customer"]
    assert person["polar_id"] == person["customer"] == customer.id
    by = {field["slug"]: field["by"] for field in person["fields"]}
    assert by["polar_customer_id"] == "api-token"


async def test_a_big_book_is_capped_and_counted(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.fill(customers=2500, seed=1)

    shown = await look(page, customers_limit=10)

    assert len(shown["customers"]["rows"]) == 10
    assert shown["customers"]["total"] == 2500
    assert shown["tally"] is None


@pytest.mark.parametrize("wanted", ["lovelace", "ADA@ANALYTICAL", "usr_7", " love "])
async def test_customers_are_searched_by_name_address_and_id(
    page: httpx.AsyncClient, sandbox: Sandbox, wanted: str
) -> None:
    sandbox.polar.add_customer(email=ADA, name="Ada Lovelace", external_id="usr_7")
    sandbox.polar.add_customer(email="grace@example.org", name="Grace Hopper")

    customers = (await look(page, customers=wanted))["customers"]

    assert customers["total"] == 1
    assert [row["name"] for row in customers["rows"]] == ["Ada Lovelace"]


@pytest.mark.parametrize("wanted", ["lovelace", "ADA@ANALYTICAL", "cus_7"])
async def test_people_are_searched_by_name_address_and_polar_id(
    page: httpx.AsyncClient, sandbox: Sandbox, wanted: str
) -> None:
    sandbox.attio.add_person(emails=[ADA], name="Ada Lovelace", values={"polar_customer_id": "cus_7"})
    sandbox.attio.add_person(emails=["grace@example.org"], name="Grace Hopper")

    people = (await look(page, people=wanted))["people"]

    assert [row["name"] for row in people["rows"]] == ["Ada Lovelace"]


async def test_who_is_selected_is_shown_although_the_list_ends_before(
    page: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    oldest = sandbox.polar.add_customer(email=ADA, name="Ada", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    sandbox.polar.add_customer(email="grace@example.org", name="Grace")
    person = sandbox.attio.add_person(emails=[ADA])
    sandbox.attio.add_person(emails=["grace@example.org"])

    shown = await look(page, customers_limit=1, people_limit=1, person=person)

    assert shown["selected"] == {"customer": oldest.id, "person": person}
    assert shown["customers"]["pinned"]["id"] == oldest.id
    assert shown["people"]["pinned"]["id"] == person


async def test_who_is_selected_is_not_shown_twice(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    customer = sandbox.polar.add_customer(email=ADA, name="Ada")

    shown = await look(page, customer=customer.id)

    assert shown["selected"] == {"customer": customer.id, "person": None}
    assert shown["customers"]["pinned"] is None


async def test_a_person_who_is_gone_is_not_selected(page: httpx.AsyncClient) -> None:
    assert (await look(page, person="gone"))["selected"] == {"customer": None, "person": None}


async def test_a_workspace_without_the_attributes_says_so(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    assert (await look(page))["is_set_up"]

    sandbox.attio.archive_attribute("polar_customer_id")

    assert not (await look(page))["is_set_up"]


async def test_a_customer_is_added_renamed_remailed_and_deleted(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    added = await page.post("/sandbox/page/customers", json={"name": "Ada Lovelace", "email": ADA})
    address = f"/sandbox/page/customers/{added.json()['id']}"
    assert (await page.patch(address, json={"name": "Ada King"})).status_code == 204
    assert (await page.patch(address, json={"email": "countess@example.org"})).status_code == 204

    (row,) = sandbox.polar.customers.values()
    assert (row.name, row.email) == ("Ada King", "countess@example.org")
    assert (await page.delete(address)).status_code == 204
    assert not sandbox.polar.customers


@pytest.mark.parametrize(
    ("given", "status", "sentence"),
    [
        ({"email": "ADA@analytical.example.com"}, 409, "Another customer holds this email."),
        ({"email": "nobody"}, 422, "An email address must have an @-sign."),
        ({}, 422, "Field required"),
    ],
)
async def test_a_customer_that_polar_would_refuse_is_refused_with_the_reason(
    page: httpx.AsyncClient, sandbox: Sandbox, given: dict[str, str], status: int, sentence: str
) -> None:
    sandbox.polar.add_customer(email=ADA, name="Ada")

    refused = await page.post("/sandbox/page/customers", json=given)

    assert refused.status_code == status
    assert sentence in refused.json()["detail"]


async def test_a_customer_who_is_gone_cannot_be_changed(page: httpx.AsyncClient) -> None:
    refused = await page.patch("/sandbox/page/customers/gone", json={"name": "Ada"})

    assert (refused.status_code, refused.json()["detail"]) == (404, "This is no longer there.")


async def test_a_person_is_added_and_deleted_by_hand(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    added = await page.post("/sandbox/page/people", json={"name": "Ada Lovelace", "email": ADA})
    record_id = added.json()["id"]

    (person,) = (await look(page))["people"]["rows"]
    assert (person["id"], person["created_by"]) == (record_id, "workspace-member")
    assert (await page.delete(f"/sandbox/page/people/{record_id}")).status_code == 204
    assert sandbox.attio.people_count() == 0


@pytest.mark.parametrize(
    ("attribute", "text", "held"),
    [
        ("name", "Augusta Ada King", "Augusta Ada King"),
        ("job_title", "Programmer", "Programmer"),
        ("email_addresses", "ada@gmail.com, ADA@example.org", ["ada@gmail.com", "ada@example.org"]),
        ("polar_customer", "true", True),
        ("polar_customer_id", "", None),
    ],
)
async def test_a_value_is_edited_as_it_is_typed(
    page: httpx.AsyncClient, sandbox: Sandbox, attribute: str, text: str, held: object
) -> None:
    record_id = sandbox.attio.add_person(emails=[ADA], name="Ada", values={"polar_customer_id": "cus_7"})

    edited = await page.patch(f"/sandbox/page/people/{record_id}", json={"attribute": attribute, "text": text})

    assert edited.status_code == 204, edited.text
    assert sandbox.attio.person(record_id).values.get(attribute) == held


@pytest.mark.parametrize("actor", ["workspace-member", "system"])
async def test_a_value_is_edited_by_a_member_or_by_enrichment(
    page: httpx.AsyncClient, sandbox: Sandbox, actor: str
) -> None:
    record_id = sandbox.attio.add_person(emails=[ADA], name="Ada", actor="api-token")

    await page.patch(
        f"/sandbox/page/people/{record_id}", json={"attribute": "name", "text": "Ada King", "actor": actor}
    )

    newest = sandbox.attio.value_history(record_id, "name")[-1]
    assert newest["created_by_actor"]["type"] == actor


async def test_an_edit_that_attio_would_refuse_is_refused_with_the_reason(
    page: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    record_id = sandbox.attio.add_person(emails=[ADA])
    given = {"attribute": "email_addresses", "text": "ada@mail.test"}

    refused = await page.patch(f"/sandbox/page/people/{record_id}", json=given)

    assert refused.status_code == 400
    assert "email_addresses" in refused.json()["detail"]


async def test_two_people_become_one_and_the_answer_names_it(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    kept = sandbox.attio.add_person(emails=[ADA], name="Ada Lovelace")
    gone = sandbox.attio.add_person(emails=["ada@gmail.com"], name="Ada")

    merged = await page.post(f"/sandbox/page/people/{kept}/merge", json={"secondary": gone})

    assert merged.json()["id"] not in (kept, gone)
    assert sandbox.attio.person(merged.json()["id"]).emails == (ADA, "ada@gmail.com")
    assert sandbox.attio.people_count() == 1


async def test_requests_writes_and_refusals_are_counted_and_looking_is_not(
    page: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    polar = {"authorization": f"Bearer {POLAR_TOKEN}"}
    sandbox.faults.add(Fault(kind=Kind.TOO_MANY, service="polar", times=1))
    for _ in range(2):
        await page.get("/v1/customers/", headers=polar)
    body = {"data": {"values": {"email_addresses": [ADA]}}}
    await page.post("/v2/objects/people/records", json=body, headers={"authorization": f"Bearer {ATTIO_TOKEN}"})

    await look(page)

    assert (await look(page))["traffic"] == {
        "polar": {"requests": 2, "writes": 0, "refused": 1, "most_in_flight": 1},
        "attio": {"requests": 1, "writes": 1, "refused": 0, "most_in_flight": 1},
    }


@pytest.mark.parametrize("name", SWITCHES)
async def test_every_switch_switches_its_fault_on_and_off(page: httpx.AsyncClient, sandbox: Sandbox, name: str) -> None:
    for _ in range(2):
        await page.put(f"/sandbox/page/switches/{name}", json={"on": True})

    assert list(sandbox.faults.active().values()) == [SWITCHES[name][1]]
    assert [switch["name"] for switch in (await look(page))["switches"] if switch["on"]] == [name]

    await page.put(f"/sandbox/page/switches/{name}", json={"on": False})

    assert not sandbox.faults.active()


async def test_a_fault_without_a_switch_is_listed(page: httpx.AsyncClient, sandbox: Sandbox) -> None:
    number = sandbox.faults.add(Fault(kind=Kind.RESET, service="attio", times=3))

    shown = await look(page)

    assert [(fault["number"], fault["kind"]) for fault in shown["other_faults"]] == [(number, "reset")]
    assert not any(switch["on"] for switch in shown["switches"])


async def test_an_unknown_switch_is_refused(page: httpx.AsyncClient) -> None:
    assert (await page.put("/sandbox/page/switches/none", json={"on": True})).status_code == 404

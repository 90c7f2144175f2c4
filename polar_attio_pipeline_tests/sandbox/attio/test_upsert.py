import pytest

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api, StillClock

EMAIL = "email_addresses"


async def test_an_upsert_creates_and_then_updates_and_does_not_tell_which(api: Api, world: AttioWorld) -> None:
    created = await api.upsert({EMAIL: ["ada@gmail.com"], "job_title": "Countess"})
    updated = await api.upsert({EMAIL: ["ADA@gmail.com"], "job_title": "Programmer"})

    assert (created.status_code, updated.status_code) == (200, 200)
    assert created.json()["data"]["id"] == updated.json()["data"]["id"]
    assert created.json()["data"].keys() == updated.json()["data"].keys()
    assert world.people_count() == 1


async def test_a_record_has_its_address_in_the_app(api: Api, world: AttioWorld) -> None:
    data = (await api.upsert({EMAIL: ["ada@gmail.com"]})).json()["data"]

    assert data["web_url"] == f"https://app.attio.com/{world.slug}/person/{data['id']['record_id']}"
    assert data["created_at"] == "2026-11-03T12:00:00.250000000Z"


async def test_an_upsert_by_email_adds_addresses_and_never_removes_one(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=["ada@gmail.com", "ada@home.org"])

    await api.upsert({EMAIL: ["ada@home.org", "ada@work.com"]})

    assert await api.emails(record_id) == ["ada@gmail.com", "ada@home.org", "ada@work.com"]


async def test_any_other_multiselect_attribute_becomes_exactly_the_list(api: Api, world: AttioWorld) -> None:
    phones = ["+4930123456", "+4930654321"]
    record_id = world.add_person(emails=["ada@gmail.com"], values={"phone_numbers": phones})

    await api.upsert({EMAIL: ["ada@gmail.com"], "phone_numbers": ["+4930654321"]})

    values = (await api.record(record_id))["values"]
    assert [value["phone_number"] for value in values["phone_numbers"]] == ["+4930654321"]


async def test_what_is_not_sent_stays_and_what_is_sent_overwrites_what_a_person_typed(
    api: Api, world: AttioWorld
) -> None:
    record_id = world.add_person(emails=["a@gmail.com"], values={"job_title": "Countess", "description": "Kept"})

    await api.upsert({EMAIL: ["a@gmail.com"], "job_title": "Customer"})

    values = (await api.record(record_id))["values"]
    assert values["description"][0]["value"] == "Kept"
    assert values["job_title"][0]["value"] == "Customer"
    assert values["job_title"][0]["created_by_actor"]["type"] == "api-token"


async def test_an_equal_single_value_is_written_anew(api: Api, world: AttioWorld, clock: StillClock) -> None:
    record_id = world.add_person(emails=["a@gmail.com"], values={"job_title": "Countess"})
    clock.advance()

    await api.upsert({EMAIL: ["a@gmail.com"], "job_title": "Countess"})

    first, second = world.value_history(record_id, "job_title")
    assert (first["created_by_actor"]["type"], second["created_by_actor"]["type"]) == ("workspace-member", "api-token")
    assert first["active_until"] == second["active_from"] == "2026-11-03T12:00:01.250000000Z"
    assert second["active_until"] is None


async def test_addresses_of_two_people_match_neither(api: Api, world: AttioWorld) -> None:
    ids = [world.add_person(emails=[email]) for email in ("a@gmail.com", "b@gmail.com")]

    answer = await api.upsert({EMAIL: ["a@gmail.com", "b@gmail.com"], "job_title": "x"})

    assert (answer.status_code, answer.json()["code"]) == (400, "multiple_match_results")
    assert [len(await api.emails(record_id)) for record_id in ids] == [1, 1]
    assert world.writes == 0


async def test_an_address_that_two_records_hold_from_old_times_matches_neither(api: Api, world: AttioWorld) -> None:
    world.add_person(emails=["a@gmail.com"])
    world.add_person(emails=["a@gmail.com"], unique=False)

    assert (await api.upsert({EMAIL: ["a@gmail.com"]})).json()["code"] == "multiple_match_results"
    assert len(await api.found({EMAIL: "a@gmail.com"})) == 2


@pytest.mark.parametrize(
    ("matching", "code", "message"),
    [
        ("my_attribute", "value_not_found", 'No attribute was found for matching_attribute slug/ID "my_attribute".'),
        (
            "job_title",
            "matching_attribute_definition_not_unique",
            "The matching attribute specified is not a unique attribute.",
        ),
    ],
)
async def test_a_matching_attribute_must_exist_and_be_unique(api: Api, matching: str, code: str, message: str) -> None:
    answer = await api.upsert({EMAIL: ["a@gmail.com"]}, matching)

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["message"]) == (code, message)


async def test_record_ids_cannot_be_matched_because_they_cannot_be_written(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=["a@gmail.com"])

    assert (await api.upsert({"record_id": record_id}, "record_id")).status_code == 400


async def test_the_matching_attribute_needs_a_value(api: Api) -> None:
    assert (await api.upsert({"job_title": "x"})).json()["code"] == "missing_value"


async def test_the_matching_attribute_belongs_into_the_query(api: Api, world: AttioWorld) -> None:
    data = {"matching_attribute": EMAIL, "values": {EMAIL: ["a@gmail.com"]}}

    without = await api.http.put("/v2/objects/people/records", json={"data": data})
    as_well = await api.http.put(
        "/v2/objects/people/records", params={"matching_attribute": EMAIL}, json={"data": data}
    )

    assert (without.status_code, without.json()["message"]) == (400, "Query params validation error.")
    assert (as_well.status_code, as_well.json()["message"]) == (400, "Body payload validation error.")
    assert world.people_count() == 0


async def test_it_can_be_named_by_its_id(api: Api, world: AttioWorld) -> None:
    answer = await api.upsert({EMAIL: ["a@gmail.com"]}, world.people_type.attribute(EMAIL).id)

    assert answer.status_code == 200


async def test_a_required_attribute_is_asked_for_only_when_a_record_is_created(api: Api, world: AttioWorld) -> None:
    world.add_person(emails=["old@gmail.com"])
    required = world.add_attribute("plan", is_required=True)

    created = await api.upsert({EMAIL: ["new@gmail.com"]})
    updated = await api.upsert({EMAIL: ["old@gmail.com"]})

    assert (created.status_code, created.json()["code"]) == (400, "missing_value")
    assert created.json()["message"] == f'Required value for attribute with ID "{required}" was not provided.'
    assert updated.status_code == 200
    assert world.people_count() == 1


async def test_companies_are_upserted_by_domain(api: Api, world: AttioWorld) -> None:
    path = "/v2/objects/companies/records?matching_attribute=domains"
    sent = {"data": {"values": {"domains": ["acme.com"], "name": "Acme"}}}

    first, second = [(await api.http.put(path, json=sent)).json()["data"] for _ in range(2)]

    assert first["id"] == second["id"]
    assert first["web_url"].startswith(f"https://app.attio.com/{world.slug}/company/")

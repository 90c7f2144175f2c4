from typing import Any

import pytest

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api

EMAIL = "email_addresses"
A, B, C = "a@gmail.com", "b@gmail.com", "c@gmail.com"
TAKEN = (
    'A value provided for attribute with slug "email_addresses" conflicts with one already in the system. This '
    "attribute has a uniqueness constraint. Please ensure all values for this attribute do not exist on another record."
)


async def test_a_create_refuses_an_address_that_is_taken(api: Api, world: AttioWorld) -> None:
    world.add_person(emails=[A])

    answer = await api.create({EMAIL: [A.upper()]})

    assert (answer.status_code, answer.json()["code"]) == (400, "uniqueness_conflict")
    assert answer.json()["message"] == TAKEN
    assert world.people_count() == 1


async def test_a_person_needs_nothing(api: Api) -> None:
    assert (await api.create({})).status_code == 200


async def test_a_record_shows_every_live_attribute_and_an_unset_one_is_an_empty_list(
    api: Api, world: AttioWorld
) -> None:
    listed = (await api.http.get("/v2/objects/people/attributes")).json()["data"]
    values = (await api.record(world.add_person(emails=[A])))["values"]

    assert list(values) == [attribute["api_slug"] for attribute in listed]
    assert values["job_title"] == []


async def test_a_patch_puts_new_addresses_first_and_moves_none(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=[A])
    for sent, stored in (([B, A], [B, A]), ([A], [B, A]), ([B.upper()], [B, A]), ([C], [C, B, A])):
        await api.patch(record_id, {EMAIL: sent})

        assert await api.emails(record_id) == stored


async def test_a_put_makes_the_addresses_what_was_sent_and_leaves_the_rest(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=[A], values={"job_title": "kept"})
    for sent in ([B], [A, B], [B, A]):
        await api.put(record_id, {EMAIL: sent})

        assert await api.emails(record_id) == sent
    assert (await api.record(record_id))["values"]["job_title"][0]["value"] == "kept"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_an_address_of_another_record_is_refused_and_nothing_is_stored(
    api: Api, world: AttioWorld, method: str
) -> None:
    other, record_id = world.add_person(emails=[A]), world.add_person(emails=[C])

    answer = await api.http.request(
        method,
        f"/v2/objects/people/records/{record_id}",
        json={"data": {"values": {EMAIL: [A, C], "job_title": "x"}}},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "uniqueness_conflict")
    assert (await api.emails(other), await api.emails(record_id)) == ([A], [C])
    assert (await api.record(record_id))["values"]["job_title"] == []


async def test_an_address_is_free_again_once_its_record_let_go_of_it(api: Api, world: AttioWorld) -> None:
    first, second = world.add_person(emails=[A, B]), world.add_person(emails=[C])

    await api.put(first, {EMAIL: [B]})
    answer = await api.patch(second, {EMAIL: [A]})

    assert answer.status_code == 200


async def test_an_empty_list_clears_and_history_remembers(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=[A], values={"job_title": "Countess"})

    cleared = await api.patch(record_id, {"job_title": []})

    assert cleared.json()["data"]["values"]["job_title"] == []
    [past] = world.value_history(record_id, "job_title")
    assert past["active_until"] is not None


async def test_a_required_attribute_cannot_be_cleared(api: Api, world: AttioWorld) -> None:
    world.add_attribute("plan", is_required=True)
    record_id = world.add_person(emails=[A], values={"plan": "Pro"})

    assert (await api.patch(record_id, {"plan": []})).json()["code"] == "missing_value"
    assert (await api.record(record_id))["values"]["plan"][0]["value"] == "Pro"


async def test_a_deleted_record_is_gone_for_good(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=[A])

    deleted = await api.http.delete(f"/v2/objects/people/records/{record_id}")
    gone = [
        await api.http.get(f"/v2/objects/people/records/{record_id}"),
        await api.http.delete(f"/v2/objects/people/records/{record_id}"),
        await api.patch(record_id, {}),
        await api.put(record_id, {}),
    ]

    assert (deleted.status_code, deleted.json()) == (200, {})
    for answer in gone:
        assert answer.status_code == 404
        assert answer.json()["message"] == f'Record with ID "{record_id}" not found.'


@pytest.mark.parametrize(
    ("body", "path"),
    [({}, ["data"]), ({"data": []}, ["data"]), ({"data": {}}, ["data", "values"]), ({"data": {"values": 1}}, None)],
)
async def test_a_body_without_values_is_refused(api: Api, body: dict[str, Any], path: list[str] | None) -> None:
    answer = await api.http.post("/v2/objects/people/records", json=body)

    assert (answer.status_code, answer.json()["message"]) == (400, "Body payload validation error.")
    assert answer.json()["validation_errors"][0]["path"] == path or path is None


async def test_merging_makes_a_new_record_and_ends_both_old_ids(api: Api, world: AttioWorld) -> None:
    primary = world.add_person(emails=[A], values={"job_title": "First"})
    secondary = world.add_person(emails=[B], name="Ada Lovelace", values={"job_title": "Second"})

    answer = await api.http.post(
        "/v2/objects/people/records/merge",
        json={"data": {"primary_record_id": primary, "secondary_record_id": secondary}},
    )

    merged = answer.json()["data"]["new_record_id"]
    assert merged not in (primary, secondary)
    for old in (primary, secondary):
        assert (await api.http.get(f"/v2/objects/people/records/{old}")).status_code == 404
    assert await api.emails(merged) == [A, B]
    values = (await api.record(merged))["values"]
    assert (values["job_title"][0]["value"], values["name"][0]["full_name"]) == ("First", "Ada Lovelace")
    assert await api.found({EMAIL: B}) == {merged}


async def test_a_record_is_not_merged_with_itself_or_nothing(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=[A])
    path = "/v2/objects/people/records/merge"

    itself = {"primary_record_id": record_id, "secondary_record_id": record_id}
    nothing = {"primary_record_id": record_id}
    unknown = {**itself, "secondary_record_id": world.id}

    assert (await api.http.post(path, json={"data": itself})).json()["code"] == "self_merge"
    assert (await api.http.post(path, json={"data": nothing})).json()["code"] == "validation_type"
    assert (await api.http.post(path, json={"data": unknown})).status_code == 404


async def test_the_history_of_an_attribute_can_be_asked_for(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=[A], values={"job_title": "One"})
    world.edit_person(record_id, {"job_title": "Two"})
    path = f"/v2/objects/people/records/{record_id}/attributes/job_title/values"

    now = (await api.http.get(path)).json()["data"]
    ever = (await api.http.get(path, params={"show_historic": "true"})).json()["data"]

    assert [value["value"] for value in now] == ["Two"]
    assert [value["value"] for value in ever] == ["One", "Two"]


async def test_injected_conflicts_come_once_each_and_store_nothing(api: Api, world: AttioWorld) -> None:
    world.conflict_next(2)

    answers = [await api.upsert({EMAIL: [A]}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [409, 409, 200]
    assert answers[0].json()["code"] == "concurrent_write_conflict"
    assert world.writes == 1


async def test_an_injected_gate_is_a_400_of_its_own_code(api: Api, world: AttioWorld) -> None:
    world.gate_next()

    answer = await api.upsert({EMAIL: [A]})

    assert (answer.status_code, answer.json()["code"]) == (400, "particle_gate_violation")


async def test_an_injected_refusal_of_an_attribute_names_it_and_costs_no_write_without_it(
    api: Api, world: AttioWorld
) -> None:
    world.refuse_values("job_title")

    created, upserted = await api.create({EMAIL: [A], "job_title": "x"}), await api.upsert({EMAIL: [A]})
    record_id = upserted.json()["data"]["id"]["record_id"]
    patched, put = await api.patch(record_id, {"job_title": "x"}), await api.put(record_id, {"job_title": []})
    world.accept_values("job_title")
    accepted = await api.patch(record_id, {"job_title": "x"})

    for refused in (created, patched, put):
        assert (refused.status_code, refused.json()["code"]) == (400, "validation_type")
        assert '"job_title"' in refused.json()["message"]
    assert (upserted.status_code, accepted.status_code) == (200, 200)
    assert world.writes == 2


async def test_a_full_plan_refuses_new_records_and_takes_changes(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=[A])
    world.plan_limit_records = 1

    created, upserted = await api.create({EMAIL: [B]}), await api.upsert({EMAIL: [B]})
    changed, matched = await api.patch(record_id, {"job_title": "x"}), await api.upsert({EMAIL: [A]})

    assert (created.status_code, created.json()["code"]) == (403, "billing_error")
    assert upserted.status_code == 403
    assert (changed.status_code, matched.status_code) == (200, 200)

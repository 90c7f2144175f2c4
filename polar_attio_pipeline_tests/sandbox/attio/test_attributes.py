from typing import Any

import pytest

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api

PATH = "/v2/objects/people/attributes"
DEFINITION: dict[str, Any] = {
    "title": "Polar customer",
    "description": None,
    "api_slug": "polar_customer",
    "type": "checkbox",
    "is_required": False,
    "is_unique": False,
    "is_multiselect": False,
    "config": {},
}


async def test_objects_are_people_and_companies(api: Api) -> None:
    listed = (await api.http.get("/v2/objects")).json()["data"]
    one = await api.http.get("/v2/objects/companies")

    assert [found["api_slug"] for found in listed] == ["people", "companies"]
    assert one.json()["data"]["singular_noun"] == "Company"


async def test_an_unknown_object_is_a_404_that_names_it(api: Api) -> None:
    answer = await api.query("persons")

    assert answer.status_code == 404
    assert answer.json()["message"] == 'Object with slug/ID "persons" not found.'


async def test_attributes_come_all_at_once_unless_a_page_is_asked_for(api: Api) -> None:
    everything = (await api.http.get(PATH)).json()["data"]
    page = (await api.http.get(PATH, params={"limit": 3, "offset": 1})).json()["data"]

    assert [found["api_slug"] for found in page] == ["name", "email_addresses", "description"]
    assert page == everything[1:4]
    assert len(everything) > 25


async def test_an_archived_attribute_is_listed_on_request_and_found_by_name(api: Api, world: AttioWorld) -> None:
    world.add_attribute("old")
    world.archive_attribute("old")

    listed = (await api.http.get(PATH)).json()["data"]
    with_archived = (await api.http.get(PATH, params={"show_archived": "true"})).json()["data"]
    alone = (await api.http.get(f"{PATH}/old")).json()["data"]

    assert "old" not in {found["api_slug"] for found in listed}
    assert with_archived[-1] == alone
    assert alone["is_archived"] is True


async def test_an_attribute_is_found_by_slug_and_by_id(api: Api) -> None:
    by_slug = (await api.http.get(f"{PATH}/name")).json()["data"]
    by_id = (await api.http.get(f"{PATH}/{by_slug['id']['attribute_id']}")).json()["data"]
    missing = await api.http.get(f"{PATH}/nmae")

    assert by_slug == by_id
    assert missing.status_code == 404
    assert missing.json()["message"] == 'Attribute with slug/ID "nmae" not found.'


async def test_a_new_attribute_can_be_written_and_read(api: Api) -> None:
    created = await api.http.post(PATH, json={"data": DEFINITION})
    person = await api.create({"email_addresses": ["a@b.com"], "polar_customer": True})

    assert created.status_code == 200
    assert created.json()["data"]["is_system_attribute"] is False
    assert person.json()["data"]["values"]["polar_customer"][0]["value"] is True


@pytest.mark.parametrize("field", DEFINITION)
async def test_each_of_the_eight_fields_of_a_definition_is_required(api: Api, field: str) -> None:
    without = {name: value for name, value in DEFINITION.items() if name != field}

    answer = await api.http.post(PATH, json={"data": without})

    assert answer.status_code == 400
    [error] = answer.json()["validation_errors"]
    assert (error["code"], error["path"], error["message"]) == ("invalid_type", ["data", field], "Required")


@pytest.mark.parametrize("object_slug", ["people", "companies"])
async def test_no_custom_attribute_of_people_or_companies_can_be_unique(api: Api, object_slug: str) -> None:
    path = f"/v2/objects/{object_slug}/attributes"
    created = await api.http.post(path, json={"data": {**DEFINITION, "type": "text", "is_unique": True}})
    await api.http.post(path, json={"data": DEFINITION})
    changed = await api.http.patch(f"{path}/polar_customer", json={"data": {"is_unique": True}})

    for refused in (created, changed):
        assert refused.status_code == 400
        assert refused.json()["code"] == "validation_type"
        assert refused.json()["message"] == "Cannot set attribute as unique."


@pytest.mark.parametrize("archived", [False, True])
async def test_a_slug_is_taken_even_by_an_archived_attribute(api: Api, world: AttioWorld, archived: bool) -> None:
    world.add_attribute("polar_customer", "checkbox")
    world.archive_attribute("polar_customer", archived=archived)

    answer = await api.http.post(PATH, json={"data": DEFINITION})

    assert (answer.status_code, answer.json()["code"]) == (409, "slug_conflict")


async def test_an_archived_attribute_can_be_brought_back_with_its_values(api: Api, world: AttioWorld) -> None:
    world.add_attribute("note")
    record_id = world.add_person(emails=["a@b.com"], values={"note": "kept"})

    await api.http.patch(f"{PATH}/note", json={"data": {"is_archived": True}})
    hidden = await api.record(record_id)
    await api.http.patch(f"{PATH}/note", json={"data": {"is_archived": False}})
    shown = await api.record(record_id)

    assert "note" not in hidden["values"]
    assert shown["values"]["note"][0]["value"] == "kept"


async def test_title_slug_and_description_can_change_and_values_stay(api: Api, world: AttioWorld) -> None:
    world.add_attribute("note")
    record_id = world.add_person(emails=["a@b.com"], values={"note": "kept"})

    changed = await api.http.patch(
        f"{PATH}/note", json={"data": {"title": "Memo", "api_slug": "memo", "description": "A memo"}}
    )

    assert {name: changed.json()["data"][name] for name in ("title", "api_slug", "description")} == {
        "title": "Memo",
        "api_slug": "memo",
        "description": "A memo",
    }
    assert (await api.record(record_id))["values"]["memo"][0]["value"] == "kept"


async def test_a_type_never_changes_and_a_system_attribute_not_at_all(api: Api, world: AttioWorld) -> None:
    world.add_attribute("note")

    retyped = await api.http.patch(f"{PATH}/note", json={"data": {"type": "checkbox"}})
    system = await api.http.patch(f"{PATH}/name", json={"data": {"title": "Full name"}})

    assert (retyped.status_code, retyped.json()["code"]) == (400, "validation_type")
    assert (system.status_code, system.json()["code"]) == (400, "system_edit_unauthorized")


async def test_select_options_are_listed_and_added_once(api: Api, world: AttioWorld) -> None:
    world.add_attribute("tier", "select", options=["Free"])

    added = await api.http.post(f"{PATH}/tier/options", json={"data": {"title": "Pro"}})
    again = await api.http.post(f"{PATH}/tier/options", json={"data": {"title": "Pro"}})
    listed = (await api.http.get(f"{PATH}/tier/options")).json()["data"]
    not_a_select = await api.http.get(f"{PATH}/name/options")

    assert added.status_code == 200
    assert (again.status_code, again.json()["code"]) == (409, "slug_conflict")
    assert [option["title"] for option in listed] == ["Free", "Pro"]
    assert not_a_select.json()["message"] == "This attribute is not a select attribute."


async def test_an_option_is_renamed_archived_and_restored_by_its_id_or_title(api: Api, world: AttioWorld) -> None:
    world.add_attribute("tier", "select", options=["Free", "Pro"])
    [free, _] = world.people_type.attribute("tier").options

    renamed = await api.http.patch(f"{PATH}/tier/options/{free.id}", json={"data": {"title": "Basic"}})
    archived = await api.http.patch(f"{PATH}/tier/options/Pro", json={"data": {"is_archived": True}})
    offered = (await api.http.get(f"{PATH}/tier/options")).json()["data"]
    everything = (await api.http.get(f"{PATH}/tier/options", params={"show_archived": "true"})).json()["data"]
    taken = await api.http.post(f"{PATH}/tier/options", json={"data": {"title": "Pro"}})
    restored = await api.http.patch(f"{PATH}/tier/options/Pro", json={"data": {"is_archived": False}})

    assert (renamed.json()["data"]["title"], archived.json()["data"]["is_archived"]) == ("Basic", True)
    assert [option["title"] for option in offered] == ["Basic"]
    assert [option["title"] for option in everything] == ["Basic", "Pro"]
    assert (taken.status_code, taken.json()["code"]) == (409, "slug_conflict")
    assert restored.json()["data"]["is_archived"] is False


async def test_an_option_keeps_a_title_of_its_own(api: Api, world: AttioWorld) -> None:
    world.add_attribute("tier", "select", options=["Free", "Pro"])

    taken = await api.http.patch(f"{PATH}/tier/options/Pro", json={"data": {"title": "Free"}})
    same = await api.http.patch(f"{PATH}/tier/options/Pro", json={"data": {"title": "Pro"}})

    assert (taken.status_code, taken.json()["code"]) == (409, "slug_conflict")
    assert same.status_code == 200


@pytest.mark.parametrize("change", [{"title": ""}, {"title": 7}, {"is_archived": "yes"}])
async def test_a_change_of_an_option_that_makes_no_sense_is_refused(
    api: Api, world: AttioWorld, change: dict[str, Any]
) -> None:
    world.add_attribute("tier", "select", options=["Pro"])

    answer = await api.http.patch(f"{PATH}/tier/options/Pro", json={"data": change})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_type")
    assert [option.title for option in world.people_type.attribute("tier").options] == ["Pro"]


async def test_only_a_select_has_options_and_only_its_own(api: Api, world: AttioWorld) -> None:
    world.add_attribute("tier", "select", options=["Pro"])
    body = {"data": {"title": "Free"}}

    for answer in (
        await api.http.post(f"{PATH}/name/options", json=body),
        await api.http.patch(f"{PATH}/name/options/Free", json=body),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_type")
        assert answer.json()["message"] == "This attribute is not a select attribute."
    unknown = await api.http.patch(f"{PATH}/tier/options/Free", json=body)
    assert (unknown.status_code, unknown.json()["code"]) == (400, "value_not_found")


async def test_a_currency_needs_its_code_and_a_reference_its_objects(api: Api) -> None:
    spent = {**DEFINITION, "api_slug": "spent", "type": "currency"}
    partner = {**DEFINITION, "api_slug": "partner", "type": "record-reference"}
    usd = {"currency": {"default_currency_code": "USD", "display_type": "symbol"}}

    without = await api.http.post(PATH, json={"data": spent})
    with_code = await api.http.post(PATH, json={"data": {**spent, "config": usd}})
    reference = await api.http.post(
        PATH, json={"data": {**partner, "config": {"record_reference": {"allowed_objects": ["companies"]}}}}
    )

    assert without.status_code == 400
    for wrong in ({"default_currency_code": "KWD"}, {"display_type": "sign"}):
        config = {"currency": {**usd["currency"], **wrong}}
        answer = await api.http.post(PATH, json={"data": {**spent, "api_slug": "other", "config": config}})
        assert (answer.status_code, answer.json()["code"]) == (400, "validation_type")
        assert answer.json()["validation_errors"][0]["path"] == ["data", "config", "currency", *wrong]
    assert with_code.json()["data"]["config"]["currency"] == usd["currency"]
    companies = (await api.http.get("/v2/objects/companies")).json()["data"]["id"]["object_id"]
    assert reference.json()["data"]["config"]["record_reference"]["allowed_object_ids"] == [companies]

from typing import Any

import pytest

from polar_attio_pipeline.sandbox.attio.people import NewPerson
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api

Ids = dict[str, str]


@pytest.fixture
def ids(world: AttioWorld) -> Ids:
    """Three people who differ in everything; Charles has nothing but an address."""
    world.add_attribute("paying", "checkbox")
    world.add_attribute("polar_id")
    world.add_attribute("seats", "number")
    world.add_attribute("since", "date")
    world.add_attribute("mrr", "currency")
    world.add_attribute("renews", "timestamp")
    world.add_attribute("tier", "select", options=["Free", "Pro"])
    world.add_attribute("tags", "select", is_multiselect=True, options=["a", "b"])
    ada = {"paying": True, "polar_id": "ID-1", "seats": 5, "since": "2026-01-02", "tier": "Pro", "tags": ["a", "b"]}
    grace = {"paying": False, "polar_id": "id-2", "seats": 7, "since": "2026-03-04", "tier": "Free", "tags": ["b"]}
    ada |= {"mrr": "19.99", "renews": "2026-12-01T08:00:00Z"}
    grace |= {"mrr": 0, "renews": "2026-12-01T08:00:00.000000001Z"}
    ada["phone_numbers"] = ["+49 30 123456"]
    ada["primary_location"] = "Berlin, Berlin"
    return {
        "ada": world.add_person(emails=["Ada@Mail.Acme.com", "ada@home.org"], name="Ada Lovelace", values=ada),
        "grace": world.add_person(emails=["grace@navy.mil"], name="Grace Hopper", values=grace),
        "charles": world.add_person(emails=["charles@gmail.com"]),
    }


FOUND: list[tuple[Any, set[str]]] = [
    ({"email_addresses": "ada@mail.acme.com"}, {"ada"}),
    ({"email_addresses": "ADA@HOME.ORG"}, {"ada"}),
    ({"email_addresses": {"email_address": {"$eq": "grace@navy.mil"}}}, {"grace"}),
    ({"email_addresses": {"email_address": "grace@navy.mil"}}, {"grace"}),
    ({"email_addresses": {"$contains": "A"}}, {"ada", "grace", "charles"}),
    ({"email_addresses": {"email_domain": {"$eq": "mail.acme.com"}}}, {"ada"}),
    ({"email_addresses": {"email_root_domain": {"$ends_with": "acme.com"}}}, {"ada"}),
    ({"email_addresses": {"email_local_specifier": {"$starts_with": "gr"}}}, {"grace"}),
    ({"polar_id": "id-1"}, {"ada"}),
    ({"polar_id": {"$in": ["id-1", "ID-2", "id-3"]}}, {"ada", "grace"}),
    ({"polar_id": {"$starts_with": "ID"}}, {"ada", "grace"}),
    ({"name": "ada lovelace"}, {"ada"}),
    ({"name": {"last_name": {"$contains": "opp"}}}, {"grace"}),
    ({"name": {"full_name": {"$not_empty": True}}}, {"ada", "grace"}),
    ({"paying": True}, {"ada"}),
    ({"paying": {"$eq": False}}, {"grace"}),
    ({"seats": {"$gte": 5, "$lt": 7}}, {"ada"}),
    ({"since": {"$gt": "2026-01-02"}}, {"grace"}),
    ({"seats": {"value": {"$gt": 5}}}, {"grace"}),
    ({"since": {"$lte": "2026-01-02"}}, {"ada"}),
    ({"since": "2026-03-04"}, {"grace"}),
    ({"mrr": 19.99}, {"ada"}),
    ({"mrr": {"currency_value": {"$eq": 0}}}, {"grace"}),
    ({"mrr": {"$gte": 0, "$lt": 19.99}}, {"grace"}),
    ({"mrr": {"$gt": 19.98}}, {"ada"}),
    ({"mrr": {"$lte": 19.99}}, {"ada", "grace"}),
    ({"renews": {"$eq": "2026-12-01T09:00:00+01:00"}}, {"ada"}),
    ({"renews": {"$gt": "2026-12-01T08:00:00Z"}}, {"grace"}),
    ({"renews": {"$lt": "2026-12-01T08:00:00.000000001Z"}}, {"ada"}),
    ({"tier": "Pro"}, {"ada"}),
    ({"tier": {"$eq": "free"}}, {"grace"}),
    ({"tier": {"option": {"$eq": "Pro"}}}, {"ada"}),
    ({"tags": "a"}, {"ada"}),
    ({"phone_numbers": {"phone_number": {"$starts_with": "+49"}}}, {"ada"}),
    ({"primary_location": {"locality": "berlin"}}, {"ada"}),
    ({"created_by": {"referenced_actor_type": "workspace-member"}}, {"ada", "grace", "charles"}),
    ({"created_at": {"$lte": "2026-11-03T12:00:00.25Z"}}, {"ada", "grace", "charles"}),
    ({"created_at": {"$gt": "2026-11-03T12:00:00.25Z"}}, set()),
    ({"$not": {"polar_id": "id-1"}}, {"grace", "charles"}),
    ({"$not": {"paying": True, "seats": 5}}, {"grace", "charles"}),
    ({"$or": [{"paying": True}, {"email_addresses": "charles@gmail.com"}]}, {"ada", "charles"}),
    ({"$or": [{"paying": True}, {"seats": {"$gt": 6}}]}, {"ada", "grace"}),
    ({"$and": [{"email_addresses": {"$contains": "a"}}, {"$not": {"name": {"$not_empty": True}}}]}, {"charles"}),
    ({"polar_id": {"$in": ["id-1", "id-2"]}, "paying": True}, {"ada"}),
    ({}, {"ada", "grace", "charles"}),
]


@pytest.mark.parametrize(("wanted", "names"), FOUND, ids=[str(wanted) for wanted, _ in FOUND])
async def test_a_filter_finds(api: Api, ids: Ids, wanted: Any, names: set[str]) -> None:
    assert await api.found(wanted) == {ids[name] for name in names}


async def test_record_ids_can_be_asked_for_in_bulk(api: Api, ids: Ids) -> None:
    wanted = [ids["ada"], ids["charles"].upper(), "00000000-0000-4000-8000-000000000000"]

    assert await api.found({"record_id": {"$in": wanted}}) == {ids["ada"], ids["charles"]}


TYPED = ("  ID-7", "ID-7 ", "\tid-7\n", "id-7\u00a0", "id-7\u200b")


@pytest.mark.parametrize("typed", TYPED, ids=ascii)
async def test_white_space_that_somebody_typed_is_part_of_a_text(
    api: Api, world: AttioWorld, ids: Ids, typed: str
) -> None:
    world.edit_person(ids["charles"], {"polar_id": typed})

    held = (await api.record(ids["charles"]))["values"]["polar_id"][0]
    assert (held["value"], held["created_by_actor"]["type"]) == (typed, "workspace-member")
    for operand in ("id-7", {"$in": ["id-7", "ID-7"]}, {"$eq": "ID-7"}):
        assert await api.found({"polar_id": operand}) == set()
    for operand in (typed.upper(), {"$in": [typed.lower()]}, {"$contains": "Id-7"}):
        assert await api.found({"polar_id": operand}) == {ids["charles"]}


async def test_people_may_hold_the_same_text_in_other_letters(api: Api, world: AttioWorld, ids: Ids) -> None:
    world.edit_person(ids["charles"], {"polar_id": "iD-1"})

    assert await api.found({"polar_id": {"$in": ["ID-1"]}}) == {ids["ada"], ids["charles"]}


async def test_a_reference_is_found_by_its_target(api: Api, ids: Ids) -> None:
    [company] = await api.found({"domains": {"root_domain": "acme.com"}}, "companies")

    for operand in ({"$eq": company}, {"$in": [company]}):
        assert await api.found({"company": {"target_record_id": operand}}) == {ids["ada"]}


REFUSED: list[tuple[Any, str, list[str]]] = [
    ({"$or": [{"name": "x"}, {"email": "x"}]}, "unknown_filter_attribute_slug", ["$or", "1", "email"]),
    ({"$not": {"$or": [{"name": "x"}]}}, "unknown_filter_attribute_slug", ["$not", "$or"]),
    ({"email_addresses": {"$in": ["a@b.com"]}}, "invalid_filter_operator", ["email_addresses", "$in"]),
    ({"email_addresses": {"$not_empty": True}}, "invalid_filter_operator", ["email_addresses", "$not_empty"]),
    ({"name": {"$ne": "x"}}, "invalid_filter_operator", ["name", "$ne"]),
    ({"polar_id": {"$not_empty": True}}, "invalid_filter_operator", ["polar_id", "$not_empty"]),
    ({"paying": {"$in": [True]}}, "invalid_filter_operator", ["paying", "$in"]),
    ({"tier": {"$in": ["Pro"]}}, "invalid_filter_operator", ["tier", "$in"]),
    ({"phone_numbers": {"original_phone_number": "1"}}, "invalid_filter_field",
     ["phone_numbers", "original_phone_number"]),
    ({"polar_id": None}, "filter_error", ["polar_id"]),
    ({"polar_id": {"$in": "id-1"}}, "filter_error", ["polar_id", "$in"]),
    ({"polar_id": {"$in": ["id-1", None]}}, "filter_error", ["polar_id", "$in"]),
    ({"paying": "yes"}, "filter_error", ["paying"]),
    ({"seats": {"$gt": "many"}}, "filter_error", ["seats", "$gt"]),
    ({"$or": []}, "filter_error", ["$or"]),
    ({"$or": {"name": "x"}}, "filter_error", ["$or"]),
    ([], "filter_error", []),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "code", "path"), REFUSED, ids=[str(wanted) for wanted, _, _ in REFUSED])
async def test_a_filter_is_refused(api: Api, ids: Ids, wanted: Any, code: str, path: list[str]) -> None:
    answer = await api.query(filter=wanted)

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["path"]) == (code, path)


async def test_an_archived_attribute_cannot_be_filtered_by(api: Api, world: AttioWorld, ids: Ids) -> None:
    world.archive_attribute("polar_id")

    assert (await api.query(filter={"polar_id": "id-1"})).json()["message"] == "Unknown attribute slug: polar_id."


async def test_an_attribute_can_be_named_by_its_id(api: Api, ids: Ids) -> None:
    attribute = (await api.http.get("/v2/objects/people/attributes/polar_id")).json()["data"]

    assert await api.found({attribute["id"]["attribute_id"]: "id-1"}) == {ids["ada"]}


async def test_a_filter_sees_each_write_at_once(api: Api, world: AttioWorld, ids: Ids) -> None:
    assert await api.found({"polar_id": "id-1"}) == {ids["ada"]}

    world.edit_person(ids["ada"], {"polar_id": "id-9"})
    world.edit_person(ids["charles"], {"polar_id": "id-1"})
    world.delete(ids["grace"])

    assert await api.found({"polar_id": "id-1"}) == {ids["charles"]}
    assert await api.found({"polar_id": {"$in": ["id-2", "id-9"]}}) == {ids["ada"]}


async def test_hundreds_of_addresses_are_looked_up_without_looking_at_every_record(
    api: Api, world: AttioWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_attribute("polar_id")
    world.add_people(NewPerson([f"p{number}@gmail.com"], None, {"polar_id": f"id-{number}"}) for number in range(2000))
    looked_at: list[str] = []
    versions = world.store.versions
    name = world.people_type.attribute("name")

    def counting(record: Any, attribute: Any) -> Any:
        if attribute is name:
            looked_at.append(record.id)
        return versions(record, attribute)

    monkeypatch.setattr(world.store, "versions", counting)
    arms = [{"email_addresses": {"$eq": f"p{number}@gmail.com"}} for number in range(500)]
    by_email = await api.query(filter={"$or": arms}, limit=1)
    by_text = await api.query(filter={"polar_id": {"$in": [f"id-{number}" for number in range(500)]}}, limit=1)
    narrowed = await api.query(filter={"$or": arms[:3], "name": {"$contains": "x"}})

    assert (by_email.status_code, by_text.status_code) == (200, 200)
    dumped = 2
    assert len(looked_at) == dumped + len(narrowed.json()["data"]) + 3

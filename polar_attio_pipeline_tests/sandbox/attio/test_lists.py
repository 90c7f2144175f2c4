from datetime import timedelta
from typing import Any

import pytest

from polar_attio_pipeline.sandbox.attio.people import NewPerson
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api, StillClock

BY_AGE = [{"direction": "asc", "attribute": "created_at"}]


def names_of(answer: Any) -> list[str]:
    return [record["values"]["name"][0]["full_name"] for record in answer.json()["data"]]


@pytest.fixture
def crowd(world: AttioWorld) -> list[str]:
    """More people than a page holds, oldest first."""
    return world.add_people(NewPerson([f"p{number}@gmail.com"], f"P {number}") for number in range(620))


async def test_a_page_is_500_records_unless_fewer_are_asked_for(api: Api, crowd: list[str]) -> None:
    assert len((await api.query()).json()["data"]) == 500
    assert len((await api.query(limit=7)).json()["data"]) == 7


@pytest.mark.parametrize("wrong", [{"limit": 501}, {"limit": 0}, {"limit": "5"}, {"offset": -1}, {"offset": True}])
async def test_a_page_has_bounds(api: Api, wrong: dict[str, Any]) -> None:
    answer = await api.query(**wrong)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_type")


async def test_sorted_pages_hold_everybody_once(api: Api, crowd: list[str]) -> None:
    pages = [(await api.query(sorts=BY_AGE, limit=200, offset=offset)).json()["data"] for offset in range(0, 800, 200)]

    assert [record["id"]["record_id"] for page in pages for record in page] == crowd
    assert [len(page) for page in pages] == [200, 200, 200, 20]


async def test_without_a_sort_each_answer_has_an_order_of_its_own(api: Api, crowd: list[str]) -> None:
    first, second = names_of(await api.query(limit=20)), names_of(await api.query(limit=20))

    assert first != second


async def test_records_that_tie_change_places_with_every_write(api: Api, world: AttioWorld, clock: StillClock) -> None:
    ids = world.add_people(NewPerson([f"p{n}@gmail.com"], f"P {n}", created_at=clock()) for n in range(9))

    before = names_of(await api.query(sorts=BY_AGE))
    again = names_of(await api.query(sorts=BY_AGE))
    world.edit_person(ids[0], {"job_title": "x"})
    after = names_of(await api.query(sorts=BY_AGE))

    assert before == again
    assert before != after
    assert sorted(before) == sorted(after)


async def test_a_second_sort_settles_ties(api: Api, world: AttioWorld, clock: StillClock) -> None:
    ids = world.add_people(NewPerson([f"p{n}@gmail.com"], f"P {n}", created_at=clock()) for n in range(9))
    sorts = [*BY_AGE, {"direction": "asc", "attribute": "record_id"}]

    world.edit_person(ids[0], {"job_title": "x"})
    listed = (await api.query(sorts=sorts)).json()["data"]

    assert [record["id"]["record_id"] for record in listed] == sorted(ids)


@pytest.fixture
def trio(world: AttioWorld, clock: StillClock) -> None:
    for name, email in (("Ada Zorn", "a@acme.com"), ("Bob Young", "b@zeta.com"), ("Cyd Xu", "c@gmail.com")):
        clock.advance()
        world.add_person(emails=[email], name=name, values={"job_title": name[0]} if name[0] != "B" else {})


SORTS: list[tuple[dict[str, Any], str]] = [
    ({"direction": "desc", "attribute": "created_at"}, "CBA"),
    ({"direction": "asc", "attribute": "name"}, "ABC"),
    ({"direction": "asc", "attribute": "name", "field": "last_name"}, "CBA"),
    ({"direction": "desc", "attribute": "job_title"}, "CAB"),
    ({"direction": "desc", "path": [["people", "company"], ["companies", "name"]]}, "BAC"),
]


@pytest.mark.parametrize(("sort", "initials"), SORTS, ids=[str(sort) for sort, _ in SORTS])
async def test_a_list_can_be_sorted_and_those_without_a_value_come_last(
    api: Api, trio: None, sort: dict[str, Any], initials: str
) -> None:
    assert "".join(name[0] for name in names_of(await api.query(sorts=[sort]))) == initials


@pytest.mark.parametrize(
    "sort",
    [
        {"attribute": "name"},
        {"direction": "up", "attribute": "name"},
        {"direction": "asc", "attribute": "nmae"},
        {"direction": "asc", "attribute": "name", "field": "middle_name"},
        {"direction": "asc", "path": [["people", "name"], ["companies", "name"]]},
        {"direction": "asc"},
        {"direction": "asc", "path": 7},
    ],
    ids=str,
)
async def test_a_sort_that_cannot_be_is_refused(api: Api, sort: dict[str, Any]) -> None:
    assert (await api.query(sorts=[sort])).status_code == 400


async def test_a_small_unfiltered_page_costs_nothing_and_each_comparison_something(api: Api, crowd: list[str]) -> None:
    free = await api.query(limit=5)
    dear = await api.query(filter={"$or": [{"email_addresses": f"x{n}@y.com"} for n in range(40)]}, sorts=BY_AGE)

    assert free.headers["x-attio-record-query-score"] == "0"
    assert int(dear.headers["x-attio-record-query-score"]) > 40


async def test_a_too_complex_query_is_refused_until_it_is_split(api: Api, world: AttioWorld) -> None:
    arms = [{"email_addresses": f"p{number}@gmail.com"} for number in range(100)]
    world.max_query_score = 60

    whole = [await api.query(filter={"$or": arms}) for _ in range(2)]
    halves = [await api.query(filter={"$or": arms[start : start + 50]}) for start in (0, 50)]

    assert [answer.status_code for answer in whole] == [429, 429]
    assert "reduce the complexity" in whole[0].json()["message"]
    assert [answer.status_code for answer in halves] == [200, 200]


async def test_five_hundred_arms_pass_by_default(api: Api) -> None:
    arms = [{"email_addresses": f"p{number}@gmail.com"} for number in range(500)]

    assert (await api.query(filter={"$or": arms})).status_code == 200


async def test_the_scores_of_ten_seconds_can_be_bounded_together(
    api: Api, world: AttioWorld, clock: StillClock
) -> None:
    world.budget.max_window_score = 30
    query = {"$or": [{"email_addresses": f"p{number}@gmail.com"} for number in range(20)]}

    first, second = await api.query(filter=query), await api.query(filter=query)
    clock.advance(10)
    third = await api.query(filter=query)

    assert [first.status_code, second.status_code, third.status_code] == [200, 429, 200]
    assert second.headers["Retry-After"] == "Tue, 03 Nov 2026 12:00:11 GMT"


async def test_there_is_no_get_for_lists(api: Api) -> None:
    answer = await api.http.get("/v2/objects/people/records", params={"limit": 5})

    assert answer.status_code == 404
    assert answer.json() == {
        "status_code": 404,
        "type": "invalid_request_error",
        "code": "not_found",
        "message": 'Could not find endpoint "GET /v2/objects/people/records".',
    }


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"limit": NaN}'])
async def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    answer = await api.http.post("/v2/objects/people/records/query", content=body)

    assert (answer.status_code, answer.json()["message"]) == (400, "Body payload validation error.")


async def test_people_older_than_now_can_be_loaded_in_bulk(api: Api, world: AttioWorld, clock: StillClock) -> None:
    world.add_people([NewPerson(["old@gmail.com"], "Old One", created_at=clock() - timedelta(days=900))])
    world.add_person(emails=["new@gmail.com"], name="New One")

    assert names_of(await api.query(sorts=BY_AGE)) == ["Old One", "New One"]

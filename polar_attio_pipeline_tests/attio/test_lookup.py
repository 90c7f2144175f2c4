import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx
import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.sandbox.attio.people import NewPerson
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.ports import Found, UnavailableError
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline_tests.attio.conftest import Wire


def polar_id(number: int) -> str:
    return str(UUID(int=number))


def marked_people(numbers: Iterable[int]) -> list[NewPerson]:
    return [
        NewPerson([f"user{number}@example.com"], values={"polar_customer": True, "polar_customer_id": polar_id(number)})
        for number in numbers
    ]


def keys_of(request: httpx.Request) -> int:
    arms = json.loads(request.read())["filter"]["$or"]
    return sum(len(arm["polar_customer_id"]["$in"]) if "polar_customer_id" in arm else 1 for arm in arms)


async def everybody(client: AttioClient) -> list[Person]:
    return [person async for page in client.marked() for person in page]


async def test_people_are_found_by_id_and_by_address_in_one_search(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    attio.add_people(marked_people([1]))
    by_hand = attio.add_person(emails=["first@example.com", "second@example.com"])

    found = await client.find(ids=[polar_id(1), polar_id(2)], emails=["second@example.com", "nobody@example.com"])

    assert {person.emails[0] for person in found.people} == {"user1@example.com", "first@example.com"}
    assert by_hand in {person.record_id for person in found.people}
    assert len(wire.requests) == 1


async def test_a_person_found_twice_comes_once(client: AttioClient, attio: AttioWorld) -> None:
    attio.add_people(marked_people([1]))

    found = (await client.find(ids=[polar_id(1)], emails=["user1@example.com"])).people

    assert len(found) == 1


async def test_people_are_found_by_record_id_too_and_a_record_that_is_no_more_is_not(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    kept, gone = attio.add_person(emails=["kept@example.com"]), attio.add_person(emails=["gone@example.com"])
    attio.delete(gone)

    found = await client.find(ids=[polar_id(1)], emails=["nobody@example.com"], records=[kept.upper(), gone])

    assert [person.record_id for person in found.people] == [kept]
    assert found.unsearchable == frozenset()
    assert len(wire.requests) == 1


async def test_a_hint_that_cannot_be_a_record_id_is_not_searched_for(client: AttioClient, wire: Wire) -> None:
    assert await client.find(ids=[], emails=[], records=["", "r-1", "; drop"]) == Found([])
    assert wire.requests == []


async def test_looking_for_nobody_asks_nothing(client: AttioClient, wire: Wire) -> None:
    assert await client.find(ids=[], emails=[]) == Found([])
    assert wire.requests == []


async def test_two_hundred_customers_are_one_search_and_more_are_split(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    attio.add_people(marked_people(range(450)))

    found = await client.find(
        ids=[polar_id(number) for number in range(450)],
        emails=[f"user{number}@example.com" for number in range(450)],
    )

    assert len(found.people) == 450
    assert sorted(map(keys_of, wire.requests)) == [100, 400, 400]


async def test_more_matches_than_fit_an_answer_are_all_read(client: AttioClient, attio: AttioWorld) -> None:
    copies = [
        NewPerson([f"copy{number}@example.com"], values={"polar_customer_id": polar_id(1)}) for number in range(1100)
    ]
    attio.add_people(copies)

    found = (await client.find(ids=[polar_id(1)], emails=[])).people

    assert len(found) == 1100


async def test_a_search_that_is_too_complex_is_split_and_the_smaller_size_remembered(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    attio.add_people(marked_people(range(200)))
    attio.max_query_score = 60
    ids, emails = (
        [polar_id(number) for number in range(200)],
        [f"user{number}@example.com" for number in range(200)],
    )

    first = (await client.find(ids=ids, emails=emails)).people
    wire.requests.clear()
    second = (await client.find(ids=ids, emails=emails)).people

    assert len(first) == len(second) == 200
    assert {request.url.path for request in wire.requests} == {"/v2/objects/people/records/query"}
    assert max(map(keys_of, wire.requests)) == 50


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(413, text="<html>Payload Too Large</html>"),
        httpx.Response(400, json={"code": "validation_type", "message": "The request body is too large."}),
    ],
    ids=["413", "400"],
)
async def test_a_search_that_is_too_large_is_split_too(
    client: AttioClient, attio: AttioWorld, wire: Wire, refusal: httpx.Response
) -> None:
    attio.add_people(marked_people(range(2)))
    wire.before = lambda number: refusal if number == 1 else None

    found = (await client.find(ids=[polar_id(0), polar_id(1)], emails=[])).people

    assert len(found) == 2
    assert list(map(keys_of, wire.requests)) == [2, 1, 1]


async def test_throttling_that_does_not_end_is_met_once_with_simple_searches(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    attio.add_people(marked_people(range(100)))
    too_many = {"code": "rate_limit_exceeded", "message": "Score exceeded."}
    wire.before = lambda number: httpx.Response(429, json=too_many) if keys_of(wire.requests[-1]) > 50 else None

    found = (await client.find(ids=[polar_id(number) for number in range(100)], emails=[])).people

    assert len(found) == 100


async def test_plain_throttling_of_a_simple_search_is_not_split(client: AttioClient, wire: Wire) -> None:
    wire.before = lambda _: httpx.Response(429, json={"code": "rate_limit_exceeded", "message": "try again later"})

    with pytest.raises(UnavailableError, match="throttling"):
        await client.find(ids=[polar_id(1), polar_id(2)], emails=[])

    assert set(map(keys_of, wire.requests)) == {2}


async def test_a_search_for_one_that_is_still_too_complex_says_so(client: AttioClient, attio: AttioWorld) -> None:
    attio.max_query_score = 0

    with pytest.raises(UnavailableError, match="even the search for one customer"):
        await client.find(ids=[polar_id(1), polar_id(2)], emails=["a@example.com"])


@pytest.mark.parametrize(
    "weird",
    [None, 7, "record", [], {}, {"id": None}, {"id": {"record_id": 7}}, {"id": {"record_id": "r"}, "values": 7}],
)
async def test_a_record_that_cannot_be_decoded_costs_itself(
    client: AttioClient, wire: Wire, weird: object, caplog: pytest.LogCaptureFixture
) -> None:
    sound = {"id": {"record_id": "r-1"}, "values": {"email_addresses": [{"email_address": "ada@example.com"}]}}
    wire.before = lambda _: httpx.Response(200, json={"data": [weird, sound, weird]})

    found = await client.find(ids=[], emails=["ada@example.com"])

    assert [person.record_id for person in found.people] == ["r-1"]
    assert [person.record_id for person in await everybody(client)] == ["r-1"]
    assert "cannot be read and is left out" in caplog.text
    assert "@" not in caplog.text


async def test_an_address_held_in_the_other_spelling_is_found(client: AttioClient, wire: Wire) -> None:
    def answer(_: int) -> httpx.Response:
        sent: dict[str, Any] = json.loads(wire.requests[-1].read())
        held = {"email_addresses": {"email_address": {"$eq": "ada@bücher.de"}}} in sent["filter"]["$or"]
        values = {"email_addresses": [{"email_address": "ada@bücher.de"}]}
        return httpx.Response(200, json={"data": [{"id": {"record_id": "r-1"}, "values": values}] if held else []})

    wire.before = answer

    found = await client.find(ids=[], emails=["ada@xn--bcher-kva.de"])
    assert [person.record_id for person in found.people] == ["r-1"]

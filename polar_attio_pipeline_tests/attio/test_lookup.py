import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx
import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.attio.spellings import address_spellings
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


async def test_everybody_who_is_marked_or_holds_an_id_is_read_and_nobody_else(
    client: AttioClient, attio: AttioWorld
) -> None:
    marked = attio.add_person(emails=["marked@example.com"], values={"polar_customer": True})
    with_id = attio.add_person(emails=["id@example.com"], values={"polar_customer_id": polar_id(1)})
    attio.add_person(emails=["unmarked@example.com"], values={"polar_customer": False})
    attio.add_person(emails=["other@example.com"])

    assert {person.record_id for person in await everybody(client)} == {marked, with_id}


async def test_a_book_of_several_pages_is_read_whole_each_person_once(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    ids = attio.add_people(marked_people(range(1200)), companies=False)

    people = await everybody(client)

    assert [person.record_id for person in people] == ids
    assert len(wire.requests) == 3


async def test_a_book_that_ends_with_a_page_is_read_whole(client: AttioClient, attio: AttioWorld) -> None:
    attio.add_people(marked_people(range(500)), companies=False)

    assert len(await everybody(client)) == 500


async def test_an_empty_book_is_one_request(client: AttioClient, wire: Wire) -> None:
    assert await everybody(client) == []
    assert len(wire.requests) == 1


async def test_nobody_is_skipped_when_records_vanish_from_what_was_already_read(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    ids = attio.add_people(marked_people(range(1200)), companies=False)

    def delete_some(number: int) -> None:
        if number in (2, 3):
            for record_id in ids[(number - 2) * 40 : (number - 1) * 40]:
                attio.delete(record_id)

    wire.before = delete_some

    people = await everybody(client)

    assert {person.record_id for person in people} == set(ids)


async def test_an_attio_that_orders_people_anew_each_time_is_given_up(client: AttioClient, wire: Wire) -> None:
    page = 0

    def anew(_: int) -> httpx.Response:
        nonlocal page
        page += 1
        ids = [{"record_id": f"{page}-{number}"} for number in range(500)]
        return httpx.Response(200, json={"data": [{"id": each, "values": {}} for each in ids]})

    wire.before = anew

    with pytest.raises(UnavailableError, match="in another order each time"):
        await everybody(client)

    assert len(wire.requests) <= 24


async def test_an_attio_that_goes_back_for_ever_is_given_up(client: AttioClient, wire: Wire) -> None:
    def always_the_first_page(_: int) -> httpx.Response:
        offset = json.loads(wire.requests[-1].read()).get("offset", 0)
        ids = [{"record_id": f"{bool(offset)}-{number}-{offset and len(wire.requests)}"} for number in range(500)]
        return httpx.Response(200, json={"data": [{"id": each, "values": {}} for each in ids]})

    wire.before = always_the_first_page

    with pytest.raises(UnavailableError, match="no more than 500 could be read"):
        await everybody(client)

    assert len(wire.requests) <= 24


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


async def test_reading_ends_when_everybody_vanishes_while_it_goes_on(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    ids = attio.add_people(marked_people(range(600)), companies=False)

    def delete_all(number: int) -> None:
        if number == 2:
            for record_id in ids:
                attio.delete(record_id)

    wire.before = delete_all

    assert len(await everybody(client)) == 500


async def test_a_marked_search_that_is_too_complex_is_asked_in_two_halves(
    client: AttioClient, attio: AttioWorld
) -> None:
    marked = attio.add_person(emails=["marked@example.com"], values={"polar_customer": True})
    with_id = attio.add_person(emails=["id@example.com"], values={"polar_customer_id": polar_id(1)})
    attio.max_query_score = 3

    assert {person.record_id for person in await everybody(client)} == {marked, with_id}


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("ada@example.com", {"ada@example.com"}),
        ("ada@bücher.example", {"ada@bücher.example", "ada@xn--bcher-kva.example"}),
        ("ada@xn--bcher-kva.example", {"ada@bücher.example", "ada@xn--bcher-kva.example"}),
        ("ada@exa mple.com", {"ada@exa mple.com"}),
        ("no address", {"no address"}),
        ("@example.com", {"@example.com"}),
        ("ada@", {"ada@"}),
    ],
)
def test_an_international_domain_is_looked_for_in_both_spellings(email: str, expected: set[str]) -> None:
    assert set(address_spellings(email)) == expected


async def test_an_address_held_in_the_other_spelling_is_found(client: AttioClient, wire: Wire) -> None:
    def answer(_: int) -> httpx.Response:
        sent: dict[str, Any] = json.loads(wire.requests[-1].read())
        held = {"email_addresses": {"email_address": {"$eq": "ada@bücher.de"}}} in sent["filter"]["$or"]
        values = {"email_addresses": [{"email_address": "ada@bücher.de"}]}
        return httpx.Response(200, json={"data": [{"id": {"record_id": "r-1"}, "values": values}] if held else []})

    wire.before = answer

    found = await client.find(ids=[], emails=["ada@xn--bcher-kva.de"])
    assert [person.record_id for person in found.people] == ["r-1"]

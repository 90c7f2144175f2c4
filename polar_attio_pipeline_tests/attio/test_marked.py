"""Everybody who is marked or holds an id, read page by page while others write."""

import json

import httpx
import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline_tests.attio.conftest import Wire
from polar_attio_pipeline_tests.attio.test_lookup import everybody, marked_people, polar_id


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


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_person_whom_attio_cannot_show_is_left_out_alone(
    client: AttioClient, attio: AttioWorld, wire: Wire, status: int
) -> None:
    ids = attio.add_people(marked_people(range(600)), companies=False)

    def fail(_: int) -> httpx.Response | None:
        asked = json.loads(wire.requests[-1].content)
        start = asked.get("offset", 0)
        return httpx.Response(status) if start <= 333 < start + asked["limit"] and "sorts" in asked else None

    wire.before = fail

    people = await everybody(client)

    assert {person.record_id for person in people} == set(ids) - {ids[333]}


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


async def test_people_that_attio_cannot_show_are_read_around_at_the_cost_of_a_few_requests(
    client: AttioClient, attio: AttioWorld, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    ids = attio.add_people(marked_people(range(1200)), companies=False)
    attio.break_person(ids[700])

    people = await everybody(client)

    assert [person.record_id for person in people] == [*ids[:700], *ids[701:]]
    assert len(wire.requests) <= 3 + 40
    assert f"number 701 of its marked people, oldest first (after record {ids[699]}, before record {ids[701]})" in (
        caplog.text
    )
    assert "@" not in caplog.text


async def test_a_search_that_brings_more_than_a_page_is_not_read_around(client: AttioClient, attio: AttioWorld) -> None:
    copies = attio.add_people(marked_people(range(600)), companies=False)
    for record_id in copies:
        attio.edit_person(record_id, {"polar_customer_id": polar_id(1)})
    attio.break_person(copies[550])

    found = await client.find(ids=[polar_id(1)], emails=[])

    assert (found.people, found.unsearchable) == ([], frozenset({polar_id(1)})), (
        "not said to be found while one is lost"
    )

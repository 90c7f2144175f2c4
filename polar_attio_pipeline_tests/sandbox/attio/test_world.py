from threading import Thread

import pytest

from polar_attio_pipeline.sandbox.attio.errors import AttioError
from polar_attio_pipeline.sandbox.attio.people import NewPerson
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api, StillClock


async def test_what_a_person_types_is_marked_as_theirs(api: Api, world: AttioWorld) -> None:
    record_id = world.add_person(emails=["ada@gmail.com"], name="Ada Lovelace")

    [name] = (await api.record(record_id))["values"]["name"]
    assert (name["first_name"], name["last_name"], name["full_name"]) == ("Ada", "Lovelace", "Ada Lovelace")
    assert name["created_by_actor"] == {"type": "workspace-member", "id": world.member_id}


def test_people_are_shown_newest_first_with_plain_values(world: AttioWorld) -> None:
    world.add_attribute("paying", "checkbox")
    world.add_attribute("tier", "select", options=["Pro"])
    world.add_person(emails=["old@gmail.com"])
    values = {"paying": True, "tier": "Pro", "primary_location": "Berlin, Germany"}
    newest = world.add_person(emails=["a@gmail.com", "b@gmail.com"], name="Ada", values=values)

    [shown] = world.people(limit=1)

    assert shown == world.person(newest)
    assert (shown.name, shown.emails) == ("Ada", ("a@gmail.com", "b@gmail.com"))
    assert (shown.values["paying"], shown.values["tier"]) == (True, "Pro")
    assert shown.values["primary_location"] == "Berlin, Germany"
    assert "job_title" not in shown.values
    assert [person.emails for person in world.people(offset=1)] == [("old@gmail.com",)]


def test_history_tells_who_wrote_what_and_when(world: AttioWorld, clock: StillClock) -> None:
    record_id = world.add_person(emails=["a@gmail.com"], values={"job_title": "One"}, actor="api-token")
    clock.advance()
    world.edit_person(record_id, {"job_title": "Two"})
    clock.advance()
    world.clear_value(record_id, "job_title")

    history = world.value_history(record_id, "job_title")

    assert [(value["value"], value["created_by_actor"]["type"]) for value in history] == [
        ("One", "api-token"),
        ("Two", "workspace-member"),
    ]
    assert [value["active_until"][17:19] for value in history] == ["01", "02"]


def test_an_address_that_stays_keeps_its_version(world: AttioWorld, clock: StillClock) -> None:
    record_id = world.add_person(emails=["a@gmail.com", "b@gmail.com"])
    clock.advance()
    world.edit_person(record_id, {"email_addresses": ["b@gmail.com"]})

    kept = [value for value in world.value_history(record_id, "email_addresses") if value["active_until"] is None]

    assert [(value["email_address"], value["active_from"][17:19]) for value in kept] == [("b@gmail.com", "00")]


def test_people_cannot_do_what_the_api_would_refuse(world: AttioWorld) -> None:
    record_id = world.add_person(emails=["a@gmail.com"])

    with pytest.raises(AttioError, match="uniqueness"):
        world.add_person(emails=["A@gmail.com"])
    with pytest.raises(AttioError, match="job_title"):
        world.edit_person(record_id, {"job_title": None})
    assert world.people_count() == 1


def test_what_people_do_is_not_counted_as_a_write_of_the_api(world: AttioWorld) -> None:
    ids = [world.add_person(emails=[email]) for email in ("a@gmail.com", "b@gmail.com", "c@gmail.com")]
    world.edit_person(ids[0], {"job_title": "x"})
    world.delete(world.merge(ids[0], ids[1]))

    assert world.writes == 0
    assert [person.id for person in world.people()] == [ids[2]]


async def test_refused_writes_are_not_counted(api: Api, world: AttioWorld) -> None:
    await api.create({"email_addresses": ["a@gmail.com"]})
    await api.create({"email_addresses": ["a@gmail.com"]})
    await api.upsert({"email_addresses": ["a@gmail.com"]})

    assert world.writes == 2


def test_a_book_is_loaded_in_order_and_may_be_without_companies(world: AttioWorld) -> None:
    ids = world.add_people([NewPerson([f"p{n}@acme.com"], f"P {n}") for n in range(50)], companies=False)

    assert [person.id for person in world.people()] == ids[::-1]
    assert world.store.count() == 50


def test_a_seed_makes_ids_repeatable(clock: StillClock) -> None:
    worlds = [AttioWorld(clock, seed=seed) for seed in (1, 1, 2, None)]
    ids = [world.add_person(emails=["a@gmail.com"]) for world in worlds]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_another_thread_waits_for_a_running_request(world: AttioWorld) -> None:
    added: list[str] = []
    other = Thread(target=lambda: added.append(world.add_person(emails=["a@gmail.com"])))

    with world.lock:
        other.start()
        assert world.people_count() == 0
    other.join(timeout=10)

    assert [person.id for person in world.people()] == added

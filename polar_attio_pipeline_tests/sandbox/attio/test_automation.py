from datetime import timedelta

import pytest

from polar_attio_pipeline.sandbox.attio.people import NewPerson
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api, StillClock

EMAIL = "email_addresses"


async def company_of(api: Api, person_id: str) -> tuple[str, str] | None:
    """Return a person's company, by domain, and the type of actor that wrote it."""
    values = (await api.record(person_id))["values"]["company"]
    if not values:
        return None
    company = await api.record(values[0]["target_record_id"], "companies")
    return company["values"]["domains"][0]["domain"], values[0]["created_by_actor"]["type"]


def id_of(answer: object) -> str:
    return str(answer.json()["data"]["id"]["record_id"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("email", ["ada@acme.com", "ada@mail.acme.com", "ada@ACME.com"])
async def test_a_new_person_gets_the_company_of_its_domain_from_the_system(api: Api, email: str) -> None:
    person = id_of(await api.create({EMAIL: [email]}))

    assert await company_of(api, person) == ("acme.com", "system")


async def test_the_answer_to_the_write_does_not_show_it_yet(api: Api) -> None:
    assert (await api.create({EMAIL: ["ada@acme.com"]})).json()["data"]["values"]["company"] == []


async def test_people_of_one_domain_share_a_company_which_lists_them(api: Api) -> None:
    people = [id_of(await api.create({EMAIL: [f"{name}@acme.com"]})) for name in ("ada", "grace")]

    [company] = await api.found({}, "companies")
    team = (await api.record(company, "companies"))["values"]["team"]
    assert [member["target_record_id"] for member in team] == people


async def test_free_mail_makes_no_company(api: Api) -> None:
    person = id_of(await api.create({EMAIL: ["ada@gmail.com"]}))

    assert await company_of(api, person) is None
    assert await api.found({}, "companies") == set()


async def test_a_second_address_moves_the_person_to_its_company_63_ms_after_the_answer(
    api: Api, world: AttioWorld, clock: StillClock
) -> None:
    person = world.add_person(emails=["ada@acme.com"])

    answer = await api.patch(person, {EMAIL: ["ada@zeta.com"]})

    assert [value["target_record_id"] for value in answer.json()["data"]["values"]["company"]] == [
        (await api.record(person))["values"]["company"][0]["target_record_id"]
    ]
    clock.advance(0.062)
    assert await company_of(api, person) == ("acme.com", "system")
    clock.advance(0.001)
    assert await company_of(api, person) == ("zeta.com", "system")


@pytest.mark.parametrize("look", ["get", "query", "companies", "page"])
async def test_it_shows_to_whoever_looks_next_as_of_the_time_at_which_it_happened(
    api: Api, world: AttioWorld, clock: StillClock, look: str
) -> None:
    person = world.add_person(emails=["ada@acme.com"])
    await api.patch(person, {EMAIL: ["ada@zeta.com"]})
    clock.advance(3600)

    if look == "get":
        company = (await api.record(person))["values"]["company"][0]["target_record_id"]
    elif look == "query":
        [shown] = (await api.query(filter={EMAIL: "ada@zeta.com"})).json()["data"]
        company = shown["values"]["company"][0]["target_record_id"]
    elif look == "companies":
        [company] = await api.found({"domains": "zeta.com"}, "companies")
    else:
        company = world.person(person).values["company"]

    held, moved = world.value_history(person, "company")
    assert moved["target_record_id"] == company
    assert moved["active_from"] == held["active_until"] == "2026-11-03T12:00:00.313000000Z"


async def test_without_a_delay_it_is_there_as_soon_as_the_answer_is_out(api: Api, world: AttioWorld) -> None:
    world.records.company_delay = timedelta(0)
    person = world.add_person(emails=["ada@acme.com"])

    answer = await api.patch(person, {EMAIL: ["ada@zeta.com"]})

    [in_answer] = answer.json()["data"]["values"]["company"]
    [company] = await api.found({"domains": "acme.com"}, "companies")
    assert in_answer["target_record_id"] == company
    assert await company_of(api, person) == ("zeta.com", "system")


async def test_it_replaces_a_company_that_somebody_typed_before_but_not_one_typed_after(
    api: Api, world: AttioWorld, clock: StillClock
) -> None:
    await api.create({"domains": ["typed.com"]}, "companies")
    before = world.add_person(emails=["ada@acme.com"], values={"company": "typed.com"})
    after = world.add_person(emails=["bob@acme.com"])
    assert await company_of(api, before) == ("typed.com", "workspace-member")

    for person, email in ((before, "ada@zeta.com"), (after, "bob@zeta.com")):
        await api.patch(person, {EMAIL: [email]})
    clock.advance(0.1)
    world.edit_person(after, {"company": "typed.com"})

    assert await company_of(api, before) == ("zeta.com", "system")
    assert await company_of(api, after) == ("typed.com", "workspace-member")


async def test_a_company_written_with_the_second_address_is_replaced_too(
    api: Api, world: AttioWorld, clock: StillClock
) -> None:
    await api.create({"domains": ["other.com"]}, "companies")
    person = world.add_person(emails=["ada@acme.com"])

    await api.patch(person, {EMAIL: ["ada@zeta.com"], "company": "other.com"})

    assert await company_of(api, person) == ("other.com", "api-token")
    clock.advance(0.063)
    assert await company_of(api, person) == ("zeta.com", "system")


async def test_two_addresses_that_join_one_after_the_other_move_it_twice(
    api: Api, world: AttioWorld, clock: StillClock
) -> None:
    person = world.add_person(emails=["ada@gmail.com"])
    for domain in ("acme.com", "zeta.com"):
        await api.patch(person, {EMAIL: [f"ada@{domain}"]})
        clock.advance(0.05)
    clock.advance(1)

    assert await company_of(api, person) == ("zeta.com", "system")
    assert len(world.value_history(person, "company")) == 2


@pytest.mark.parametrize("fate", ["deleted", "merged"])
async def test_of_a_person_who_is_gone_by_then_nothing_comes(
    api: Api, world: AttioWorld, clock: StillClock, fate: str
) -> None:
    person, other = world.add_person(emails=["ada@gmail.com"]), world.add_person(emails=["bob@gmail.com"])
    await api.patch(person, {EMAIL: ["ada@zeta.com"]})
    if fate == "deleted":
        world.delete(person)
    else:
        world.merge(other, person)
    clock.advance(1)

    assert await api.found({}, "companies") == set()


async def test_a_refused_write_does_not_stop_what_another_led_to(
    api: Api, world: AttioWorld, clock: StillClock
) -> None:
    person = world.add_person(emails=["ada@acme.com"])
    await api.patch(person, {EMAIL: ["ada@zeta.com"]})
    assert (await api.patch(person, {EMAIL: ["ada@home.org"], "job_title": None})).status_code == 400
    world.add_people([NewPerson(["bob@other.com"])], companies=False)
    clock.advance(1)

    assert await company_of(api, person) == ("zeta.com", "system")
    assert await api.found({"domains": "other.com"}, "companies") == set()


async def test_an_address_that_was_there_moves_nobody(api: Api, world: AttioWorld) -> None:
    person = world.add_person(emails=["ada@acme.com"])
    await api.create({"domains": ["other.com"]}, "companies")
    await api.patch(person, {"company": "other.com"})

    await api.upsert({EMAIL: ["ADA@acme.com"]})

    assert await company_of(api, person) == ("other.com", "api-token")


async def test_a_company_that_is_written_takes_precedence(api: Api) -> None:
    await api.create({"domains": ["other.com"]}, "companies")

    person = id_of(await api.create({EMAIL: ["ada@acme.com"], "company": "other.com"}))

    assert await company_of(api, person) == ("other.com", "api-token")


async def test_a_refused_write_leads_to_nothing(api: Api, world: AttioWorld) -> None:
    await api.create({EMAIL: ["ada@acme.com"], "job_title": None})
    await api.create({})

    assert await api.found({}, "companies") == set()


async def test_a_team_is_written_through_to_its_people(api: Api, world: AttioWorld) -> None:
    ada, grace = (world.add_person(emails=[f"{name}@gmail.com"]) for name in ("ada", "grace"))
    company = id_of(await api.create({"domains": ["acme.com"], "team": ["ada@gmail.com"]}, "companies"))
    path = f"/v2/objects/companies/records/{company}"

    assert (await company_of(api, ada), await company_of(api, grace)) == (("acme.com", "api-token"), None)

    await api.http.put(path, json={"data": {"values": {"team": ["grace@gmail.com"]}}})

    assert (await company_of(api, ada), await company_of(api, grace)) == (None, ("acme.com", "api-token"))


async def test_a_merged_company_keeps_its_people_and_a_deleted_one_lets_them_go(api: Api, world: AttioWorld) -> None:
    ada, grace = world.add_person(emails=["ada@acme.com"]), world.add_person(emails=["grace@zeta.com"])
    [acme] = await api.found({"domains": "acme.com"}, "companies")
    [zeta] = await api.found({"domains": "zeta.com"}, "companies")

    answer = await api.http.post(
        "/v2/objects/companies/records/merge",
        json={"data": {"primary_record_id": acme, "secondary_record_id": zeta}},
    )
    merged = answer.json()["data"]["new_record_id"]
    assert await api.found({"company": {"target_record_id": merged}}) == {ada, grace}

    await api.http.delete(f"/v2/objects/companies/records/{merged}")
    assert await company_of(api, ada) is None


async def test_enrichment_may_write_what_nobody_else_may(api: Api, world: AttioWorld) -> None:
    person = world.add_person(emails=["ada@gmail.com"])

    world.edit_person(person, {"avatar_url": "https://img", "job_title": "Countess"}, actor="system")

    values = (await api.record(person))["values"]
    assert values["avatar_url"][0]["value"] == "https://img"
    assert values["job_title"][0]["created_by_actor"] == {"type": "system", "id": None}

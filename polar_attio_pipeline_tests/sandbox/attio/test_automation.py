import pytest

from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline_tests.sandbox.attio.conftest import Api

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


async def test_a_second_address_moves_the_person_to_its_company(api: Api, world: AttioWorld) -> None:
    person = world.add_person(emails=["ada@acme.com"])

    await api.patch(person, {EMAIL: ["ada@zeta.com"]})

    assert await company_of(api, person) == ("zeta.com", "system")


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

"""Another object than people takes a declaration and nothing else: companies, matched on their domains."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from polar_attio_pipeline.attio.attributes import Workspace, discover
from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.attio.models import AttioRecord
from polar_attio_pipeline.attio.objects import AttioObject, Matching
from polar_attio_pipeline.attio.records import MatchTakenError, Records
from polar_attio_pipeline.attio.setup import Done, set_up
from polar_attio_pipeline.attio.spellings import domain_spellings
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.mapping import Attribute, Policy
from polar_attio_pipeline.sync.ports import RecordGoneError
from polar_attio_pipeline.sync.records import Value, ValueType
from polar_attio_pipeline_tests.attio.conftest import Wire

TEAM = "0b1c77ca-9b81-47ba-8d2e-490c74901031"


def attribute(key: str, value_type: ValueType, *, required: bool = False, standard: bool = False) -> Attribute[Any]:
    return Attribute(
        key=key,
        title=key.replace("_", " ").capitalize(),
        description="Kept by the Polar to Attio sync.",
        types=(value_type,),
        policy=Policy.UNLESS_TYPED,
        source="A team.",
        value=lambda team: team,
        required=required,
        standard=standard,
    )


COMPANIES = AttioObject(
    slug="companies",
    title="Companies",
    noun="company",
    matching=Matching(slug="domains", field="domain", spellings=domain_spellings),
    attributes=(
        attribute("polar_customer", ValueType.CHECKBOX, required=True),
        attribute("polar_team_id", ValueType.TEXT, required=True),
        attribute("name", ValueType.TEXT, standard=True),
    ),
    id_key="polar_team_id",
    mark_key="polar_customer",
    slug_setting="ATTIO_COMPANY_SLUG__",
)
SLUGS = {one.key: one.key for one in COMPANIES.attributes}


def companies_of(api: ApiClient, workspace: Workspace) -> Records[AttioRecord]:
    return Records(api, workspace, lambda read, _: read)


@pytest.fixture
async def companies(attio: AttioWorld, api: ApiClient, wire: Wire) -> AsyncIterator[Records[AttioRecord]]:
    """The companies of a workspace that was set up for them."""
    await set_up(api, COMPANIES, SLUGS)
    companies = companies_of(api, await discover(api, COMPANIES, SLUGS))
    wire.requests.clear()
    yield companies
    assert all(request.url.path.startswith("/v2/objects/companies/") for request in wire.requests)


async def marked(companies: Records[AttioRecord]) -> list[AttioRecord]:
    return [company async for page in companies.marked() for company in page]


async def test_its_attributes_are_created_and_then_discovered(attio: AttioWorld, api: ApiClient) -> None:
    steps = await set_up(api, COMPANIES, SLUGS)
    workspace = await discover(api, COMPANIES, SLUGS)

    assert [(step.slug, step.done) for step in steps] == [
        ("polar_customer", Done.CREATED),
        ("polar_team_id", Done.CREATED),
    ]
    assert {target.attribute.key for target in workspace.targets} == set(SLUGS)
    assert workspace.problems == ()
    assert "polar_team_id" not in {one.slug for one in attio.people_type.attributes}


async def test_what_is_wrong_names_the_object_and_its_own_setting(attio: AttioWorld, api: ApiClient) -> None:
    attio.add_attribute("polar_customer", "text", object_slug="companies")

    with pytest.raises(ConfigurationError) as caught:
        await discover(api, COMPANIES, SLUGS)

    assert str(caught.value) == (
        "Attio's Companies attribute polar_customer is of type text, not checkbox: set "
        "ATTIO_COMPANY_SLUG__POLAR_CUSTOMER to another slug, which `polar-attio setup` then creates. "
        "Attio has no Companies attribute polar_team_id: run `polar-attio setup`, or set "
        "ATTIO_COMPANY_SLUG__POLAR_TEAM_ID to the slug that it has."
    )


async def test_an_object_that_the_workspace_has_not_is_said_so(api: ApiClient) -> None:
    users = AttioObject(
        slug="users",
        title="Users",
        noun="user",
        matching=COMPANIES.matching,
        attributes=COMPANIES.attributes,
        id_key="polar_team_id",
        mark_key="polar_customer",
        slug_setting="ATTIO_USER_SLUG__",
    )

    with pytest.raises(FatalError, match="Attio has no such object") as caught:
        await discover(api, users, SLUGS)

    assert "/v2/objects/users/attributes" in str(caught.value)


async def test_a_company_is_created_and_found_by_its_domain_by_its_id_and_among_the_marked(
    companies: Records[AttioRecord],
) -> None:
    values: dict[str, Value] = {"polar_customer": True, "polar_team_id": TEAM, "name": "Acme"}

    created = await companies.create(values, match="Acme.com")

    assert created.matches == ("acme.com",)
    assert {key: current.value for key, current in created.values.items()} == values
    assert created.url.endswith(f"/company/{created.record_id}")
    by_domain = await companies.find(ids=[], matches=["acme.com"])
    by_id = await companies.find(ids=[TEAM], matches=[])
    by_record = await companies.find(ids=[], matches=[], records=[created.record_id])
    assert by_domain.records == by_id.records == by_record.records == await marked(companies) == [created]


async def test_a_company_that_attio_made_for_a_persons_address_is_found_and_updated_and_keeps_its_domain(
    companies: Records[AttioRecord], attio: AttioWorld
) -> None:
    attio.add_person(emails=["ada@acme.com"])

    (found,) = (await companies.find(ids=[TEAM], matches=["acme.com"])).records
    updated = await companies.update(found.record_id, {"polar_team_id": TEAM}, add_match="acme.org")

    assert set(updated.matches) == {"acme.com", "acme.org"}
    assert updated.values["polar_team_id"].value == TEAM
    assert await marked(companies) == [updated]


async def test_creating_one_whose_domain_is_taken_writes_nothing(
    companies: Records[AttioRecord], attio: AttioWorld
) -> None:
    attio.add_person(emails=["ada@acme.com"])

    with pytest.raises(MatchTakenError):
        await companies.create({"polar_team_id": TEAM}, match="acme.com")

    assert await marked(companies) == []


async def test_an_international_domain_is_found_in_the_other_spelling(companies: Records[AttioRecord]) -> None:
    created = await companies.create({"polar_team_id": TEAM}, match="xn--bcher-kva.de")

    assert (await companies.find(ids=[], matches=["b\u00fccher.de"])).records == [created]


async def test_a_company_that_is_no_more_is_gone(companies: Records[AttioRecord]) -> None:
    with pytest.raises(RecordGoneError):
        await companies.update(TEAM, {"name": "Acme"})

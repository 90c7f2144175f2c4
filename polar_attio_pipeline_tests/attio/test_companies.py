"""The companies of a workspace: found by domain or mark, created, updated, and given to people."""

import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.attio.companies import COMPANIES, AttioCompanies, as_company
from polar_attio_pipeline.attio.models import decode_record
from polar_attio_pipeline.attio.setup import set_up
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.companies.attributes import COMPANY_BY_KEY
from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.companies.ports import DomainTakenError
from polar_attio_pipeline.sync.ports import RecordGoneError, RecordRefusedError, UnavailableError
from polar_attio_pipeline.sync.records import Values
from polar_attio_pipeline_tests.attio.conftest import SLUGS
from polar_attio_pipeline_tests.fixtures.answers import of_attio

COMPANY_SLUGS = {key: key for key in COMPANY_BY_KEY}
MARKED: Values = {"polar_customer": True}
NO_RECORD = "0b1c77ca-9b81-47ba-8d2e-490c74901031"


@pytest.fixture
async def companies(api: ApiClient) -> AttioCompanies:
    """The companies of a workspace that was set up for them."""
    await set_up(api, COMPANIES, COMPANY_SLUGS)
    return await AttioCompanies.connect(api, COMPANY_SLUGS)


def company_of(record: object) -> CompanyRecord:
    return as_company(decode_record(record, attio_object=COMPANIES, targets=(), slugs={}), record)


async def marked(companies: AttioCompanies) -> list[CompanyRecord]:
    return [company async for page in companies.marked() for company in page]


async def test_a_company_is_found_by_its_domain_by_its_record_and_once_it_is_marked(
    companies: AttioCompanies, attio: AttioWorld
) -> None:
    attio.add_person(emails=["ada@acme.com", "bob@globex.com"])

    (found,) = (await companies.find(domains=["acme.com"])).companies
    assert (await companies.find(domains=[], records=[found.record_id])).companies == [found]
    assert found.domains == ("acme.com",)
    assert found.url.endswith(f"/company/{found.record_id}")
    assert await marked(companies) == []

    updated = await companies.update(found.record_id, MARKED)
    assert await marked(companies) == [updated]


async def test_a_created_company_holds_its_domain_in_the_spelling_that_is_compared(companies: AttioCompanies) -> None:
    created = await companies.create(MARKED, domain="xn--bcher-kva.de")

    assert created.domains == ("xn--bcher-kva.de",)
    assert (await companies.find(domains=["xn--bcher-kva.de"])).companies == [created]


def test_a_domain_in_its_own_script_is_read_in_the_spelling_that_is_compared() -> None:
    record = {"id": {"record_id": "r1"}, "values": {"domains": [{"domain": "B\u00fccher.de"}]}}

    assert company_of(record).domains == ("xn--bcher-kva.de",)


def test_the_recorded_companies_of_a_real_workspace_are_read_with_their_domains() -> None:
    rows = of_attio("companies_query_limit5").body["data"]

    read = [company_of(row) for row in rows]

    assert [company.record_id for company in read] == [row["id"]["record_id"] for row in rows]
    assert all(len(company.domains) == 1 for company in read)


async def test_a_domain_that_is_taken_is_said_so(companies: AttioCompanies, attio: AttioWorld) -> None:
    attio.add_person(emails=["ada@acme.com"])

    with pytest.raises(DomainTakenError) as caught:
        await companies.create(MARKED, domain="acme.com")

    assert not caught.value.perhaps_ours


async def test_one_that_a_lost_answer_may_have_created_is_said_so(companies: AttioCompanies, sandbox: Sandbox) -> None:
    sandbox.faults.add(
        Fault(kind=Kind.LOST_ANSWER, service="attio", method="POST", path=COMPANIES.records_path, times=1)
    )

    with pytest.raises(DomainTakenError) as caught:
        await companies.create(MARKED, domain="acme.com")

    assert caught.value.perhaps_ours


async def test_a_company_that_is_no_more_is_gone(companies: AttioCompanies) -> None:
    with pytest.raises(RecordGoneError):
        await companies.update(NO_RECORD, MARKED)


async def test_a_search_that_fails_is_no_domains_fault_and_says_so(companies: AttioCompanies, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", path=f"{COMPANIES.records_path}/query", status=500))

    with pytest.raises(UnavailableError):
        await companies.find(domains=["acme.com"])


async def test_a_domain_for_which_searches_fail_costs_that_domain(
    companies: AttioCompanies, attio: AttioWorld, sandbox: Sandbox
) -> None:
    attio.add_person(emails=["ada@acme.com"])
    sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", path="*/query", status=500, contains="bad.com"))

    found = await companies.find(domains=["acme.com", "bad.com", "c.com", "d.com"])

    assert [company.domains for company in found.companies] == [("acme.com",)]
    assert found.unsearchable == {"bad.com"}


async def test_a_person_is_given_a_company(companies: AttioCompanies, api: ApiClient, mapped: AttioWorld) -> None:
    people = await AttioClient.connect(api, SLUGS)
    person = mapped.add_person(emails=["ada@gmail.com"], name="Ada Lovelace")
    company = await companies.create(MARKED, domain="acme.com")

    await people.link(person, company.record_id)

    values = mapped.person(person).values
    assert (values["company"], values["name"]) == (company.record_id, "Ada Lovelace")
    with pytest.raises(RecordRefusedError):
        await people.link(person, NO_RECORD)
    with pytest.raises(RecordGoneError):
        await people.link(NO_RECORD, company.record_id)

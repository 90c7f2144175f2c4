"""The asset of companies: when it is there, what it shows, and what it warns of."""

from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline.defs.build import build
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline.sync.companies.attributes import COMPANY_ATTRIBUTES
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.conftest import Pipeline, what_failed

COMPANIES = dg.AssetKey("attio_companies")
JOB = "company_sync"
RECORDS = "/v2/objects/companies/records"


@pytest.fixture
def companies(pipeline: Pipeline) -> Pipeline:
    """A pipeline that keeps companies, in a workspace that was set up for it."""
    add_attributes(pipeline.sandbox.attio, COMPANY_ATTRIBUTES, object_slug="companies")
    pipeline.configure(polar_attio_companies=True)
    return pipeline


def shown(pipeline: Pipeline) -> dict[str, Any]:
    return pipeline.recorded(COMPANIES)[""]


def the_check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (check,) = (one for one in result.get_asset_check_evaluations() if one.asset_key == COMPANIES)
    return check


def job_of(defs: dg.Definitions, name: str) -> set[dg.AssetKey]:
    return set(defs.resolve_job_def(name).asset_layer.executable_asset_keys)


@pytest.mark.parametrize("prefix", ["", "left"])
def test_it_is_there_only_where_the_setting_is_on(prefix: str, clean_environment: None) -> None:
    key = dg.AssetKey(["left", "attio_companies"] if prefix else "attio_companies")
    before = "left_" if prefix else ""

    off, on = (build(Settings(polar_attio_companies=is_on), prefix=prefix) for is_on in (False, True))

    assert key not in off.resolve_asset_graph().get_all_asset_keys()
    assert job_of(on, f"{before}company_sync") == {key}
    assert key not in job_of(on, f"{before}full_reconciliation")
    node = on.resolve_asset_graph().get(key)
    assert node.pools == {"left_attio" if prefix else "attio"}
    assert node.group_name == ("left_polar_to_attio" if prefix else "polar_to_attio")
    dg.Definitions.validate_loadable(on)


def test_two_pipelines_that_keep_companies_fit_into_one_code_location(clean_environment: None) -> None:
    both = [build(Settings(polar_attio_companies=True), prefix=prefix) for prefix in ("left", "right")]

    dg.Definitions.validate_loadable(dg.Definitions.merge(*both))


def test_it_shows_numbers_and_links(companies: Pipeline) -> None:
    companies.add("ada", email="ada@acme.com")
    companies.add("bob", email="bob@acme.com")
    companies.add("joe", email="joe@gmail.com")

    companies.reconcile()

    result = companies.run(JOB)

    numbers = shown(companies)
    assert (numbers["companies"], numbers["updated"], numbers["customers of companies"]) == (1, 1, 2)
    assert numbers["customers without a company"] == 1
    assert "| updated | acme.com | [open](https://app.attio.com/sandbox/company/" in numbers["outcomes"]
    assert the_check(result).passed
    before = companies.writes

    companies.reconcile()
    companies.run(JOB)

    assert companies.writes == before
    assert shown(companies)["unchanged"] == 1
    passes = companies.ledger._database
    with passes.reading() as connection:
        kinds = connection.exec_driver_sql("SELECT kind FROM passes ORDER BY began_at").scalars().all()
    assert kinds == ["reconciliation", "companies"] * 2


def test_a_company_that_cannot_be_written_turns_the_check_amber_and_is_named(companies: Pipeline) -> None:
    companies.add("ada", email="ada@acme.com")
    companies.add("bob", email="bob@globex.com")
    companies.sandbox.attio.refuse_values("polar_customer_count")
    companies.reconcile()

    result = companies.run(JOB)

    check = the_check(result)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "2 companies could not be written, or not wholly" in (check.description or "")
    assert "acme.com" in (check.description or "")
    assert shown(companies)["updated"] == 2


@pytest.mark.usefixtures("impatient")
def test_a_person_who_cannot_be_linked_turns_the_check_amber_and_is_named_by_its_customer(companies: Pipeline) -> None:
    ada = companies.add("ada", email="ada@acme.com")
    companies.reconcile()
    companies.run(JOB)
    (person,) = companies.sandbox.attio.people()
    companies.sandbox.attio.clear_value(person.id, "company")
    companies.sandbox.faults.add(
        Fault(kind=Kind.STATUS, service="attio", path=f"/v2/objects/people/records/{person.id}", status=500)
    )

    check = the_check(companies.run(JOB))

    assert not check.passed
    said = check.description or ""
    assert "1 people could not be linked:" in said
    assert f"| [{ada.id[:8]}](" in said


def test_a_workspace_without_the_attributes_fails_this_run_alone_with_what_to_do(pipeline: Pipeline) -> None:
    pipeline.add("ada", email="ada@acme.com")
    pipeline.configure(polar_attio_companies=True)
    pipeline.reconcile()

    result = pipeline.run(JOB, fails=True)

    assert "Attio has no Companies attribute polar_customer: run `polar-attio setup`" in what_failed(result)


@pytest.mark.usefixtures("impatient")
def test_an_attio_that_fails_meanwhile_ends_it_with_one_sentence(companies: Pipeline) -> None:
    companies.add("ada", email="ada@acme.com")
    companies.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", path=f"{RECORDS}/query", status=503))

    result = companies.run(JOB, fails=True)

    assert "Attio" in what_failed(result)
    assert COMPANIES not in {event.asset_key for event in result.get_asset_materialization_events()}


def test_settings_of_companies_reach_the_pass(companies: Pipeline) -> None:
    companies.sandbox.attio.add_attribute("mrr", "currency", object_slug="companies")
    companies.configure(attio_company_slug={"polar_mrr": "mrr"}, polar_attio_company_deny="globex.com")
    companies.add("ada", email="ada@acme.com")
    companies.add("bob", email="bob@mail.globex.com")

    companies.reconcile()
    companies.run(JOB)

    assert shown(companies)["companies"] == 1
    world = companies.sandbox.attio
    (held,) = world.store.holders(world.companies_type.attribute("domains"), "acme.com")
    values = world.store.record(world.companies_type, held).active
    assert world.companies_type.attribute("mrr") in values
    assert world.companies_type.attribute("polar_mrr") not in values

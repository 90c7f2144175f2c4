import httpx
import pytest

from polar_attio_pipeline.attio.attributes import discover
from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.attio.setup import Done, set_up
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.mapping import ATTRIBUTES
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire, api_over

OURS = [attribute.key for attribute in ATTRIBUTES if not attribute.standard]


async def test_a_fresh_workspace_gets_every_attribute_and_is_then_fit_for_the_sync(
    attio: AttioWorld, api: ApiClient
) -> None:
    steps = await set_up(api, PEOPLE, SLUGS)

    assert [(step.slug, step.done) for step in steps] == [(slug, Done.CREATED) for slug in OURS]
    workspace = await discover(api, PEOPLE, SLUGS)
    assert {target.attribute.key for target in workspace.targets} == set(SLUGS)
    assert workspace.definitions["polar_customer_id"].title == "Polar customer ID"


async def test_repeating_it_writes_nothing(attio: AttioWorld, api: ApiClient, wire: Wire) -> None:
    await set_up(api, PEOPLE, SLUGS)
    wire.requests.clear()

    steps = await set_up(api, PEOPLE, SLUGS)

    assert {step.done for step in steps} == {Done.PRESENT}
    assert {request.method for request in wire.requests} == {"GET"}


async def test_an_archived_attribute_is_restored_not_created_anew(mapped: AttioWorld, api: ApiClient) -> None:
    mapped.archive_attribute("polar_country")

    steps = await set_up(api, PEOPLE, SLUGS)

    assert [step.slug for step in steps if step.done is Done.RESTORED] == ["polar_country"]
    assert (await discover(api, PEOPLE, SLUGS)).problems == ()


async def test_a_renamed_attribute_is_created_under_its_name_in_the_workspace(
    attio: AttioWorld, api: ApiClient
) -> None:
    await set_up(api, PEOPLE, {**SLUGS, "polar_country": "land"})

    slugs = {attribute.slug for attribute in attio.people_type.attributes}
    assert "land" in slugs
    assert "polar_country" not in slugs


async def test_an_attribute_of_another_type_is_left_alone_and_said_so(attio: AttioWorld, api: ApiClient) -> None:
    attio.add_attribute("polar_customer", "select")
    attio.archive_attribute("polar_customer")

    steps = await set_up(api, PEOPLE, SLUGS)

    first = steps[0]
    assert (first.slug, first.done) == ("polar_customer", Done.IMPOSSIBLE)
    assert first.problem is not None
    assert "is of type select, not checkbox: set ATTIO_SLUG__POLAR_CUSTOMER" in first.problem
    assert {step.done for step in steps[1:]} == {Done.CREATED}


async def test_an_attribute_that_somebody_created_meanwhile_counts_as_present(
    attio: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    def create_it_first(number: int) -> None:
        if wire.requests[number - 1].method == "POST" and number == 3:
            attio.add_attribute("polar_customer", "checkbox")

    wire.before = create_it_first

    steps = await set_up(api, PEOPLE, SLUGS)

    assert (steps[0].slug, steps[0].done) == ("polar_customer", Done.PRESENT)


async def test_an_attribute_that_attio_refuses_is_reported_and_the_others_are_created(
    attio: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    refusal = {"code": "validation_type", "message": "This slug is reserved."}
    wire.before = lambda number: httpx.Response(400, json=refusal) if number == 3 else None

    steps = await set_up(api, PEOPLE, SLUGS)

    assert (steps[0].done, steps[0].problem) == (
        Done.IMPOSSIBLE,
        "Attio refused the People attribute polar_customer: This slug is reserved.",
    )
    assert {step.done for step in steps[1:]} == {Done.CREATED}


async def test_without_the_scope_to_create_the_missing_scope_is_named_and_nothing_is_written(
    attio: AttioWorld, wire: Wire
) -> None:
    attio.add_token("b" * 64, "record_permission:read-write", "object_configuration:read")

    async with api_over(wire, token="b" * 64) as api:
        with pytest.raises(ConfigurationError, match="lacks the scope object_configuration:read-write"):
            await set_up(api, PEOPLE, SLUGS)

    assert {request.method for request in wire.requests} == {"GET"}


async def test_the_scope_to_create_is_not_asked_for_where_nothing_is_missing(mapped: AttioWorld, wire: Wire) -> None:
    mapped.add_token("b" * 64, "object_configuration:read")

    async with api_over(wire, token="b" * 64) as api:
        steps = await set_up(api, PEOPLE, SLUGS)

    assert {step.done for step in steps} == {Done.PRESENT}

import pytest

from polar_attio_pipeline.attio.attributes import discover, inspect
from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sync.records import ValueType
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire, api_over


async def test_every_attribute_that_the_workspace_has_becomes_a_target(mapped: AttioWorld, api: ApiClient) -> None:
    workspace = await discover(api, PEOPLE, SLUGS)

    assert {target.attribute.key for target in workspace.targets} == set(SLUGS)
    assert workspace.problems == ()


async def test_looking_costs_one_request_about_the_token_and_one_about_the_attributes(
    mapped: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    await discover(api, PEOPLE, SLUGS)

    assert [request.url.path for request in wire.requests] == ["/v2/self", "/v2/objects/people/attributes"]


async def test_more_attributes_than_fit_a_page_are_all_seen(mapped: AttioWorld, api: ApiClient) -> None:
    for number in range(400):
        mapped.add_attribute(f"filler_{number}")

    workspace = await discover(api, PEOPLE, SLUGS)

    assert {f"filler_{number}" for number in range(400)} < set(workspace.definitions)


async def test_an_optional_attribute_that_is_missing_is_just_not_written(attio: AttioWorld, api: ApiClient) -> None:
    attio.add_attribute("polar_customer", "checkbox")
    attio.add_attribute("polar_customer_id")

    workspace = await discover(api, PEOPLE, SLUGS)

    assert {target.attribute.key for target in workspace.targets} == {"polar_customer", "polar_customer_id", "name"}
    assert workspace.problems == ()


async def test_a_workspace_may_keep_a_moment_in_a_date_attribute(attio: AttioWorld, api: ApiClient) -> None:
    attio.add_attribute("polar_customer", "checkbox")
    attio.add_attribute("polar_customer_id")
    attio.add_attribute("polar_customer_since", "date")

    workspace = await discover(api, PEOPLE, SLUGS)

    types = {target.attribute.key: target.type for target in workspace.targets}
    assert types["polar_customer_since"] is ValueType.DATE


async def test_everything_that_is_wrong_is_listed_at_once_each_with_what_to_do(
    attio: AttioWorld, api: ApiClient
) -> None:
    attio.add_attribute("polar_customer", "text")
    attio.add_attribute("land", "number")

    with pytest.raises(ConfigurationError) as caught:
        await discover(api, PEOPLE, {**SLUGS, "polar_country": "land"})

    assert str(caught.value) == (
        "Attio's People attribute polar_customer is of type text, not checkbox: set ATTIO_SLUG__POLAR_CUSTOMER to "
        "another slug, which `polar-attio setup` then creates. "
        "Attio has no People attribute polar_customer_id: run `polar-attio setup`, or set "
        "ATTIO_SLUG__POLAR_CUSTOMER_ID to the slug that it has."
    )


async def test_an_optional_attribute_that_cannot_be_written_is_a_warning(mapped: AttioWorld, api: ApiClient) -> None:
    mapped.archive_attribute("polar_country")
    mapped.add_attribute("kind", "select")

    workspace = await discover(
        api,
        PEOPLE,
        {
            **SLUGS,
            "polar_customer_type": "kind",
            "polar_external_id": "no_such_slug",
            "polar_customer_url": "avatar_url",
        },
    )

    spoilt = {"polar_country", "polar_customer_type", "polar_external_id", "polar_customer_url"}
    assert {target.attribute.key for target in workspace.targets} == set(SLUGS) - spoilt
    assert [(problem.fatal, problem.text.partition(":")[0]) for problem in workspace.problems] == [
        (False, "Attio's People attribute avatar_url is read-only"),
        (False, "Attio has no People attribute no_such_slug"),
        (False, "Attio's People attribute kind is of type select, not text"),
        (False, "Attio's People attribute polar_country is archived"),
    ]


async def test_a_required_attribute_that_is_archived_stops_the_run(mapped: AttioWorld, api: ApiClient) -> None:
    mapped.archive_attribute("polar_customer_id")

    with pytest.raises(ConfigurationError, match="polar_customer_id is archived: run `polar-attio setup`"):
        await discover(api, PEOPLE, SLUGS)


async def test_two_keys_cannot_share_a_slug(mapped: AttioWorld, api: ApiClient) -> None:
    with pytest.raises(ConfigurationError, match="ATTIO_SLUG__POLAR_EXTERNAL_ID is polar_customer_id, which holds"):
        await discover(api, PEOPLE, {**SLUGS, "polar_external_id": "polar_customer_id"})


async def test_an_attribute_of_the_workspace_that_every_new_person_needs_is_a_warning(
    mapped: AttioWorld, api: ApiClient
) -> None:
    mapped.add_attribute("stage", is_required=True)

    workspace = await discover(api, PEOPLE, SLUGS)

    assert [problem.text.partition(",")[0] for problem in workspace.problems] == [
        "Attio requires the People attribute stage"
    ]


async def test_a_revoked_key_is_recognised_although_attio_answers_200(mapped: AttioWorld, api: ApiClient) -> None:
    mapped.tokens[ATTIO_TOKEN].active = False

    with pytest.raises(ConfigurationError, match="Attio knows no active key like ATTIO_API_KEY"):
        await discover(api, PEOPLE, SLUGS)


async def test_a_key_that_was_not_copied_whole_is_refused_in_a_sentence(wire: Wire) -> None:
    async with api_over(wire, token=ATTIO_TOKEN[:-1]) as api:
        with pytest.raises(FatalError, match="Attio does not accept ATTIO_API_KEY") as caught:
            await discover(api, PEOPLE, SLUGS)

    assert ATTIO_TOKEN[:-1] not in str(caught.value)


async def test_missing_scopes_are_named(mapped: AttioWorld, wire: Wire) -> None:
    mapped.add_token("b" * 64, "record_permission:read")

    async with api_over(wire, token="b" * 64) as api:
        with pytest.raises(ConfigurationError) as caught:
            await discover(api, PEOPLE, SLUGS)

    assert "lacks the scope record_permission:read-write" in str(caught.value)
    assert "lacks the scope object_configuration:read:" in str(caught.value)


async def test_inspecting_reports_instead_of_raising(attio: AttioWorld, api: ApiClient) -> None:
    workspace = await inspect(api, PEOPLE, SLUGS)

    assert [problem.fatal for problem in workspace.problems] == [True, True]
    assert [target.attribute.key for target in workspace.targets] == ["name"]

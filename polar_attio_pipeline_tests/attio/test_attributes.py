from dataclasses import replace

import httpx
import pytest

from polar_attio_pipeline.attio.attributes import discover, inspect
from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sync.attributes import ATTRIBUTES, BY_KEY
from polar_attio_pipeline.sync.records import ValueType
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire, api_over
from polar_attio_pipeline_tests.attributes import add_attributes


async def test_every_attribute_that_the_workspace_has_becomes_a_target(mapped: AttioWorld, api: ApiClient) -> None:
    workspace = await discover(api, PEOPLE, SLUGS)

    assert {target.attribute.key for target in workspace.targets} == set(SLUGS)
    assert workspace.problems == ()


async def test_looking_costs_one_request_about_the_token_one_about_the_attributes_and_one_about_each_select(
    mapped: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    await discover(api, PEOPLE, SLUGS)

    attributes = "/v2/objects/people/attributes"
    selects = [f"{attributes}/{attribute.key}/options" for attribute in ATTRIBUTES if attribute.options]
    assert [request.url.path for request in wire.requests] == ["/v2/self", attributes, *selects]


async def test_a_select_that_the_sync_does_not_write_costs_no_request(
    mapped: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    mapped.add_attribute("mood", "select", options=["Good"])
    mapped.archive_attribute("polar_status")

    await discover(api, PEOPLE, SLUGS)

    assert len(wire.requests) == 2


async def test_a_select_may_be_written_with_the_options_that_can_be_chosen(mapped: AttioWorld, api: ApiClient) -> None:
    status = BY_KEY["polar_status"]
    mapped.archive_option("polar_status", "Paused")

    workspace = await discover(api, PEOPLE, SLUGS)

    [target] = [target for target in workspace.targets if target.attribute is status]
    assert target.options == frozenset(status.options) - {"Paused"}
    assert [(problem.fatal, problem.text) for problem in workspace.problems] == [
        (
            False,
            "Attio's People attribute polar_status has no option Paused: run `polar-attio setup`, which adds it.",
        )
    ]


async def test_a_status_may_be_kept_as_text_and_then_needs_no_options(attio: AttioWorld, api: ApiClient) -> None:
    texts = [replace(attribute, types=(attribute.types[-1],)) for attribute in ATTRIBUTES]
    add_attributes(attio, texts)

    workspace = await discover(api, PEOPLE, SLUGS)

    assert {target.type for target in workspace.targets if target.attribute.key == "polar_status"} == {ValueType.TEXT}
    assert workspace.problems == ()


async def test_a_select_whose_options_cannot_be_listed_is_not_written_and_spoils_nothing_else(
    mapped: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    missing = {"code": "not_found", "message": 'Attribute with slug/ID "polar_status" not found.'}
    wire.before = lambda number: httpx.Response(404, json=missing) if number == 3 else None

    workspace = await discover(api, PEOPLE, SLUGS)

    assert {target.attribute.key for target in workspace.targets} == set(SLUGS) - {"polar_status"}
    assert [(problem.fatal, problem.text) for problem in workspace.problems] == [
        (
            False,
            "Attio's People attribute polar_status is not written, because its options cannot be listed: Attribute "
            'with slug/ID "polar_status" not found.',
        )
    ]


async def test_an_option_that_cannot_be_read_is_none(mapped: AttioWorld, api: ApiClient, wire: Wire) -> None:
    rows = [{"title": "Paying"}, {"title": None}, "Churned", {"title": "Free", "is_archived": True}]
    wire.before = lambda number: httpx.Response(200, json={"data": rows}) if number == 3 else None

    workspace = await discover(api, PEOPLE, SLUGS)

    [options] = [target.options for target in workspace.targets if target.type is ValueType.SELECT]
    assert options == {"Paying"}


async def test_an_attribute_of_several_values_is_not_written_because_an_update_would_only_add(
    attio: AttioWorld, api: ApiClient
) -> None:
    add_attributes(attio, [one for one in ATTRIBUTES if one.key != "polar_status"])
    attio.add_attribute("polar_status", "select", options=BY_KEY["polar_status"].options, is_multiselect=True)

    workspace = await discover(api, PEOPLE, SLUGS)

    assert "polar_status" not in {target.attribute.key for target in workspace.targets}
    assert [(problem.fatal, problem.text) for problem in workspace.problems] == [
        (
            False,
            "Attio's People attribute polar_status takes several values, of which an update would remove none: set "
            "ATTIO_SLUG__POLAR_STATUS to another slug, which `polar-attio setup` then creates.",
        )
    ]


async def test_a_currency_attribute_is_written_in_its_own_currency(attio: AttioWorld, api: ApiClient) -> None:
    add_attributes(attio, [one for one in ATTRIBUTES if one.key != "polar_mrr"])
    attio.add_attribute("polar_mrr", "currency", currency="JPY")

    workspace = await discover(api, PEOPLE, SLUGS)

    currencies = {target.attribute.key: target.currency for target in workspace.targets if target.currency}
    assert currencies == {"polar_mrr": "JPY", "polar_lifetime_value": "USD"}


async def test_the_fingerprint_changes_with_an_option_and_with_a_currency_and_with_nothing_else(
    mapped: AttioWorld, api: ApiClient
) -> None:
    first, second = [(await discover(api, PEOPLE, SLUGS)).fingerprint for _ in range(2)]
    mapped.archive_option("polar_status", "Paused")
    without_option = (await discover(api, PEOPLE, SLUGS)).fingerprint
    mapped.people_type.attribute("polar_mrr").currency_code = "EUR"
    in_euros = (await discover(api, PEOPLE, SLUGS)).fingerprint

    assert first == second
    assert len({first, without_option, in_euros}) == 3


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

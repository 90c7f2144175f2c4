import httpx
import pytest

from polar_attio_pipeline.attio.attributes import discover
from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.attio.people import PEOPLE, people_with
from polar_attio_pipeline.attio.setup import Done, set_up
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sync.attributes import ATTRIBUTES, BY_KEY
from polar_attio_pipeline.sync.mapped import Mapped
from polar_attio_pipeline.sync.records import ValueType
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire, api_over

STATUS = BY_KEY["polar_status"]
OURS = [attribute.key for attribute in ATTRIBUTES if not attribute.standard]


async def test_a_fresh_workspace_gets_every_attribute_and_is_then_fit_for_the_sync(
    attio: AttioWorld, api: ApiClient
) -> None:
    steps = await set_up(api, PEOPLE, SLUGS)

    assert [step.slug for step in steps if step.option is None] == OURS
    assert {step.done for step in steps} == {Done.CREATED}
    workspace = await discover(api, PEOPLE, SLUGS)
    assert {target.attribute.key for target in workspace.targets} == set(SLUGS)
    assert workspace.definitions["polar_customer_id"].title == "Polar customer ID"
    assert workspace.problems == ()


async def test_a_new_select_gets_its_options_in_their_order(attio: AttioWorld, api: ApiClient) -> None:
    steps = await set_up(api, PEOPLE, SLUGS)

    about_status = [(step.subject, step.done) for step in steps if step.slug == "polar_status"]
    assert about_status == [
        ("polar_status", Done.CREATED),
        *((f"polar_status, option {title}", Done.CREATED) for title in STATUS.options),
    ]
    assert [option.title for option in attio.people_type.attribute("polar_status").options] == list(STATUS.options)


async def test_options_that_are_missing_are_added_and_archived_ones_restored(
    mapped: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    status = mapped.people_type.attribute("polar_status")
    status.options = [option for option in status.options if option.title != "Free"]
    mapped.archive_option("polar_status", "Paused")

    steps = await set_up(api, PEOPLE, SLUGS)

    added = [(step.option, step.done) for step in steps if step.option]
    assert added == [("Paused", Done.RESTORED), ("Free", Done.CREATED)]
    assert (await discover(api, PEOPLE, SLUGS)).problems == ()
    assert sorted(option.title for option in status.options) == sorted(STATUS.options)


async def test_a_restored_select_gets_what_it_lacks(mapped: AttioWorld, api: ApiClient) -> None:
    mapped.archive_option("polar_status", "Paused")
    mapped.archive_attribute("polar_status")

    steps = await set_up(api, PEOPLE, SLUGS)

    about_status = [(step.option, step.done) for step in steps if step.slug == "polar_status"]
    assert about_status == [(None, Done.RESTORED), ("Paused", Done.RESTORED)]
    assert (await discover(api, PEOPLE, SLUGS)).problems == ()


async def test_a_status_that_is_kept_as_text_gets_no_options(attio: AttioWorld, api: ApiClient) -> None:
    attio.add_attribute("polar_status", "text")

    steps = await set_up(api, PEOPLE, SLUGS)

    assert [(step.option, step.done) for step in steps if step.slug == "polar_status"] == [(None, Done.PRESENT)]


async def test_an_option_that_somebody_added_meanwhile_counts_as_present(
    mapped: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    status = mapped.people_type.attribute("polar_status")
    [free] = [option for option in status.options if option.title == "Free"]
    status.options.remove(free)

    def add_it_first(number: int) -> None:
        if wire.requests[number - 1].method == "POST":
            status.options.append(free)

    wire.before = add_it_first

    steps = await set_up(api, PEOPLE, SLUGS)

    assert [(step.option, step.done) for step in steps if step.option] == [("Free", Done.PRESENT)]


async def test_an_option_that_attio_refuses_is_reported_and_the_others_are_added(
    attio: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    refusal = {"code": "slug_conflict", "message": "There is already another select option with the title."}

    def refuse_one(number: int) -> httpx.Response | None:
        request = wire.requests[number - 1]
        return httpx.Response(409, json=refusal) if b'"title":"Past due"' in request.read() else None

    wire.before = refuse_one

    steps = await set_up(api, PEOPLE, SLUGS)

    [failed] = [step for step in steps if step.done is Done.IMPOSSIBLE]
    assert (failed.option, failed.problem) == (
        "Past due",
        "Attio refused the option Past due of the People attribute polar_status: There is already another select "
        "option with the title. If it has that option in another spelling, rename that one.",
    )
    assert {step.done for step in steps if step is not failed} == {Done.CREATED}


@pytest.mark.parametrize("archived", [False, True])
async def test_a_select_whose_options_cannot_be_listed_is_reported_and_spoils_nothing_else(
    mapped: AttioWorld, api: ApiClient, wire: Wire, archived: bool
) -> None:
    mapped.archive_attribute("polar_status", archived=archived)
    refusal = {"code": "validation_type", "message": "This attribute is not a select attribute."}

    def refuse_options(number: int) -> httpx.Response | None:
        is_list = wire.requests[number - 1].url.path.endswith("/options")
        return httpx.Response(400, json=refusal) if is_list else None

    wire.before = refuse_options

    steps = await set_up(api, PEOPLE, SLUGS)

    [failed] = [step for step in steps if step.done is Done.IMPOSSIBLE]
    assert (failed.slug, failed.problem) == (
        "polar_status",
        "Attio cannot list the options of the People attribute polar_status: This attribute is not a select attribute.",
    )
    assert {step.done for step in steps if step.slug != "polar_status"} == {Done.PRESENT}


async def test_currency_attributes_are_created_in_the_wanted_currency(attio: AttioWorld, api: ApiClient) -> None:
    await set_up(api, PEOPLE, SLUGS, currency="TWD")

    assert attio.people_type.attribute("polar_mrr").currency_code == "NTD", "Attio's own code of the New Taiwan dollar"
    currencies = {target.currency for target in (await discover(api, PEOPLE, SLUGS)).targets}
    assert currencies == {None, "TWD"}


async def test_a_currency_that_attio_does_not_have_is_reported_and_the_other_attributes_are_created(
    attio: AttioWorld, api: ApiClient
) -> None:
    steps = await set_up(api, PEOPLE, SLUGS, currency="KWD")

    amounts = {attribute.key for attribute in ATTRIBUTES if attribute.types[0] is ValueType.CURRENCY}
    assert {step.slug for step in steps if step.done is Done.IMPOSSIBLE} == amounts
    assert {step.done for step in steps if step.slug not in amounts} == {Done.CREATED}
    assert all("received 'KWD'" in (step.problem or "") for step in steps if step.slug in amounts)


async def test_a_currency_attribute_that_is_there_keeps_its_currency(attio: AttioWorld, api: ApiClient) -> None:
    attio.add_attribute("polar_mrr", "currency", currency="EUR")

    steps = await set_up(api, PEOPLE, SLUGS, currency="JPY")

    assert [step.done for step in steps if step.slug == "polar_mrr"] == [Done.PRESENT]
    assert attio.people_type.attribute("polar_mrr").currency_code == "EUR"


async def test_a_select_of_several_values_is_left_alone_and_said_so(attio: AttioWorld, api: ApiClient) -> None:
    attio.add_attribute("polar_status", "select", is_multiselect=True)

    steps = await set_up(api, PEOPLE, SLUGS)

    [step] = [step for step in steps if step.slug == "polar_status"]
    assert step.done is Done.IMPOSSIBLE
    assert "takes several values" in (step.problem or "")


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


async def test_the_scope_to_create_is_asked_for_where_only_an_option_is_missing(mapped: AttioWorld, wire: Wire) -> None:
    mapped.add_token("b" * 64, "object_configuration:read")
    mapped.archive_option("polar_status", "Paused")

    async with api_over(wire, token="b" * 64) as api:
        with pytest.raises(ConfigurationError, match="lacks the scope object_configuration:read-write"):
            await set_up(api, PEOPLE, SLUGS)

    assert {request.method for request in wire.requests} == {"GET"}


async def test_the_scope_to_create_is_not_asked_for_where_nothing_is_missing(mapped: AttioWorld, wire: Wire) -> None:
    mapped.add_token("b" * 64, "object_configuration:read")

    async with api_over(wire, token="b" * 64) as api:
        steps = await set_up(api, PEOPLE, SLUGS)

    assert {step.done for step in steps} == {Done.PRESENT}


async def test_attributes_that_a_setting_maps_are_created_with_their_options(attio: AttioWorld, api: ApiClient) -> None:
    tier = Mapped("plan_tier", "metadata.tier", ValueType.SELECT, options=("Free", "Pro"))
    people = people_with((*ATTRIBUTES, tier.attribute()))
    slugs = {**SLUGS, "plan_tier": "plan_tier"}

    steps = await set_up(api, people, slugs)
    again = await set_up(api, people, slugs)

    assert [(step.done, step.subject) for step in steps if step.slug == "plan_tier"] == [
        (Done.CREATED, "plan_tier"),
        (Done.CREATED, "plan_tier, option Free"),
        (Done.CREATED, "plan_tier, option Pro"),
    ]
    assert {step.done for step in again} == {Done.PRESENT}
    (made,) = [one for one in attio.people_type.attributes if one.slug == "plan_tier"]
    assert made.title == "Plan tier"
    assert (await discover(api, people, slugs)).problems == ()

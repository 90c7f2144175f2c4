from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.http.errors import FatalError
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    EmailTakenError,
    Found,
    People,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import CurrentValue, PersonName, Value
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire, api_over

ADA: dict[str, Value] = {
    "polar_customer": True,
    "polar_customer_id": "0e5d92b8-61c4-4f7a-b3e9-84a7c06d1f25",
    "name": PersonName("Ada", "Lovelace", "Ada Lovelace"),
    "polar_customer_since": datetime(2026, 5, 9, 21, 43, 8, 480000, tzinfo=UTC),
    "polar_country": "GB",
}


def test_the_client_is_what_the_engine_asks_for(client: AttioClient) -> None:
    people: People = client

    assert people is client


async def test_a_created_person_is_returned_and_found_again_with_exactly_what_was_written(client: AttioClient) -> None:
    created = await client.create(ADA, email="Ada@Example.com")

    found = await client.find(ids=[str(ADA["polar_customer_id"])], emails=["ada@example.com"])

    # Attio has linked it to a company since, which the answer to the write did not show yet.
    (person,) = found.people
    assert person.company is not None
    assert person.company.actor == "system"
    assert replace(found, people=[replace(person, company=None)]) == Found([created])
    assert created.emails == ("ada@example.com",)
    assert created.values == {key: CurrentValue(value, "api-token") for key, value in ADA.items()}
    assert created.url.endswith(f"/person/{created.record_id}")


async def test_each_write_is_answered_with_attios_name_for_the_request_and_a_search_with_none(
    client: AttioClient,
) -> None:
    created = await client.create(ADA, email="ada@example.com")
    updated = await client.update(created.record_id, {"polar_country": "FR"})
    (found,) = (await client.find(ids=[], emails=["ada@example.com"])).people

    assert created.execution_id
    assert updated.execution_id not in {None, created.execution_id}
    assert found.execution_id is None


async def test_creating_never_writes_over_a_record_that_appeared_meanwhile(
    client: AttioClient, attio: AttioWorld
) -> None:
    typed = attio.add_person(emails=["ada@example.com"], name="Countess Ada")

    with pytest.raises(EmailTakenError):
        await client.create(ADA, email="ADA@example.com")

    assert attio.people_count() == 1
    assert attio.person(typed).name == "Countess Ada"


async def test_a_creation_whose_answer_was_lost_is_repeated_and_found_to_be_done(
    client: AttioClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(kind=Kind.LOST_ANSWER, service="attio", method="POST", path="*/records", times=1))

    with pytest.raises(EmailTakenError):
        await client.create(ADA, email="ada@example.com")

    assert sandbox.attio.people_count() == 1
    assert len((await client.find(ids=[str(ADA["polar_customer_id"])], emails=[])).people) == 1


async def test_an_update_writes_only_what_is_given(client: AttioClient, attio: AttioWorld, wire: Wire) -> None:
    record_id = attio.add_person(emails=["ada@example.com"], name="Ada", values={"job_title": "Countess"})

    person = await client.update(record_id, {"polar_customer": True})

    assert wire.requests[-1].method == "PATCH"
    assert wire.requests[-1].read() == b'{"data":{"values":{"polar_customer":[true]}}}'
    assert person.values["polar_customer"] == CurrentValue(value=True, actor="api-token")
    assert person.values["name"].actor == "workspace-member"
    assert attio.person(record_id).values["job_title"] == "Countess"


async def test_an_added_address_joins_those_that_are_there(client: AttioClient, attio: AttioWorld) -> None:
    record_id = attio.add_person(emails=["ada@example.com", "countess@example.com"])

    person = await client.update(record_id, {}, add_email="new@example.com")

    assert person.emails == ("new@example.com", "ada@example.com", "countess@example.com")


async def test_an_address_that_another_person_holds_is_not_taken_from_it(
    client: AttioClient, attio: AttioWorld
) -> None:
    holder = attio.add_person(emails=["ada@example.com"])
    other = attio.add_person(emails=["other@example.com"])

    with pytest.raises(EmailTakenError):
        await client.update(other, {"polar_country": "GB"}, add_email="ada@example.com")

    assert attio.person(holder).emails == ("ada@example.com",)
    assert "polar_country" not in (await client.find(ids=[], emails=["other@example.com"])).people[0].values


async def test_a_record_that_was_merged_or_deleted_is_gone(client: AttioClient, attio: AttioWorld) -> None:
    first, second, third = (attio.add_person(emails=[f"{name}@example.com"]) for name in "abc")
    attio.merge(first, second)
    attio.delete(third)

    for record_id in (first, second, third):
        with pytest.raises(RecordGoneError):
            await client.update(record_id, {"polar_country": "GB"})


async def test_a_merge_that_is_under_way_counts_as_gone(client: AttioClient, wire: Wire) -> None:
    merging = {"code": "merge_in_progress", "message": "The record is being merged."}
    wire.before = lambda _: httpx.Response(400, json=merging)

    with pytest.raises(RecordGoneError):
        await client.update("891dcbfc-9141-415d-9b2a-2238a6cc012d", {"polar_country": "GB"})


async def test_a_refused_address_names_the_field_and_gives_attios_sentence(client: AttioClient) -> None:
    with pytest.raises(RecordRefusedError) as caught:
        await client.create(ADA, email="ada@nowhere.invalid")

    assert caught.value.field == "email_addresses"
    assert "email_addresses" in caught.value.message


async def test_a_refused_value_is_named_by_our_key_whatever_the_workspace_calls_it(
    mapped: AttioWorld, api: ApiClient, wire: Wire
) -> None:
    mapped.add_attribute("land")
    client = await AttioClient.connect(api, {**SLUGS, "polar_country": "land"})
    refusal = {"code": "validation_type", "message": 'An invalid value was passed to attribute with slug "land".'}
    wire.before = lambda _: httpx.Response(400, json=refusal)

    with pytest.raises(RecordRefusedError) as caught:
        await client.create(ADA, email="ada@example.com")

    assert caught.value.field == "polar_country"


async def test_a_field_that_attio_names_only_by_its_id_is_still_named(mapped: AttioWorld, api: ApiClient) -> None:
    mapped.add_attribute("stage", is_required=True)
    client = await AttioClient.connect(api, SLUGS)

    with pytest.raises(RecordRefusedError) as caught:
        await client.create(ADA, email="ada@example.com")

    assert caught.value.field == "stage"


async def test_each_type_of_value_is_read_back_as_it_was_written_and_cleared_by_none(client: AttioClient) -> None:
    billing: dict[str, Value] = {
        "polar_status": "Past due",
        "polar_products": "Pro",
        "polar_mrr": Decimal("19.90"),
        "polar_lifetime_value": Decimal("-0.01"),
        "polar_seats": Decimal(12),
        "polar_renews_at": datetime(2026, 12, 1, 8, 0, 0, 123456, tzinfo=UTC),
    }

    created = await client.create({**ADA, **billing}, email="ada@example.com")
    cleared = await client.update(created.record_id, dict.fromkeys(billing))

    assert {key: created.values[key].value for key in billing} == billing
    assert cleared.values.keys() == created.values.keys() - billing.keys()


async def test_an_option_that_attio_does_not_have_is_named_by_its_attribute(
    client: AttioClient, attio: AttioWorld
) -> None:
    attio.archive_option("polar_status", "Paying")

    with pytest.raises(RecordRefusedError) as caught:
        await client.create({**ADA, "polar_status": "Paying"}, email="ada@example.com")

    assert caught.value.field == "polar_status"
    assert caught.value.message == 'Cannot find select attribute with select option title "Paying".'


@pytest.mark.parametrize(
    "message",
    [
        'Cannot find select attribute with select option title "Free".',
        "Cannot find select attribute.",
        "Something else.",
    ],
)
async def test_an_attribute_is_not_blamed_for_what_it_was_not_sent(
    client: AttioClient, wire: Wire, message: str
) -> None:
    wire.before = lambda _: httpx.Response(400, json={"code": "value_not_found", "message": message})

    with pytest.raises(RecordRefusedError) as caught:
        await client.create({**ADA, "polar_status": "Paying"}, email="ada@example.com")

    assert caught.value.field is None


async def test_the_older_wording_of_a_taken_address_is_understood(client: AttioClient, wire: Wire) -> None:
    attribute_id = client.workspace.definitions["email_addresses"].id["attribute_id"]
    refusal = {
        "code": "uniqueness_conflict",
        "message": f'The value "{{}}" provided for attribute with ID "{attribute_id}" conflicts with one already in '
        "the system.",
    }
    wire.before = lambda _: httpx.Response(400, json=refusal)

    with pytest.raises(EmailTakenError):
        await client.create(ADA, email="ada@example.com")


async def test_a_conflict_over_another_unique_attribute_is_no_taken_address(client: AttioClient, wire: Wire) -> None:
    refusal = {
        "code": "uniqueness_conflict",
        "message": 'A value provided for attribute with slug "polar_external_id" conflicts with one already in the '
        "system.",
    }
    wire.before = lambda _: httpx.Response(400, json=refusal)

    with pytest.raises(RecordRefusedError) as caught:
        await client.create(ADA, email="ada@example.com")

    assert caught.value.field == "polar_external_id"


async def test_a_plans_gate_denies_the_write_and_blames_no_record(client: AttioClient, attio: AttioWorld) -> None:
    attio.gate_next()

    with pytest.raises(DeniedError, match="plan"):
        await client.create(ADA, email="ada@example.com")


async def test_a_full_plan_denies_creating_and_still_lets_people_be_updated(
    client: AttioClient, attio: AttioWorld
) -> None:
    known = await client.create(ADA, email="known@example.com")
    attio.plan_limit_records = attio.people_count()

    with pytest.raises(DeniedError, match="look at the workspace's plan"):
        await client.create(ADA, email="ada@example.com")

    updated = await client.update(known.record_id, {"polar_country": "FR"})
    assert updated.values["polar_country"].value == "FR"


async def test_a_key_revoked_while_the_run_goes_on_ends_it(client: AttioClient, attio: AttioWorld) -> None:
    attio.tokens[ATTIO_TOKEN].active = False

    with pytest.raises(FatalError, match="does not accept ATTIO_API_KEY"):
        await client.find(ids=["x"], emails=[])


async def test_a_key_that_may_only_read_is_told_which_scope_it_lacks(client: AttioClient, attio: AttioWorld) -> None:
    attio.tokens[ATTIO_TOKEN].scopes = frozenset({"record_permission:read", "object_configuration:read"})

    with pytest.raises(DeniedError, match="record_permission:read-write"):
        await client.create(ADA, email="ada@example.com")


async def test_a_conflict_with_another_writer_is_tried_again(client: AttioClient, attio: AttioWorld) -> None:
    attio.conflict_next()

    await client.create(ADA, email="ada@example.com")

    assert attio.people_count() == 1


@pytest.mark.parametrize("call", ["find", "marked", "create", "update"])
async def test_an_attio_that_stays_down_is_unavailable(client: AttioClient, sandbox: Sandbox, call: str) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio"))
    record_id = "891dcbfc-9141-415d-9b2a-2238a6cc012d"
    calls: dict[str, Any] = {
        "find": lambda: client.find(ids=["x"], emails=[]),
        "marked": lambda: anext(client.marked()),
        "create": lambda: client.create(ADA, email="ada@example.com"),
        "update": lambda: client.update(record_id, ADA),
    }

    with pytest.raises(UnavailableError, match="Attio is failing"):
        await calls[call]()


async def test_a_record_that_attio_fails_for_is_given_up_sooner_than_an_attio_that_is_down(
    mapped: AttioWorld, wire: Wire, sandbox: Sandbox
) -> None:
    async with api_over(wire, attempts=9) as api:
        client = await AttioClient.connect(api, SLUGS)
        for fault, attempts in ((500, 6), (503, 9)):
            number = sandbox.faults.add(Fault(kind=Kind.STATUS, status=fault, method="POST", path="*/records"))
            wire.requests.clear()
            with pytest.raises(UnavailableError):
                await client.create(ADA, email="ada@example.com")
            assert len(wire.requests) == attempts
            sandbox.faults.remove(number)


@pytest.mark.parametrize("data", [None, [], {"id": {}}, {"id": {"record_id": "r-1"}, "values": 7}])
async def test_an_answer_to_a_write_that_is_no_record_counts_as_no_answer(
    client: AttioClient, wire: Wire, data: object
) -> None:
    wire.before = lambda _: httpx.Response(200, json={"data": data})

    with pytest.raises(UnavailableError, match="is no record"):
        await client.create(ADA, email="ada@example.com")


@pytest.mark.parametrize("status", [402, 403])
async def test_what_the_key_or_the_plan_does_not_allow_is_denied_whatever_the_code(
    client: AttioClient, wire: Wire, status: int
) -> None:
    wire.before = lambda _: httpx.Response(status, json={"code": "something_new", "message": "No."})

    with pytest.raises(DeniedError):
        await client.create(ADA, email="ada@example.com")
    with pytest.raises(DeniedError):
        await client.update("891dcbfc-9141-415d-9b2a-2238a6cc012d", ADA)


@pytest.mark.parametrize("code", ["billing_error", "quota_exceeded", "limit_reached", "particle_gate_violation"])
async def test_a_plans_code_denies_the_write_whatever_its_status(client: AttioClient, wire: Wire, code: str) -> None:
    wire.before = lambda _: httpx.Response(400, json={"code": code, "message": "No."})

    with pytest.raises(DeniedError, match=code):
        await client.create(ADA, email="ada@example.com")


async def test_a_key_that_is_revoked_denies_nothing_but_ends_everything(client: AttioClient, attio: AttioWorld) -> None:
    attio.tokens[ATTIO_TOKEN].active = False

    with pytest.raises(FatalError, match="does not accept ATTIO_API_KEY"):
        await client.create(ADA, email="ada@example.com")


async def test_nothing_is_ever_deleted(client: AttioClient, attio: AttioWorld, wire: Wire) -> None:
    person = await client.create(ADA, email="ada@example.com")
    await client.update(person.record_id, {"polar_customer": False}, add_email="b@example.com")
    await client.find(ids=["x"], emails=["ada@example.com"])

    assert {request.method for request in wire.requests} == {"POST", "PATCH"}

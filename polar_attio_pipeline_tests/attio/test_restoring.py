"""Records put back in Attio: values cleared and written, one address taken off a list that others edit meanwhile."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from polar_attio_pipeline.attio.attributes import inspect
from polar_attio_pipeline.attio.people import PEOPLE
from polar_attio_pipeline.attio.restoring import RestorableRecords
from polar_attio_pipeline.http.client import ApiClient
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.ports import EmailTakenError, RecordGoneError, RecordRefusedError, UnavailableError
from polar_attio_pipeline.sync.records import CurrentValue, PersonName
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire

NO_RECORD = "0b1c77ca-9b81-47ba-8d2e-490c74901031"


@pytest.fixture
async def people(mapped: AttioWorld, api: ApiClient, wire: Wire) -> RestorableRecords:
    records = RestorableRecords(api, await inspect(api, PEOPLE, SLUGS))
    wire.requests.clear()
    return records


def ada(attio: AttioWorld, *emails: str) -> str:
    return attio.add_person(emails=emails or ["ada@example.com"], name="Ada Example", values={"polar_country": "DE"})


def emails(attio: AttioWorld, record: str) -> list[str]:
    """As they were entered."""
    held = attio.dump(attio._person(record))["values"]["email_addresses"]
    return [value["original_email_address"] for value in held]


def before_request(wire: Wire, number: int, act: Callable[[], object]) -> None:
    """Let somebody act just before a request arrives, counted from one."""

    def before(count: int) -> httpx.Response | None:
        if count == number:
            act()
        return None

    wire.before = before


async def test_a_record_is_read_with_who_wrote_each_value_and_each_address(
    people: RestorableRecords, attio: AttioWorld
) -> None:
    record = ada(attio)
    await people.add_address(record, "New@example.com")

    (found,) = (await people.find_by_id([record, NO_RECORD])).records

    assert found.record_id == record
    assert found.url == attio.person(record).url
    assert found.values["polar_country"] == CurrentValue("DE", "workspace-member")
    assert found.addresses == (
        CurrentValue("new@example.com", "api-token"),
        CurrentValue("ada@example.com", "workspace-member"),
    )
    assert found.company
    assert found.company.actor == "system"


async def test_values_are_written_and_cleared_together_and_all_others_stay(
    people: RestorableRecords, attio: AttioWorld, wire: Wire
) -> None:
    record = ada(attio)

    await people.restore(record, {"polar_country": None, "name": PersonName("Ada", "L", "Ada L"), "company": None})

    assert len(wire.requests) == 1
    values = attio.person(record).values
    assert (values["name"], "polar_country" in values, "company" in values) == ("Ada L", False, False)
    assert attio.person(record).emails == ("ada@example.com",)


async def test_a_person_is_put_back_to_a_company(people: RestorableRecords, attio: AttioWorld) -> None:
    record = ada(attio)
    company = attio.person(attio.add_person(emails=["bob@babbage.com"])).values["company"]

    await people.restore(record, {"company": company})

    assert attio.person(record).values["company"] == company


async def test_a_company_that_is_gone_is_refused(people: RestorableRecords, attio: AttioWorld) -> None:
    with pytest.raises(RecordRefusedError):
        await people.restore(ada(attio), {"company": NO_RECORD})


async def test_one_address_is_taken_off_and_the_others_keep_their_order_and_spelling(
    people: RestorableRecords, attio: AttioWorld
) -> None:
    record = ada(attio, "First@example.com", "Second@example.com", "Third@example.com")

    found = await people.remove_address(record, "second@EXAMPLE.com")

    assert found.addresses == ("first@example.com", "second@example.com", "third@example.com")
    assert emails(attio, record) == ["First@example.com", "Third@example.com"]


async def test_an_address_that_somebody_adds_until_the_look_stays(
    people: RestorableRecords, attio: AttioWorld, wire: Wire
) -> None:
    record = ada(attio, "a@example.com", "b@example.com")
    typed = {"email_addresses": ["a@example.com", "b@example.com", "typed@example.com"]}
    before_request(wire, 1, lambda: attio.edit_person(record, typed))

    await people.remove_address(record, "b@example.com")

    assert emails(attio, record) == ["a@example.com", "typed@example.com"]


@pytest.mark.parametrize("held", [["a@example.com"], ["b@example.com", "c@example.com"]])
async def test_the_only_address_and_one_that_is_not_there_are_not_written(
    people: RestorableRecords, attio: AttioWorld, held: list[str]
) -> None:
    record = ada(attio, *held)

    assert (await people.remove_address(record, "a@example.com")).addresses == tuple(held)
    assert emails(attio, record) == held
    assert attio.writes == 0


async def test_a_list_with_an_address_that_cannot_be_read_is_not_written(
    people: RestorableRecords, attio: AttioWorld, wire: Wire
) -> None:
    unreadable: dict[str, Any] = {"email_addresses": [{"email_address": "a@example.com"}, {"email_address": None}]}
    wire.before = lambda _: httpx.Response(200, json={"data": {"id": {"record_id": NO_RECORD}, "values": unreadable}})

    with pytest.raises(RecordRefusedError, match="cannot be read"):
        await people.remove_address(NO_RECORD, "a@example.com")
    assert [request.method for request in wire.requests] == ["GET"]


async def test_an_address_of_another_person_is_not_given_to_anybody(
    people: RestorableRecords, attio: AttioWorld
) -> None:
    record = ada(attio)
    attio.add_person(emails=["bob@example.com"])

    with pytest.raises(EmailTakenError):
        await people.add_address(record, "bob@example.com")


async def test_a_record_that_is_gone_says_so(people: RestorableRecords, attio: AttioWorld) -> None:
    for write in (
        people.restore(NO_RECORD, {"polar_country": None}),
        people.remove_address(NO_RECORD, "a@example.com"),
        people.add_address(NO_RECORD, "a@example.com"),
    ):
        with pytest.raises(RecordGoneError):
            await write


async def test_an_attio_that_fails_says_so(people: RestorableRecords, attio: AttioWorld, sandbox: Sandbox) -> None:
    record = ada(attio)
    sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio", status=503))

    for write in (people.restore(record, {"polar_country": None}), people.remove_address(record, "a@example.com")):
        with pytest.raises(UnavailableError):
            await write

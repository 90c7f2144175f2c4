"""The company that a human gave a person, while Attio's automation follows each address that joins."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.http.clock import Clock
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.ports import BeforeWrite
from polar_attio_pipeline.sync.records import CurrentValue, Person
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire, api_over


class SandboxTime(Clock):
    """Passes the sandbox's time instead of waiting."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.waited: list[float] = []
        self._sandbox = sandbox

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self._sandbox.clock.shift(timedelta(seconds=seconds))


@pytest.fixture
def time(sandbox: Sandbox) -> SandboxTime:
    return SandboxTime(sandbox)


@pytest.fixture
async def client(mapped: AttioWorld, wire: Wire, time: SandboxTime) -> AsyncIterator[AttioClient]:
    async with api_over(wire, clock=time) as api:
        client = await AttioClient.connect(api, SLUGS)
        wire.requests.clear()
        time.waited.clear()
        yield client


def company(attio: AttioWorld, domain: str) -> str:
    """The record id of the company of a domain, which Attio creates for a person of its own."""
    record_id = attio.add_person(emails=[f"somebody@{domain}"])
    return str(attio.person(record_id).values["company"])


def company_of(attio: AttioWorld, domain: str) -> str:
    """The record id of the company that holds a domain."""
    (found,) = attio.store.holders(attio.companies_type.attribute("domains"), domain)
    return found


def person_at(attio: AttioWorld, chosen: str) -> str:
    """A person of lovelace.com whom a human has put into another company."""
    record_id = attio.add_person(emails=["ada@lovelace.com"])
    attio.edit_person(record_id, {"company": [{"target_object": "companies", "target_record_id": chosen}]})
    return record_id


def unnoted(_: CurrentValue) -> None:
    """Note nothing before the write."""


async def add_address(
    client: AttioClient, record_id: str, address: str, company: str, before_write: BeforeWrite = unnoted
) -> Person:
    """Add an address as a pass does, which keeps the company that somebody chose."""
    person = await client.update(record_id, {}, add_email=address)
    await client.keep_company(person, company, before_write=before_write)
    return person


def held(attio: AttioWorld, record_id: str) -> Any:
    return attio.person(record_id).values["company"]


async def test_a_company_is_looked_up_with_the_person_and_with_who_has_chosen_it(
    client: AttioClient, attio: AttioWorld
) -> None:
    chosen = company(attio, "chosen.com")
    person_at(attio, chosen)
    attio.add_person(emails=["bob@babbage.com"])

    found = await client.find(ids=[], emails=["ada@lovelace.com", "bob@babbage.com"])

    assert {person.emails[0]: person.company for person in found.people} == {
        "ada@lovelace.com": CurrentValue(chosen, "workspace-member"),
        "bob@babbage.com": CurrentValue(company_of(attio, "babbage.com"), "system"),
    }


async def test_it_is_given_back_after_attio_has_replaced_it(
    client: AttioClient, attio: AttioWorld, time: SandboxTime
) -> None:
    chosen = company(attio, "chosen.com")
    record_id = person_at(attio, chosen)

    person = await add_address(client, record_id, "ada@elsewhere.com", chosen)

    assert person.emails == ("ada@elsewhere.com", "ada@lovelace.com")
    assert held(attio, record_id) == chosen
    assert time.waited == [0.5]
    history = attio.value_history(record_id, "company")
    assert [entry["created_by_actor"]["type"] for entry in history] == [
        "system",
        "workspace-member",
        "system",
        "api-token",
    ]


async def test_what_is_to_be_written_over_is_said_before_it_is_written(client: AttioClient, attio: AttioWorld) -> None:
    chosen = company(attio, "chosen.com")
    record_id = person_at(attio, chosen)
    said: list[CurrentValue] = []

    def before_write(replaced: CurrentValue) -> None:
        assert held(attio, record_id) == replaced.value
        said.append(replaced)

    await add_address(client, record_id, "ada@elsewhere.com", chosen, before_write)

    assert said == [CurrentValue(company_of(attio, "elsewhere.com"), "system")]


async def test_without_a_company_to_keep_attio_may_do_as_it_likes(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    record_id = person_at(attio, company(attio, "chosen.com"))

    await client.update(record_id, {}, add_email="ada@elsewhere.com")

    assert len(wire.requests) == 1


async def test_an_automation_that_is_slow_is_seen_at_the_second_look(
    client: AttioClient, attio: AttioWorld, time: SandboxTime
) -> None:
    chosen = company(attio, "chosen.com")
    record_id = person_at(attio, chosen)
    attio.records.company_delay = timedelta(seconds=2)

    await add_address(client, record_id, "ada@elsewhere.com", chosen)

    assert held(attio, record_id) == chosen
    assert time.waited == [0.5, 2]


async def test_where_attio_leaves_the_company_alone_nothing_is_written(
    client: AttioClient, attio: AttioWorld, wire: Wire
) -> None:
    chosen = company(attio, "chosen.com")
    record_id = person_at(attio, chosen)

    await add_address(client, record_id, "ada@chosen.com", chosen)

    assert [request.method for request in wire.requests] == ["PATCH", "GET", "GET"]
    assert held(attio, record_id) == chosen


async def test_a_company_that_a_human_sets_meanwhile_stays(client: AttioClient, attio: AttioWorld, wire: Wire) -> None:
    chosen, newer = company(attio, "chosen.com"), company(attio, "newer.com")
    record_id = person_at(attio, chosen)

    def edit(number: int) -> None:
        if number == 2:
            reference = {"target_object": "companies", "target_record_id": newer}
            attio.edit_person(record_id, {"company": [reference]})

    wire.before = edit

    await add_address(client, record_id, "ada@elsewhere.com", chosen)

    assert held(attio, record_id) == newer


@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_company_that_cannot_be_given_back_costs_a_warning_and_the_write_stands(
    client: AttioClient, attio: AttioWorld, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    chosen = company(attio, "chosen.com")
    record_id = person_at(attio, chosen)
    written = method == "PATCH"
    sandbox.faults.add(
        Fault(kind=Kind.STATUS, status=503, service="attio", method=method, path="*/records/*", skip=int(written))
    )

    with caplog.at_level(logging.WARNING, "polar_attio_pipeline.attio"):
        person = await add_address(client, record_id, "ada@elsewhere.com", chosen)

    assert "ada@elsewhere.com" in person.emails
    assert f"may have replaced the company of {person.url}" in caplog.text
    assert "@" not in caplog.text


async def test_a_person_that_is_deleted_meanwhile_costs_a_warning(
    client: AttioClient, attio: AttioWorld, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = company(attio, "chosen.com")
    record_id = person_at(attio, chosen)

    def delete(number: int) -> None:
        if number == 2:
            attio.delete(record_id)

    wire.before = delete

    await add_address(client, record_id, "ada@elsewhere.com", chosen)

    assert "Look at the company there" in caplog.text

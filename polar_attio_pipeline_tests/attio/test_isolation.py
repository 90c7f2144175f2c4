"""Keys and records that Attio fails for: each costs itself, and all others are found."""

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.attio.client import AttioClient
from polar_attio_pipeline.attio.errors import QueryTooComplexError
from polar_attio_pipeline.attio.isolation import MOST_REQUESTS, Isolation, Key, Record
from polar_attio_pipeline.http.errors import LostAnswerError, TransientError
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.ports import Found, StoppedError, UnavailableError
from polar_attio_pipeline_tests.attio.conftest import Wire
from polar_attio_pipeline_tests.attio.test_lookup import marked_people, polar_id

QUERY = "*/records/query"


def error(status: int) -> TransientError:
    return LostAnswerError("Attio is failing.", service="Attio", request="POST /query", status=status)


class Searches:
    """Searches that find a record for each key, and fail where one of the bad keys is among them."""

    def __init__(self, bad: set[Key]) -> None:
        self.asked: list[Sequence[Key]] = []
        self._bad = bad

    async def __call__(self, keys: Sequence[Key], attempts: int) -> list[Record]:
        self.asked.append(keys)
        if self._bad.intersection(keys):
            raise error(500)
        return [{"key": key} for key in keys]


def keys_of(count: int) -> list[Key]:
    return [("polar_customer_id", str(number)) for number in range(count)]


@given(st.data())
async def test_every_sound_key_is_searched_and_every_bad_one_named(data: st.DataObject) -> None:
    keys = keys_of(data.draw(st.integers(1, 400)))
    bad = set(data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=6)))
    searches = Searches(bad)
    isolation = Isolation(searches)

    await isolation.run([keys])

    assert set(isolation.unsearchable) == bad
    assert {record["key"] for record in isolation.records} == set(keys) - bad
    assert len(searches.asked) <= len(bad) * (2 * math.ceil(math.log2(len(keys))) + 1)


async def test_too_many_bad_keys_end_it_and_no_key_is_lost_from_sight() -> None:
    keys = keys_of(400)
    searches = Searches(set(keys[::2]))
    isolation = Isolation(searches)

    await isolation.run([keys])

    assert len(searches.asked) == MOST_REQUESTS
    assert set(isolation.unsearchable) <= set(keys[::2]), "no key is called bad that was not asked for alone"
    named = [*isolation.unsearchable, *isolation.unasked, *(record["key"] for record in isolation.records)]
    assert sorted(named) == sorted(keys)


async def test_parts_are_searched_side_by_side() -> None:
    """Attio may hang at what it fails for: one after the other, that would cost a pass its time."""
    under_way = most = 0

    async def hangs(keys: Sequence[Key], attempts: int) -> list[Record]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        raise error(504)

    await Isolation(hangs).run([keys_of(8)])

    assert most == 8


async def test_a_failure_that_cannot_lie_in_a_key_is_about_the_service() -> None:
    async def throttled(keys: Sequence[Key], attempts: int) -> list[Record]:
        raise TransientError("Slower.", service="Attio", request="POST /query", status=429)

    with pytest.raises(TransientError, match=r"Slower\."):
        await Isolation(throttled).run([keys_of(8)])


async def test_a_part_that_is_too_complex_a_search_is_halved_on() -> None:
    async def complex_beyond_two(keys: Sequence[Key], attempts: int) -> list[Record]:
        if len(keys) > 2:
            raise QueryTooComplexError("Too complex.", service="Attio", request="POST /query", status=400)
        return [{"key": key} for key in keys]

    isolation = Isolation(complex_beyond_two)
    await isolation.run([keys_of(8)])

    assert sorted(record["key"] for record in isolation.records) == keys_of(8)
    assert isolation.unsearchable == isolation.unasked == []


async def test_what_was_found_out_before_time_was_up_is_remembered(
    client: AttioClient, sandbox: Sandbox, wire: Wire
) -> None:
    ids = [polar_id(number) for number in range(8)]
    for bad in (ids[0], ids[7]):
        sandbox.faults.add(Fault(kind=Kind.STATUS, status=502, path=QUERY, contains=bad))

    def end(_: int) -> None:
        asked = json.loads(wire.requests[-1].content)["filter"]["$or"][0].get("polar_customer_id", {}).get("$in")
        if asked == [ids[7]]:
            raise asyncio.CancelledError

    wire.before = end
    with pytest.raises(asyncio.CancelledError):
        await client.find(ids=ids, emails=[])
    wire.before = lambda _: None
    wire.requests.clear()

    assert (await client.find(ids=ids[:1], emails=[])).unsearchable == {ids[0]}
    assert len(wire.requests) == 2, "whether Attio answers, and this one"


async def test_one_bad_key_among_four_hundred_costs_one_customer(
    client: AttioClient, attio: AttioWorld, sandbox: Sandbox, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    attio.add_people(marked_people(range(200)))
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=500, path=QUERY, contains="user123@example.com"))

    found = await client.find(
        ids=[polar_id(number) for number in range(200)],
        emails=[f"user{number}@example.com" for number in range(200)],
    )

    assert len(found.people) == 200, "this one is found by its id"
    assert found.unsearchable == {"user123@example.com"}
    assert len(wire.requests) <= 2 + 1 + 2 * 9 + 3
    assert "1 of 400 keys" in caplog.text
    assert "@" not in caplog.text


async def test_a_person_that_attio_cannot_show_is_named_by_each_of_its_keys(
    client: AttioClient, attio: AttioWorld, sandbox: Sandbox
) -> None:
    ids = attio.add_people(marked_people(range(200)))
    poison = (polar_id(77), "user77@example.com", ids[77], polar_id(180), "user180@example.com", ids[180])
    for text in poison:
        sandbox.faults.add(Fault(kind=Kind.STATUS, status=500, path=QUERY, contains=text))

    found = await client.find(
        ids=[polar_id(number) for number in range(200)],
        emails=[f"user{number}@example.com" for number in range(200)],
        records=ids,
    )

    assert found.unsearchable == set(poison)
    assert {person.record_id for person in found.people} == set(ids) - {ids[77], ids[180]}


async def test_a_single_key_that_attio_fails_for_is_no_attio_that_is_down(
    client: AttioClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=500, path=QUERY, contains=polar_id(1)))

    found = await client.find(ids=[polar_id(1)], emails=[])

    assert found == Found([], frozenset({polar_id(1)}))


async def test_an_address_is_named_as_it_was_asked_for_though_another_spelling_of_it_fails(
    client: AttioClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=500, path=QUERY, contains="xn--bcher-kva"))

    found = await client.find(ids=[polar_id(1)], emails=["ada@b\u00fccher.de"])

    assert found.unsearchable == {"ada@b\u00fccher.de"}


async def test_an_attio_that_fails_for_every_search_is_down_and_blames_no_key(
    client: AttioClient, sandbox: Sandbox, wire: Wire
) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=500, path=QUERY))

    with pytest.raises(UnavailableError, match="Attio is failing"):
        await client.find(ids=[polar_id(number) for number in range(200)], emails=[])

    assert len(wire.requests) <= 4


FAILURES = [
    *({"kind": Kind.STATUS, "status": status} for status in (500, 502, 503, 504)),
    {"kind": Kind.RESET},
    {"kind": Kind.CUT_BODY},
]
"""What may befall every search for one record, for as long as that record stays as it is."""


@pytest.mark.parametrize("fault", FAILURES, ids=str)
async def test_a_key_is_isolated_however_attio_fails_for_it(
    client: AttioClient, attio: AttioWorld, sandbox: Sandbox, fault: Mapping[str, Any]
) -> None:
    attio.add_people(marked_people(range(8)))
    sandbox.faults.add(Fault.model_validate({"path": QUERY, "contains": polar_id(1), **fault}))

    found = await client.find(ids=[polar_id(number) for number in range(8)], emails=[])

    assert found.unsearchable == {polar_id(1)}
    assert len(found.people) == 7


async def test_what_is_known_to_spoil_a_search_is_asked_for_alone(
    client: AttioClient, sandbox: Sandbox, wire: Wire
) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=502, path=QUERY, contains=polar_id(1)))
    ids = [polar_id(number) for number in range(200)]
    await client.find(ids=ids, emails=[])
    wire.requests.clear()

    found = await client.find(ids=ids, emails=[])

    assert found.unsearchable == {polar_id(1)}
    assert len(wire.requests) == 3, "the others, whether Attio answers at all, and this one"


async def test_what_spoilt_a_search_is_found_once_attio_can_search_for_it_again(
    client: AttioClient, attio: AttioWorld, sandbox: Sandbox, wire: Wire
) -> None:
    attio.add_people(marked_people(range(3)))
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=502, path=QUERY, contains=polar_id(1)))
    ids = [polar_id(number) for number in range(3)]
    await client.find(ids=ids, emails=[])
    sandbox.faults.clear()

    found = await client.find(ids=ids, emails=[])

    assert (len(found.people), found.unsearchable) == (3, frozenset())
    wire.requests.clear()
    await client.find(ids=ids, emails=[])
    assert len(wire.requests) == 1, "it is one among the others again"


async def test_an_attio_that_fails_altogether_is_not_taken_for_one_that_fails_for_what_was_bad_before(
    client: AttioClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=502, path=QUERY, contains=polar_id(1)))
    await client.find(ids=[polar_id(1)], emails=[])
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=502, path=QUERY))

    with pytest.raises(UnavailableError, match="Attio is failing"):
        await client.find(ids=[polar_id(1)], emails=[])


@pytest.mark.parametrize("fault", [{"kind": Kind.TOO_MANY, "retry_after": "absent"}, {"kind": Kind.REFUSE}], ids=str)
async def test_rate_limits_and_refusals_are_not_searched_around(
    client: AttioClient, sandbox: Sandbox, wire: Wire, fault: Mapping[str, Any]
) -> None:
    sandbox.faults.add(Fault.model_validate({"path": QUERY, "contains": polar_id(1), **fault}))

    with pytest.raises((UnavailableError, StoppedError)):
        await client.find(ids=[polar_id(1), polar_id(2)], emails=[])

    assert len(wire.requests) <= 2


async def test_an_attio_that_comes_back_while_keys_are_isolated_blames_none(
    client: AttioClient, attio: AttioWorld, sandbox: Sandbox
) -> None:
    attio.add_people(marked_people(range(200)))
    sandbox.faults.add(Fault(kind=Kind.STATUS, status=500, path=QUERY, times=2))

    found = await client.find(ids=[polar_id(number) for number in range(200)], emails=[])

    assert (len(found.people), found.unsearchable) == (200, frozenset())

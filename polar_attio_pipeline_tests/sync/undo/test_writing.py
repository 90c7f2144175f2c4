"""The writes that put one record back: as few as possible, each on record, and a refused value costs itself alone."""

from dataclasses import dataclass, field, replace

import pytest

from polar_attio_pipeline.sync.ports import EmailTakenError, RecordRefusedError
from polar_attio_pipeline.sync.records import CurrentValue
from polar_attio_pipeline.sync.undo.values import Item, Verdict
from polar_attio_pipeline.sync.undo.writing import RecordWriting, intent_of, steps_of
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.sync.fakes import Kept
from polar_attio_pipeline_tests.sync.undo.records import ADDED, COUNTRY, HELD, REMOVED, Records, holding, item

REFUSED = "Attio says: no."
TYPE = item("polar_customer_type", None, "team")
STATUS = item("polar_status", "Trial", "Paying")


@dataclass
class Scene:
    """The writing of one record, from its intent to its place in the history."""

    records: Records = field(default_factory=Records)
    history: Kept = field(default_factory=Kept)

    async def run(self, *items: Item) -> RecordWriting:
        steps = steps_of(items)
        writing = RecordWriting(self.records, HELD, self.history, steps, intent_of(steps, HELD))
        await writing.run()
        await writing.keep_company()
        writing.settle()
        return writing

    def written(self) -> list[tuple[tuple[str, ...], str | None]]:
        """The keys of each write on record, with Attio's name for the request."""
        writes = [write for _, settled in self.history.settled for write in settled]
        return [(tuple(value.key for value in write.values), write.execution_id) for write in writes]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_all_values_are_one_request_and_each_address_is_one(scene: Scene) -> None:
    writing = await scene.run(COUNTRY, ADDED, TYPE, REMOVED)

    assert scene.records.sent == [("polar_country", "polar_customer_type"), ("ada@new.example",), ("ada@old.example",)]
    assert (writing.steps, writing.done) == ([], [COUNTRY, TYPE, ADDED, REMOVED])
    assert scene.written() == [
        (("polar_country", "polar_customer_type"), "x1"),
        (("email_addresses",), "x2"),
        (("email_addresses",), "x3"),
    ]


async def test_the_history_says_what_was_there_and_what_is_there_now(scene: Scene) -> None:
    await scene.run(COUNTRY, ADDED, REMOVED)

    [(intent, writes)] = scene.history.settled
    both = ("ada@new.example", "ada@example.com")
    country = WrittenValue("polar_country", "FR", "api-token", "DE")
    removal = WrittenValue("email_addresses", both, None, ("ada@example.com",))
    addition = WrittenValue("email_addresses", both, None, "ada@old.example")
    assert (intent.customer_id, intent.record_id, intent.object_slug) == ("c1", "r1", "people")
    assert intent.values == (country, removal, addition)
    assert [write.values for write in writes] == [(country,), (removal,), (addition,)]
    assert {(write.customer_id, write.record_id, write.object_slug) for write in writes} == {("c1", "r1", "people")}


@pytest.mark.parametrize("named", ["polar_customer_type", None])
async def test_a_value_that_is_refused_costs_itself_alone_also_where_attio_does_not_name_it(
    scene: Scene, named: str | None
) -> None:
    scene.records.refuses = lambda keys: (
        RecordRefusedError("no.", field=named) if "polar_customer_type" in keys else None
    )

    writing = await scene.run(COUNTRY, TYPE, STATUS, ADDED)

    refused = replace(TYPE, verdict=Verdict.REFUSED, detail=REFUSED)
    assert sorted(writing.done, key=lambda one: one.key) == [ADDED, COUNTRY, refused, STATUS]
    values = [("polar_country", "polar_status")] if named else [("polar_country",), ("polar_status",)]
    assert scene.records.sent == [*values, ("ada@new.example",)]


async def test_an_address_that_another_record_holds_by_now_is_named(scene: Scene) -> None:
    scene.records.refuses = lambda keys: EmailTakenError() if "ada@old.example" in keys else None

    writing = await scene.run(REMOVED, COUNTRY)

    detail = "Another record holds the address by now."
    assert writing.done == [COUNTRY, replace(REMOVED, verdict=Verdict.REFUSED, detail=detail)]
    assert scene.written() == [(("polar_country",), "x1")]


@pytest.mark.parametrize(
    ("addresses", "verdict", "detail"),
    [
        (("ada@example.com",), Verdict.ALREADY_BACK, ""),
        (("ADA@new.example",), Verdict.ONLY_ADDRESS, "The person would be left without any address."),
    ],
)
async def test_an_address_that_is_gone_or_is_the_only_one_since_the_look_stays_as_it_is(
    scene: Scene, addresses: tuple[str, ...], verdict: Verdict, detail: str
) -> None:
    scene.records.held = {"r1": holding("r1", *(CurrentValue(address, "api-token") for address in addresses))}

    writing = await scene.run(ADDED)

    assert writing.done == [replace(ADDED, verdict=verdict, detail=detail)]
    assert scene.written() == []


async def test_a_company_that_attio_sets_for_the_address_is_put_back_and_on_record(scene: Scene) -> None:
    scene.records.moves_to = "set by Attio"

    await scene.run(REMOVED)

    company = WrittenValue("company", "set by Attio", "system", "chosen")
    [intent] = scene.history.intended
    assert (intent.customer_id, intent.record_id, intent.object_slug) == ("c1", "r1", "people")
    assert intent.values == (company,)
    assert scene.history.settled[0] == (
        intent,
        (Write("c1", "r1", (company,), "people", WriteAction.UPDATE, "x-company"),),
    )


async def test_a_company_that_could_not_be_restored_stays_open_on_record(scene: Scene) -> None:
    scene.records.moves_to, scene.records.restores = "set by Attio", False

    await scene.run(REMOVED)

    assert len(scene.history.intended) == 1
    assert [intent.values[0].key for intent, _ in scene.history.settled] == ["email_addresses"]


@pytest.mark.parametrize("items", [(COUNTRY,), (ADDED,)])
async def test_no_company_is_looked_at_where_no_address_was_given(scene: Scene, items: tuple[Item, ...]) -> None:
    scene.records.moves_to = "set by Attio"

    await scene.run(*items)

    assert scene.history.intended == []

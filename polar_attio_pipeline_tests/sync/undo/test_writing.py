"""The writes that put one record back: as few as possible, each on record, and a refused value costs itself alone."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import pytest

from polar_attio_pipeline.sync.mapping import Target
from polar_attio_pipeline.sync.ports import BeforeWrite, EmailTakenError, RecordRefusedError, Restored
from polar_attio_pipeline.sync.records import CurrentValue, Value, Values
from polar_attio_pipeline.sync.undo.ports import FoundRecords, Removed
from polar_attio_pipeline.sync.undo.values import HeldRecord, Item, Verdict
from polar_attio_pipeline.sync.undo.writing import RecordWriting, intent_of, steps_of
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.attributes import TARGETS
from polar_attio_pipeline_tests.sync.fakes import Kept

HELD = HeldRecord(
    "r1",
    "https://app.attio.com/acme/person/r1",
    addresses=(CurrentValue("ada@new.example", "api-token"), CurrentValue("ada@example.com", "workspace-member")),
    company=CurrentValue("chosen", "workspace-member"),
)
REFUSED = "Attio says: no."


def item(key: str, before: Value | None, after: Value | None) -> Item:
    verdict = Verdict.CLEARED if before is None else Verdict.PUT_BACK
    held = CurrentValue(after, "api-token") if after is not None and key != "email_addresses" else None
    return Item("people", "r1", HELD.url, "c1", key, verdict, before, after, held)


COUNTRY = item("polar_country", "DE", "FR")
TYPE = item("polar_customer_type", None, "team")
STATUS = item("polar_status", "Trial", "Paying")
ADDED = item("email_addresses", None, "ada@new.example")
REMOVED = item("email_addresses", "ada@old.example", None)


@dataclass
class Records:
    """One record of Attio, which refuses what a test says.

    Attributes:
        refuses: Returns what a write of these values raises.
        addresses: Those that the person has when one is taken off.
        moves_to: The company that Attio itself sets when an address is added; None where it sets none.
        restores: Whether the company can be restored.
        sent: The keys of each write that was taken.
    """

    refuses: Callable[[Collection[str]], Exception | None] = lambda _: None
    addresses: tuple[str, ...] = ("ada@new.example", "ada@example.com")
    moves_to: str | None = None
    restores: bool = True
    sent: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def targets(self) -> Mapping[str, Target]:
        return {target.attribute.key: target for target in TARGETS}

    async def find_by_id(self, record_ids: Collection[str]) -> FoundRecords:
        return FoundRecords([HELD])

    async def restore(self, record_id: str, values: Values) -> str | None:
        return self._take(*values)

    async def remove_address(self, record_id: str, address: str) -> Removed:
        return Removed(self.addresses, self._take(address))

    async def add_address(self, record_id: str, address: str) -> str | None:
        return self._take(address)

    async def keep_company(self, held: HeldRecord, *, before_write: BeforeWrite) -> Restored | None:
        if self.moves_to is None:
            return None
        before_write(CurrentValue(self.moves_to, "system"))
        return Restored("x-company") if self.restores else None

    async def is_answering(self) -> bool:
        return True

    def _take(self, *keys: str) -> str:
        if error := self.refuses(keys):
            raise error
        self.sent.append(keys)
        return f"x{len(self.sent)}"


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
    scene.records.addresses = addresses

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

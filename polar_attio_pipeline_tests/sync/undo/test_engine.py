"""Taking back what a pass wrote: each value has one item, each write is on record, and each answer is evidence."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from polar_attio_pipeline.sync import looking
from polar_attio_pipeline.sync.deadline import TimeIsUpError
from polar_attio_pipeline.sync.health import TOLERATED, TOLERATED_SEARCHES, Health, Kind, ServiceDownError
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.ports import DeniedError, RecordGoneError, StoppedError, UnavailableError
from polar_attio_pipeline.sync.records import CurrentValue
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline.sync.undo.engine import UndoServices, take_back
from polar_attio_pipeline.sync.undo.values import Effect, HeldRecord, Item, RecordEffects, RecordKey, Verdict
from polar_attio_pipeline.sync.writes import Write, WrittenValue
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time
from polar_attio_pipeline_tests.sync.fakes import Kept
from polar_attio_pipeline_tests.sync.undo.records import ADDED, COUNTRY, HELD, REMOVED, Records, holding, item

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
EXTERNAL = item("polar_external_id", "old", "new")
FAILS = UnavailableError("Attio fails.")
AGAIN = "Attio fails. Run the undo again."
LATE = "Attio did not carry the write out within 60 s. Run the undo again."
BUG = "This program failed with {}; the log says where. Report it."
KINDS = [("people", Kind.SEARCH, Kind.UPDATE), ("companies", Kind.SEARCH_COMPANIES, Kind.UPDATE_COMPANIES)]


def did(record_id: str = "r1", *items: Item, slug: str = "people") -> RecordEffects:
    """What a pass did to a record: the values of these items, the country unless given."""
    effects = tuple(Effect(one.key, one.before, one.after) for one in items or (COUNTRY,))
    return RecordEffects(slug, record_id, "c1", created=False, effects=effects)


def not_done(one: Item, why: str) -> Item:
    return replace(one, verdict=Verdict.NOT_DONE, detail=why)


def whole(record_id: str, why: str, slug: str = "people") -> Item:
    """The item of a record of which nothing is known."""
    return Item(slug, record_id, "", "c1", "", Verdict.NOT_DONE, detail=why)


def as_written(*record_ids: str) -> Records:
    """Records that hold the country that the pass wrote."""
    return Records({record_id: holding(record_id, polar_country="FR") for record_id in record_ids})


@dataclass
class Scene:
    """One undo.

    Attributes:
        asked: The records of each portion.
        taken: The items of each call.
    """

    people: Records = field(default_factory=lambda: as_written("r1", "r2", "r3", "r4", "r5"))
    companies: Records = field(default_factory=lambda: as_written("r1", "r2"))
    history: Kept = field(default_factory=Kept)
    asked: list[Sequence[RecordKey]] = field(default_factory=list)
    taken: list[Sequence[Item]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = Health(self.people.is_answering)

    async def run(self, *records: RecordEffects, **services: Any) -> list[Item]:
        """Take back what a pass did to these records, and return the items in their order."""
        effects = {(one.object_slug, one.record_id): one for one in records}

        def effects_of(keys: Sequence[RecordKey]) -> list[RecordEffects]:
            self.asked.append(keys)
            return [effects[key] for key in keys if effects[key].effects]

        objects = {"people": self.people, "companies": self.companies}
        given = UndoServices(objects, effects_of, self.health, self.history, **services)
        await take_back(effects, given, self.taken.append)
        return self.items()

    def items(self) -> list[Item]:
        return [one for call in self.taken for one in call]

    async def fail(self, kind: Kind, times: int) -> None:
        for _ in range(times):
            await self.health.failed(kind, FAILS)

    def on_record(self) -> list[tuple[str, tuple[str, ...], str | None]]:
        """The record, the keys and Attio's name of each write that was carried out."""
        writes = [write for _, settled in self.history.settled for write in settled]
        return [(one.record_id, tuple(value.key for value in one.values), one.execution_id) for one in writes]

    def still_open(self) -> list[tuple[str | None, tuple[str, ...]]]:
        """The record and the keys of each write of which it is not known what became of it."""
        settled = [intent for intent, _ in self.history.settled]
        waiting = [intent for intent in self.history.intended if intent not in settled]
        return [(intent.record_id, tuple(value.key for value in intent.values)) for intent in waiting]


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Which records, in which order, and until when.


async def test_records_are_taken_back_object_by_object_in_portions_that_the_pace_allows(scene: Scene) -> None:
    records = did("r3"), did("r2", slug="companies"), did("r1"), did("r2")

    items = await scene.run(*records, pace=Pace(writes=0.1))

    of_people = [("people", "r1"), ("people", "r2")], [("people", "r3")]
    assert scene.asked == [[("companies", "r2")], *of_people]
    assert scene.companies.searches == [("r2",)]
    assert scene.people.searches == [("r1", "r2"), ("r3",)]
    assert [(one.object_slug, one.record_id) for one in items] == [key for asked in scene.asked for key in asked]
    assert {one.verdict for one in items} == {Verdict.PUT_BACK}


async def test_nothing_is_looked_up_where_the_pass_did_nothing(scene: Scene) -> None:
    nothing = replace(did(), effects=())

    assert await scene.run(nothing) == []
    assert scene.people.searches == []


def test_no_portion_begins_once_it_took_far_longer_than_the_number_of_records_implies(scene: Scene) -> None:
    scene.people.first_search_seconds = 1030

    with virtual_time(NOW), pytest.raises(TimeIsUpError, match=r"^After 17 minutes the pass over 2 records ended"):
        asyncio.run(scene.run(did("r1"), did("r2"), pace=Pace(writes=0.05), writes=False))

    assert scene.taken == [[COUNTRY]]


def test_as_long_as_the_number_of_records_implies_the_next_portion_begins(scene: Scene) -> None:
    scene.people.first_search_seconds = 1010

    with virtual_time(NOW):
        asyncio.run(scene.run(did("r1"), did("r2"), pace=Pace(writes=0.05), writes=False))

    assert scene.taken == [[COUNTRY], [item("polar_country", "DE", "FR", "r2")]]


# What becomes of a record.


async def test_what_stays_is_said_at_once_and_what_is_written_once_it_is_done(scene: Scene) -> None:
    scene.people.held["r1"] = holding("r1", polar_country="FR", polar_external_id="changed")

    await scene.run(did("r1", EXTERNAL, COUNTRY))

    [[stays], [written]] = scene.taken
    assert (stays.key, stays.verdict) == ("polar_external_id", Verdict.CHANGED)
    assert written == COUNTRY
    assert scene.people.sent == [("polar_country",)]
    assert scene.on_record() == [("r1", ("polar_country",), "x1")]


async def test_nothing_goes_on_record_where_nothing_is_to_be_written(scene: Scene) -> None:
    scene.people.held["r1"] = holding("r1", polar_country="DE")

    assert [one.verdict for one in await scene.run(did())] == [Verdict.ALREADY_BACK]
    assert (scene.history.intended, scene.history.settled) == ([], [])


async def test_a_dry_run_says_what_would_become_of_each_value_and_writes_nothing(scene: Scene) -> None:
    assert await scene.run(did(), writes=False) == [COUNTRY]
    assert (scene.people.sent, scene.history.intended) == ([], [])


async def test_a_record_that_is_gone_or_cannot_be_searched_for_costs_itself_alone(scene: Scene) -> None:
    del scene.people.held["r2"]
    scene.people.unsearchable = frozenset({"r1"})

    unsearchable, gone, written = await scene.run(did("r1"), did("r2"), did("r3"))

    assert unsearchable == whole("r1", "Attio failed on each search for this record.")
    assert (gone.record_id, gone.verdict) == ("r2", Verdict.GONE)
    assert written == item("polar_country", "DE", "FR", "r3")
    assert scene.people.sent == [("polar_country",)]


@pytest.mark.parametrize(("clear", "more"), [(False, []), (True, [Verdict.CLEARED])])
async def test_the_values_of_a_record_that_the_pass_made_are_cleared_on_demand_only(
    scene: Scene, clear: bool, more: list[Verdict]
) -> None:
    made = replace(did("r1", item("polar_country", None, "FR")), created=True)

    assert [one.verdict for one in await scene.run(made, clear_created=clear)] == [Verdict.CREATED, *more]


async def test_what_a_pass_did_is_amended_with_what_the_record_holds(scene: Scene) -> None:
    def cleared(record: RecordEffects, held: HeldRecord) -> RecordEffects:
        return replace(record, effects=tuple(Effect(key, None, one.value) for key, one in held.values.items()))

    del scene.people.held["r2"]
    scene.people.held["r1"] = holding("r1", polar_country="IT")

    items = await scene.run(did("r1"), did("r2"), amend=cleared)

    assert [(one.record_id, one.verdict) for one in items] == [("r2", Verdict.GONE), ("r1", Verdict.CLEARED)]
    assert scene.people.held["r1"].values == {}


async def test_data_that_this_program_fails_on_costs_its_record_alone_and_is_in_the_log(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    nobody: Any = "an actor that Attio has not had so far"
    scene.people.held["r1"] = replace(HELD, values={"polar_country": CurrentValue("IT", nobody)})

    assert await scene.run(did("r1"), did("r2")) == [
        whole("r1", BUG.format("KeyError")),
        item("polar_country", "DE", "FR", "r2"),
    ]
    [record] = caplog.records
    assert (record.name, record.levelno) == (looking.__name__, logging.ERROR)
    assert record.getMessage().startswith("KeyError on record r1 at ")


# Searches that fail.


async def test_a_search_that_fails_names_every_record_of_it_and_is_not_tried_again(scene: Scene) -> None:
    scene.people.silent = lambda _: FAILS

    assert await scene.run(did("r1"), did("r2")) == [whole("r1", "Attio fails."), whole("r2", "Attio fails.")]
    assert scene.people.searches == [("r1", "r2")]


@pytest.mark.parametrize(("slug", "search", "update"), KINDS)
async def test_a_search_is_evidence_about_the_searches_of_its_object(
    scene: Scene, slug: str, search: Kind, update: Kind
) -> None:
    for kind in (search, update):
        await scene.fail(kind, kind.tolerated)
    await scene.run(did(slug=slug), writes=False)
    for kind in (search, update):
        await scene.fail(kind, 1)

    assert scene.health.closed(search) is None, "the search was answered"
    assert scene.health.closed(update), "no update was answered"


@pytest.mark.parametrize(("slug", "search", "update"), KINDS)
async def test_once_searches_have_failed_for_very_many_nothing_is_searched_for_and_each_record_is_named(
    scene: Scene, slug: str, search: Kind, update: Kind
) -> None:
    records = scene.people if slug == "people" else scene.companies
    records.silent = lambda _: UnavailableError("It fails again.")
    await scene.fail(search, TOLERATED_SEARCHES)
    await scene.run(did(slug=slug))
    assert len(records.searches) == 1

    scene.taken.clear()

    items = await scene.run(did("r1", slug=slug), did("r2", slug=slug))

    why = f"All {search} fail at present, so this one was left out: It fails again."
    assert items == [whole("r1", why, slug), whole("r2", why, slug)]
    assert len(records.searches) == 1
    assert scene.health.closed(update) is None


async def test_an_attio_that_answers_nothing_ends_the_undo(scene: Scene) -> None:
    scene.people.silent, scene.people.answers = lambda _: FAILS, False

    with pytest.raises(ServiceDownError, match=r"^Attio fails\.$"):
        await scene.run(did("r1"), did("r2"))

    assert (len(scene.people.searches), scene.taken) == (1, [])


# Writes.


async def test_all_writes_of_a_portion_are_on_record_before_the_first_one_is_sent(scene: Scene) -> None:
    at_writes: list[int] = []

    def looks(_: Collection[str]) -> None:
        at_writes.append(len(scene.history.intended))

    scene.people.refuses = looks
    await scene.run(did("r1"), did("r2"))

    assert at_writes == [2, 2]
    assert [intent.record_id for intent in scene.history.intended] == ["r1", "r2"]
    assert [intent for intent, _ in scene.history.settled] == scene.history.intended


async def test_nothing_is_sent_once_somebody_has_asked_for_the_end(scene: Scene) -> None:
    with pytest.raises(asyncio.CancelledError):
        await scene.run(did(), is_stopping=lambda: True)

    assert (scene.people.sent, scene.taken, scene.history.settled) == ([], [[]], [])


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize(
    ("error", "closes"),
    [(None, False), (RecordGoneError(), False), (DeniedError("Not now."), True), (UnavailableError("Not now."), True)],
)
async def test_a_write_is_evidence_about_the_updates_of_its_object(
    scene: Scene, kinds: tuple[str, Kind, Kind], error: Exception | None, closes: bool
) -> None:
    slug, search, update = kinds
    scene.people.refuses = scene.companies.refuses = lambda _: error
    await scene.fail(update, TOLERATED)

    await scene.run(did(slug=slug))
    if not closes:
        assert scene.health.closed(update) is None
        await scene.fail(update, 1)

    closed = f"All {update} fail at present, so this one was left out: Not now." if closes else None
    assert scene.health.closed(update) == closed
    assert scene.health.closed(search) is None


@pytest.mark.parametrize(("slug", "search", "update"), KINDS)
async def test_once_updates_have_failed_for_very_many_none_is_sent_and_each_value_is_named(
    scene: Scene, slug: str, search: Kind, update: Kind
) -> None:
    await scene.fail(update, TOLERATED + 1)

    items = await scene.run(did(slug=slug))

    why = f"All {update} fail at present, so this one was left out: Attio fails."
    assert items == [replace(not_done(COUNTRY, why), object_slug=slug)]
    assert scene.people.sent == scene.companies.sent == []
    assert [(intent.object_slug, writes) for intent, writes in scene.history.settled] == [(slug, ())]


@pytest.mark.parametrize(
    ("error", "verdict", "why"),
    [
        (RecordGoneError(), Verdict.GONE, "It was deleted, or merged into another one."),
        (DeniedError("The plan has no API."), Verdict.NOT_DONE, "The plan has no API."),
    ],
)
async def test_a_write_that_was_certainly_not_carried_out_costs_what_was_left_of_its_record(
    scene: Scene, error: Exception, verdict: Verdict, why: str
) -> None:
    scene.people.held["r1"] = replace(HELD, values={"polar_country": CurrentValue("FR", "api-token")})
    scene.people.refuses = lambda sent: error if "ada@old.example" in sent else None

    items = await scene.run(did("r1", COUNTRY, REMOVED, ADDED), did("r2"))

    left = [replace(one, verdict=verdict, detail=why) for one in (REMOVED, ADDED)]
    assert [one for one in items if one.record_id == "r1"] == [COUNTRY, *left]
    assert item("polar_country", "DE", "FR", "r2") in items
    assert {record_id: keys for record_id, keys, _ in scene.on_record()} == {
        "r1": ("polar_country",),
        "r2": ("polar_country",),
    }
    assert len(scene.people.searches) == 1, "nothing is to be found out"


async def test_an_error_that_every_request_would_have_ends_the_undo_and_the_write_stays_open(scene: Scene) -> None:
    scene.people.refuses = lambda _: StoppedError("The token was revoked.")

    with pytest.raises(StoppedError, match=r"^The token was revoked\.$"):
        await scene.run(did())

    assert (scene.items(), scene.still_open()) == ([], [("r1", ("polar_country",))])


@pytest.mark.parametrize("error", [DeniedError("Attio fails."), FAILS])
async def test_where_attio_answers_nothing_after_a_write_what_was_done_before_it_is_said(
    scene: Scene, error: Exception
) -> None:
    scene.people.held["r1"] = replace(HELD, values={"polar_country": CurrentValue("FR", "api-token")})
    scene.people.refuses = lambda sent: error if "ada@old.example" in sent else None
    scene.people.answers = False

    with pytest.raises(ServiceDownError, match=r"^Attio fails\.$"):
        await scene.run(did("r1", COUNTRY, REMOVED))

    denied = isinstance(error, DeniedError)
    assert scene.items() == [COUNTRY, *([not_done(REMOVED, "Attio fails.")] if denied else [])]
    assert len(scene.still_open()) == 1 - denied, "a write without an answer stays open"


@pytest.mark.parametrize("error", [None, DeniedError("No."), FAILS, ZeroDivisionError()])
async def test_a_company_that_attio_replaced_for_an_address_is_put_back_however_the_rest_ends(
    scene: Scene, error: Exception | None
) -> None:
    scene.people.held["r1"] = HELD
    scene.people.moves_to = "set by Attio"
    scene.people.refuses = lambda sent: error if "ada@new.example" in sent else None

    await scene.run(did("r1", REMOVED, ADDED))

    assert ("r1", ("company",), "x-company") in scene.on_record()


# Writes without an answer.


async def test_a_write_whose_answer_is_lost_is_on_record_where_a_later_look_shows_it(scene: Scene) -> None:
    scene.people.held["r1"] = replace(HELD, values={"polar_country": CurrentValue("FR", "api-token")})
    scene.people.refuses = lambda sent: FAILS if "ada@old.example" in sent else None
    scene.people.takes_all = True

    await scene.run(did("r1", COUNTRY, REMOVED, ADDED))

    assert scene.taken == [[], [COUNTRY, not_done(ADDED, AGAIN)], [REMOVED]]
    addresses = ("ada@new.example", "ada@example.com")
    [(intent, writes)] = scene.history.settled
    assert [intent] == scene.history.intended
    assert writes == (
        Write("c1", "r1", (WrittenValue("polar_country", "FR", "api-token", "DE"),), execution_id="x1"),
        Write("c1", "r1", (WrittenValue(EMAILS_KEY, addresses, None, "ada@old.example"),)),
    )


async def test_a_write_that_a_later_look_does_not_show_stays_open_since_attio_may_carry_it_out_yet(
    scene: Scene,
) -> None:
    scene.people.refuses = lambda _: FAILS

    assert await scene.run(did()) == [not_done(COUNTRY, AGAIN)]
    assert (scene.on_record(), scene.still_open()) == ([], [("r1", ("polar_country",))])
    assert scene.people.searches == [("r1",)] * 2


async def test_what_was_done_before_a_write_without_an_answer_is_on_record_and_that_one_alone_stays_open(
    scene: Scene,
) -> None:
    scene.people.held["r1"] = replace(HELD, values={"polar_country": CurrentValue("FR", "api-token")})
    scene.people.refuses = lambda sent: FAILS if "ada@old.example" in sent else None

    await scene.run(did("r1", COUNTRY, REMOVED, ADDED))

    assert scene.on_record() == [("r1", ("polar_country",), "x1")]
    assert scene.still_open() == [("r1", (EMAILS_KEY,))]
    assert scene.history.intended[-1].values == (
        WrittenValue(EMAILS_KEY, ("ada@new.example", "ada@example.com"), None, "ada@old.example"),
    )


async def test_of_a_write_only_the_values_that_a_later_look_shows_are_on_record(scene: Scene) -> None:
    scene.people.held["r1"] = holding("r1", polar_country="FR", polar_external_id="new")

    def loses(_: Collection[str]) -> Exception:
        scene.people.held["r1"] = holding("r1", polar_country="FR", polar_external_id="old")
        return FAILS

    scene.people.refuses = loses

    items = await scene.run(did("r1", COUNTRY, EXTERNAL))

    assert items == [EXTERNAL, not_done(COUNTRY, AGAIN)]
    assert scene.on_record() == [("r1", ("polar_external_id",), None)]
    assert scene.still_open() == [("r1", ("polar_country",))]


async def test_one_look_is_for_all_writes_of_a_portion_and_none_is_looked_at_twice(scene: Scene) -> None:
    scene.people.refuses, scene.people.takes_all = lambda sent: None if "r2" in sent else FAILS, True

    items = await scene.run(*(did(f"r{number}") for number in (1, 2, 3, 4)), pace=Pace(writes=0.15))

    assert scene.people.searches == [("r1", "r2", "r3"), ("r1", "r3"), ("r4",), ("r4",)]
    assert sorted(one.record_id for one in items) == ["r1", "r2", "r3", "r4"]
    assert {one.verdict for one in items} == {Verdict.PUT_BACK}


async def test_a_write_of_which_no_look_tells_anything_stays_open(scene: Scene) -> None:
    def merges(sent: Collection[str]) -> Exception:
        scene.people.held.pop("r2", None)
        return FAILS

    scene.people.refuses = merges

    items = await scene.run(did("r1"), did("r2"))

    assert items == [not_done(COUNTRY, AGAIN), not_done(item("polar_country", "DE", "FR", "r2"), AGAIN)]
    assert scene.still_open() == [("r1", ("polar_country",)), ("r2", ("polar_country",))]


async def test_writes_stay_open_where_the_later_look_fails(scene: Scene) -> None:
    scene.people.refuses, scene.people.takes_all = lambda _: FAILS, True
    scene.people.silent = lambda _: FAILS if scene.people.sent else None

    assert await scene.run(did()) == [not_done(COUNTRY, AGAIN)]
    assert scene.still_open() == [("r1", ("polar_country",))]


async def test_a_write_stays_open_where_this_program_fails_on_what_the_later_look_shows(scene: Scene) -> None:
    nobody: Any = "an actor that Attio has not had so far"

    def loses(_: Collection[str]) -> Exception:
        scene.people.held["r1"] = replace(HELD, values={"polar_country": CurrentValue("IT", nobody)})
        return FAILS

    scene.people.refuses = loses

    assert await scene.run(did()) == [not_done(COUNTRY, AGAIN)]
    assert scene.still_open() == [("r1", ("polar_country",))]


async def test_what_was_amended_with_the_first_look_is_what_the_later_one_is_judged_by(scene: Scene) -> None:
    looks: list[HeldRecord] = []

    def cleared(record: RecordEffects, held: HeldRecord) -> RecordEffects:
        looks.append(held)
        return replace(record, effects=(Effect("polar_country", None, "FR"),))

    scene.people.refuses, scene.people.takes_all = lambda _: FAILS, True

    assert [one.verdict for one in await scene.run(did(), amend=cleared)] == [Verdict.CLEARED]
    assert looks == [holding("r1", polar_country="FR")]


@pytest.mark.parametrize(("search", "write", "late"), [(50, 9, False), (50, 11, True), (0, 59, False), (0, 61, True)])
def test_a_write_has_the_time_that_a_look_stays_fresh(scene: Scene, search: float, write: float, late: bool) -> None:
    scene.people.search_seconds, scene.people.write_seconds = search, write

    with virtual_time(NOW):
        items = asyncio.run(scene.run(did()))

    assert items == [not_done(COUNTRY, LATE) if late else COUNTRY]
    assert scene.health.closed(Kind.UPDATE) is None


def test_after_a_search_that_took_minutes_the_records_are_looked_at_anew_and_written(scene: Scene) -> None:
    scene.people.first_search_seconds = 300

    with virtual_time(NOW):
        items = asyncio.run(scene.run(did()))

    assert items == [COUNTRY]
    assert scene.people.searches == [("r1",), ("r1",)]


def test_a_late_write_is_no_evidence_about_updates(scene: Scene) -> None:
    scene.people.write_seconds = 61

    async def run() -> None:
        await scene.fail(Kind.UPDATE, TOLERATED)
        await scene.run(did())
        assert scene.health.closed(Kind.UPDATE) is None
        await scene.fail(Kind.UPDATE, 1)

    with virtual_time(NOW):
        asyncio.run(run())

    assert scene.health.closed(Kind.UPDATE)


async def test_a_write_on_which_this_program_fails_costs_its_record_alone_and_is_looked_at_again(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    error = ZeroDivisionError("ada@example.com")
    scene.people.held["r1"] = replace(HELD, values={"polar_country": CurrentValue("FR", "api-token")})
    scene.people.refuses = lambda sent: error if "polar_country" in sent and "r1" in sent else None

    items = await scene.run(did("r1", COUNTRY, ADDED), did("r2"))

    why = f"{BUG.format('ZeroDivisionError')} Run the undo again."
    assert [one for one in items if one.record_id == "r1"] == [not_done(ADDED, why), not_done(COUNTRY, why)]
    assert item("polar_country", "DE", "FR", "r2") in items
    [record] = caplog.records
    assert record.getMessage().startswith("ZeroDivisionError on record r1 at ")


async def test_what_attio_carried_out_is_on_record_although_this_program_fails_on_the_answer(scene: Scene) -> None:
    scene.people.refuses, scene.people.takes_all = lambda _: ZeroDivisionError(), True

    assert await scene.run(did()) == [COUNTRY]
    assert scene.on_record() == [("r1", ("polar_country",), None)]

"""People are linked to companies after a fresh look; who cannot be linked is named, and costs nobody else the link."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from polar_attio_pipeline.sync.companies import links as company_links
from polar_attio_pipeline.sync.companies.links import LinkCandidate, Links, link_people
from polar_attio_pipeline.sync.health import TOLERATED, TOLERATED_SEARCHES, Health
from polar_attio_pipeline.sync.ports import (
    DeniedError,
    NoMemory,
    RecordGoneError,
    RecordRefusedError,
    UnavailableError,
)
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Person
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time
from polar_attio_pipeline_tests.sync.builders import person
from polar_attio_pipeline_tests.sync.companies.crm import Crm
from polar_attio_pipeline_tests.sync.fakes import Attio, Kept


def held(number: int, company: str | None = None, actor: Actor = "api-token") -> Person:
    found = person(f"p{number}", f"{number}@acme.com", polar_customer_id=f"c{number}")
    return replace(found, company=CurrentValue(company, actor) if company else None)


def due(number: int) -> LinkCandidate:
    return LinkCandidate(f"p{number}", f"c{number}", "acme")


@dataclass
class Linked(NoMemory):
    """What passes have linked before, by the person's record id."""

    companies: Mapping[str, str] = field(default_factory=dict)

    def links(self, record_ids: Collection[str]) -> Mapping[str, str]:
        return {one: company for one, company in self.companies.items() if one in record_ids}


@dataclass
class People(Attio):
    """Attio's people, whom a test lets be linked or not.

    Attributes:
        fails: Returns what the link of a person raises.
        linked: The links that were made.
    """

    fails: Callable[[str], Exception | None] = lambda _: None
    linked: list[tuple[str, str]] = field(default_factory=list)

    async def link(self, person: str, company: str) -> str | None:
        await asyncio.sleep(self.seconds)
        if error := self.fails(person):
            raise error
        self.linked.append((person, company))
        return f"x-{person}"


@dataclass
class Scene:
    """People to be linked, and what came of it.

    Attributes:
        looked_at: How many people were said to be looked at, each time.
    """

    people: People
    memory: Linked = field(default_factory=Linked)
    history: Kept = field(default_factory=Kept)
    looked_at: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        health = Health(self.people.is_answering)
        self.services = Crm().services(health=health, history=self.history, pace=Pace(writes=1000, questions=1000))

    async def link(self, *numbers: int) -> Links:
        candidates = [due(number) for number in numbers]
        return await link_people(candidates, self.people, self.memory, self.services, self.looked_at.append)


def fails_for(record_id: str, error: Exception) -> Callable[[str], Exception | None]:
    return lambda person: error if person == record_id else None


async def test_who_has_no_company_is_linked_and_who_was_linked_by_a_pass_is_moved() -> None:
    scene = Scene(People([held(1), held(2, "old"), held(3, "typed", "workspace-member")]), Linked({"p2": "old"}))

    links = await scene.link(1, 2, 3, 4)

    assert links == Links(linked=1, moved=1)
    assert scene.people.linked == [("p1", "acme"), ("p2", "acme")]
    assert scene.looked_at == [4]


async def test_each_link_is_on_record_before_and_after_with_what_was_there() -> None:
    scene = Scene(People([held(1), held(2, "old")]), Linked({"p2": "old"}))

    await scene.link(1, 2)

    new = WrittenValue("company", None, None, "acme")
    moved = WrittenValue("company", "old", "api-token", "acme")
    assert [(one.customer_id, one.record_id, one.values) for one in scene.history.intended] == [
        ("c1", "p1", (new,)),
        ("c2", "p2", (moved,)),
    ]
    assert [writes for _, writes in scene.history.settled] == [
        (Write("c1", "p1", (new,), "people", WriteAction.UPDATE, "x-p1"),),
        (Write("c2", "p2", (moved,), "people", WriteAction.UPDATE, "x-p2"),),
    ]


@pytest.mark.parametrize(
    ("error", "is_settled"),
    [
        (RecordRefusedError("There is no such company."), True),
        (RecordGoneError("There is no such person."), True),
        (DeniedError("Attio allows no writes."), True),
        (UnavailableError("Attio fails."), False),
    ],
)
async def test_a_link_that_fails_is_named_and_all_others_are_made(error: Exception, is_settled: bool) -> None:
    scene = Scene(People([held(1), held(2), held(3)], fails=fails_for("p2", error)))

    links = await scene.link(1, 2, 3)

    assert links == Links(linked=2, failed={"c2": str(error)})
    assert [intent.record_id for intent, writes in scene.history.settled if not writes] == ["p2"] * is_settled


async def test_a_link_that_takes_too_long_is_given_up_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_links, "FRESH_SECONDS", 0.01)
    scene = Scene(People([held(1)], seconds=5))

    links = await scene.link(1)

    assert links.failed == {"c1": "Attio did not carry the write out within 0.01 s."}
    assert scene.history.settled == []


async def test_a_person_who_cannot_be_searched_for_is_named() -> None:
    scene = Scene(People([held(1), held(2)], unsearchable=frozenset({"p2"})))

    links = await scene.link(1, 2)

    assert links == Links(linked=1, failed={"c2": "Attio failed on each search for this person."})


async def test_where_the_search_fails_everybody_of_it_is_named_and_after_very_many_none_is_made() -> None:
    scene = Scene(People([held(1), held(2)], down=UnavailableError("Attio fails.")))
    for _ in range(TOLERATED_SEARCHES + 1):
        assert (await scene.link(1, 2)).failed == {"c1": "Attio fails.", "c2": "Attio fails."}
    searches = len(scene.people.searches)

    links = await scene.link(1, 2)

    why = "All searches for people fail at present, so this one was left out: Attio fails."
    assert links.failed == {"c1": why, "c2": why}
    assert len(scene.people.searches) == searches


async def test_once_very_many_links_have_failed_none_is_sent_and_none_stays_open() -> None:
    scene = Scene(People([held(1)], fails=lambda _: UnavailableError("Attio fails.")))
    for _ in range(TOLERATED + 1):
        await scene.link(1)
    scene.people.fails = lambda _: None

    links = await scene.link(1)

    why = "All links of people to companies fail at present, so this one was left out: Attio fails."
    assert links == Links(failed={"c1": why})
    assert scene.people.linked == []
    assert scene.history.settled == [(scene.history.intended[-1], ())]


@pytest.mark.parametrize("error", [RecordRefusedError("no."), None])
async def test_an_answer_between_them_shows_that_failures_are_single_ones(error: Exception | None) -> None:
    scene = Scene(People([held(1), held(2)], fails=fails_for("p1", UnavailableError("Attio fails."))))
    for _ in range(TOLERATED):
        await scene.link(1)
    scene.people.fails = lambda _: error
    await scene.link(2)
    scene.people.fails = fails_for("p1", UnavailableError("Attio fails."))

    assert (await scene.link(1)).failed == {"c1": "Attio fails."}
    assert (await scene.link(1)).failed == {"c1": "Attio fails."}


async def test_large_numbers_are_linked_portion_by_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_links, "portion_size", lambda _: 2)
    scene = Scene(People([held(number) for number in range(5)]))

    assert await scene.link(*range(5)) == Links(linked=5)
    assert scene.looked_at == [2, 2, 1]


async def test_a_pass_that_is_asked_to_end_begins_no_more_links() -> None:
    scene = Scene(People([held(1)]))
    scene.services = replace(scene.services, is_stopping=lambda: True)

    with pytest.raises(asyncio.CancelledError):
        await scene.link(1)
    assert scene.people.linked == []


def test_after_a_search_that_took_minutes_people_are_looked_at_anew_and_linked() -> None:
    scene = Scene(People([held(1)], first_search_seconds=300))

    with virtual_time(datetime(2026, 11, 3, 12, tzinfo=UTC)):
        links = asyncio.run(scene.link(1))

    assert links == Links(linked=1)
    assert len(scene.people.searches) == 2

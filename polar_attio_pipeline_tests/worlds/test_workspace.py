"""The people in memory answer as the sandbox of Attio does, whatever is asked of both of them in whatever order."""

import asyncio
from random import Random
from typing import Any

import pytest

from polar_attio_pipeline.attio.values import encode
from polar_attio_pipeline.sync.ports import EmailTakenError, RecordGoneError
from polar_attio_pipeline.sync.records import CurrentValue, Person, PersonName, Value, ValueType
from polar_attio_pipeline_tests.sync.both_sides import BothSides, connect, new_sandbox
from polar_attio_pipeline_tests.worlds.sides import EMAILS, IDS
from polar_attio_pipeline_tests.worlds.workspace import ID, MARK, Workspace, web_address

ADDRESSES = (*EMAILS.values(), "c@example.com")
NAMES = tuple(PersonName(text, "", text) for text in ("Ada AG", "Ada GmbH", "The Countess"))
TYPES = {MARK: ValueType.CHECKBOX, ID: ValueType.TEXT, "name": ValueType.NAME}
STEPS = 30


class Twins:
    """Both, told the same.

    Attributes:
        records: For each record of the sandbox, the one in memory.
    """

    def __init__(self, real: BothSides, random: Random) -> None:
        self.real = real
        self.model = Workspace({})
        self.random = random
        self.records: dict[str, str] = {}

    async def step(self) -> None:
        """Ask both for the same, and compare what they answer."""
        act = self.random.choice((self.member_adds, self.create, self.create, self.update, self.update, self.find))
        await act()
        assert self.shown(await self.marked(self.real.people)) == self.shown(await self.marked(self.model))

    async def member_adds(self) -> None:
        email, values = self.random.choice(ADDRESSES), self.values()
        if any(email in person.emails for person in self.model.people.values()):
            return
        encoded = {key: encode(TYPES[key], value) for key, value in values.items()}
        record = self.real.attio.add_person(emails=[email], values=encoded)
        mine = self.records[record] = f"typed-{len(self.records)}"
        held = {key: CurrentValue(value, "workspace-member") for key, value in values.items()}
        self.model.people = {**self.model.people, mine: Person(mine, web_address(mine), (email,), held)}

    async def create(self) -> None:
        email, values = self.random.choice(ADDRESSES), self.values()
        real = await self.answer(self.real.people.create(values, email=email))
        mine = await self.answer(self.model.create(values, email=email))
        if isinstance(real, Person) and isinstance(mine, Person):
            self.records[real.record_id] = mine.record_id
        self.same(real, mine)

    async def update(self) -> None:
        real_id, my_id = self.random.choice([*self.records.items(), ("00000000-0000-4000-8000-000000000000", "gone")])
        values, email = self.values(), self.random.choice((None, *ADDRESSES))
        self.same(
            await self.answer(self.real.people.update(real_id, values, add_email=email)),
            await self.answer(self.model.update(my_id, values, add_email=email)),
        )

    async def find(self) -> None:
        ids = self.random.sample([*IDS.values()], self.random.randint(0, 2))
        emails = self.random.sample(ADDRESSES, self.random.randint(0, 2))
        known = self.random.sample([*self.records.items()], self.random.randint(0, min(1, len(self.records))))
        real = await self.real.people.find(ids=ids, emails=emails, records=[one for one, _ in known])
        mine = await self.model.find(ids=ids, emails=emails, records=[one for _, one in known])
        assert self.shown(real.people) == self.shown(mine.people)
        assert real.unsearchable == mine.unsearchable

    def values(self) -> dict[str, Value]:
        possible: dict[str, Value] = {
            MARK: True,
            ID: self.random.choice([*IDS.values()]),
            "name": self.random.choice(NAMES),
        }
        return {key: possible[key] for key in self.random.sample([*possible], self.random.randint(1, 3))}

    async def answer(self, request: Any) -> Person | type[Exception]:
        try:
            person = await request
        except (EmailTakenError, RecordGoneError) as error:
            return type(error)
        assert isinstance(person, Person)
        return person

    async def marked(self, people: Any) -> list[Person]:
        return [person async for page in people.marked() for person in page]

    def same(self, real: Person | type[Exception], mine: Person | type[Exception]) -> None:
        if isinstance(real, Person) and isinstance(mine, Person):
            assert self.shown([real]) == self.shown([mine])
        else:
            assert real is mine

    def shown(self, people: Any) -> dict[str, tuple[object, ...]]:
        """People by the record in memory: what each holds, and who wrote it."""
        return {
            self.records.get(person.record_id, person.record_id): (
                person.emails,
                {key: held for key, held in person.values.items() if key in TYPES},
            )
            for person in people
        }


@pytest.mark.parametrize("seed", range(20))
async def test_the_people_in_memory_answer_as_the_sandbox_does(seed: int) -> None:
    async with connect(new_sandbox()) as real:
        twins = Twins(real, Random(seed))
        for _ in range(STEPS):
            await twins.step()
        assert twins.records


async def test_writes_made_at_once_are_on_their_way_together_and_a_crash_may_find_any_of_them_done() -> None:
    found: set[frozenset[str]] = set()
    workspace = Workspace({})
    workspace.watch = lambda: found.update(frozenset(people()) for _, people in workspace.as_a_crash_may_find_it())

    await asyncio.gather(*(workspace.create({MARK: True}, email=email) for email in ADDRESSES))

    assert len(found) == 2 ** len(ADDRESSES)

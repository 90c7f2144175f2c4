"""Both sides and the history for the tests of the heart: each answers as its test says, and keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.emails import email_key
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.matching import person_id
from polar_attio_pipeline.sync.planning import EMAILS_KEY
from polar_attio_pipeline.sync.ports import BeforeWrite, Found, NoHistory, Restored
from polar_attio_pipeline.sync.records import CurrentValue, Owner, Person, Values
from polar_attio_pipeline.sync.writes import Write
from polar_attio_pipeline_tests.sync.builders import person


@dataclass
class Polar:
    """Polar, as far as it is asked about single customers: an error in the place of an answer is raised."""

    owners: Mapping[str, Owner | Exception | None] = field(default_factory=dict)
    alive: Mapping[str, bool | Exception] = field(default_factory=dict)
    answers: bool = True
    asked: list[str] = field(default_factory=list)

    async def owner(self, customer_id: str) -> Owner | None:
        self.asked.append(customer_id)
        answer = self.owners[customer_id]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def exists(self, customer_id: str) -> bool:
        self.asked.append(customer_id)
        answer = self.alive[customer_id]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def is_answering(self) -> bool:
        return self.answers


@dataclass
class Attio:
    """Attio's people.

    Attributes:
        people: Those that a search can find.
        unsearchable: Ids and addresses for which each search fails.
        down: What each search raises.
        trouble: Returns what a write of these keys raises.
        seconds: So long a write takes.
        first_search_seconds: So long the first search takes.
        searches: The ids of each search.
        sent: Each write that arrived: the record, None for a new one, and the keys.
        kept: The companies that were to be restored, with the record.
    """

    people: Sequence[Person] = ()
    unsearchable: frozenset[str] = frozenset()
    down: Exception | None = None
    trouble: Callable[[Collection[str]], Exception | None] = lambda _: None
    answers: bool = True
    seconds: float = 0
    first_search_seconds: float = 0
    searches: list[Collection[str]] = field(default_factory=list)
    sent: list[tuple[str | None, tuple[str, ...]]] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)

    async def find(self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()) -> Found:
        self.searches.append(ids)
        await asyncio.sleep(self.first_search_seconds if len(self.searches) == 1 else 0)
        if self.down:
            raise self.down
        wanted = {*ids, *emails, *records} - self.unsearchable
        found = [
            one
            for one in self.people
            if not wanted.isdisjoint({person_id(one), one.record_id, *map(email_key, one.emails)})
        ]
        return Found(found, self.unsearchable & {*ids, *emails, *records})

    async def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[Person]]:
        yield self.people

    async def create(self, values: Values, *, email: str) -> Person:
        return await self._write(None, values, email)

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        return await self._write(record_id, values, add_email)

    async def keep_company(self, person: Person, company: str, *, before_write: BeforeWrite) -> Restored | None:
        self.kept.append((person.record_id, company))
        return None

    async def is_answering(self) -> bool:
        return self.answers

    async def _write(self, record_id: str | None, values: Values, email: str | None) -> Person:
        keys = (*([EMAILS_KEY] if email else []), *values)
        self.sent.append((record_id, keys))
        await asyncio.sleep(self.seconds)
        if error := self.trouble(keys):
            raise error
        held = {key: CurrentValue(value, "api-token") for key, value in values.items() if value is not None}
        written = person(record_id or "new", *([email] if email else []))
        return replace(written, values=held, execution_id=f"x-{len(self.sent)}")


class Restless(Attio):
    """Attio, where the person of an address is another customer at each look."""

    async def find(self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()) -> Found:
        self.people = [person("p1", "ada@example.com", polar_customer_id=f"customer-{len(self.searches)}")]
        return await super().find(ids=ids, emails=emails, records=records)


@dataclass
class OnRecord(NoHistory):
    """A history that knows which writes are open; each is settled once.

    Attributes:
        open: Writes that were intended, and of which it is not known what became of them.
        written: What was carried out.
    """

    open: list[Intent] = field(default_factory=list)
    written: list[Write] = field(default_factory=list)

    def intend(self, intents: Sequence[Intent]) -> None:
        self.open += intents

    def settle(self, intent: Intent, *writes: Write) -> None:
        self.open.remove(intent)
        self.written += writes


@dataclass
class Kept(NoHistory):
    """What went on record before and after writes."""

    intended: list[Intent] = field(default_factory=list)
    settled: list[tuple[Intent, tuple[Write, ...]]] = field(default_factory=list)

    def intend(self, intents: Sequence[Intent]) -> None:
        self.intended += intents

    def settle(self, intent: Intent, *writes: Write) -> None:
        self.settled.append((intent, writes))

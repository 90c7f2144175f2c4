"""The people of a CRM in memory: what `sync.ports.People` promises, without a network, in microseconds.

`test_workspace.py` holds it against the sandbox of Attio, answer by answer.
"""

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from polar_attio_pipeline.sync.ports import BeforeWrite, EmailTakenError, Found, RecordGoneError, Restored
from polar_attio_pipeline.sync.records import CurrentValue, Person, Values

MARK, ID = "polar_customer", "polar_customer_id"

Everybody = Mapping[str, Person]
"""People by record id."""


def web_address(record_id: str) -> str:
    """Where a person opens a record."""
    return f"https://app.attio.com/acme/person/{record_id}"


@dataclass(frozen=True)
class Request:
    """A write on its way.

    Attributes:
        record_id: Which record it changes, or makes.
        carry_out: Takes everybody, and returns everybody as they are afterwards; raises what refuses it.
    """

    record_id: str
    carry_out: Callable[[Everybody], Everybody]


@dataclass
class Workspace:
    """People by record id; implements `sync.ports.People`.

    A write takes two turns of the event loop: one on its way there, one on the way back. So writes that are made at
    once are on their way together, and a crash may find any of them carried out.

    Attributes:
        people: Everybody.
        new_ids: The record ids of those who are created.
        watch: Called whenever a crash would find something else than before.
        on_the_way: Writes that were sent and not carried out yet.
        carried_out: Which records were written, one after the other.
    """

    people: Everybody
    new_ids: Iterator[str] = field(default_factory=lambda: (f"new-{number}" for number in itertools.count(1)))
    watch: Callable[[], None] = lambda: None
    on_the_way: list[Request] = field(default_factory=list)
    carried_out: list[str] = field(default_factory=list)

    async def find(self, *, ids: Collection[str], emails: Collection[str], records: Collection[str] = ()) -> Found:
        return Found(
            [
                person
                for person in self.people.values()
                if _text(person, ID) in ids or person.record_id in records or not set(emails).isdisjoint(person.emails)
            ]
        )

    async def marked(self, *, expected: int = 0) -> AsyncIterator[Sequence[Person]]:
        yield [
            person
            for person in self.people.values()
            if "-" in _text(person, ID) or (MARK in person.values and person.values[MARK].value is True)
        ]

    async def create(self, values: Values, *, email: str) -> Person:
        record_id = next(self.new_ids)
        return await self._send(Request(record_id, lambda people: created(people, record_id, values, email)))

    async def update(self, record_id: str, values: Values, *, add_email: str | None = None) -> Person:
        return await self._send(Request(record_id, lambda people: updated(people, record_id, values, add_email)))

    async def keep_company(self, person: Person, company: str, *, before_write: BeforeWrite) -> Restored | None:
        raise AssertionError("no person of these worlds has a company")

    async def is_answering(self) -> bool:
        return True

    def as_a_crash_may_find_it(self) -> Iterator[tuple[frozenset[str], Callable[[], Everybody]]]:
        """Yield which records are written then, as any write on its way may be carried out or not, and everybody."""
        for number in range(len(self.on_the_way) + 1):
            for some in itertools.combinations(self.on_the_way, number):
                written = frozenset((*self.carried_out, *(request.record_id for request in some)))
                yield written, functools.partial(_carried_out, self.people, some)

    async def _send(self, request: Request) -> Person:
        self.on_the_way.append(request)
        await asyncio.sleep(0)
        self.watch()
        self.on_the_way.remove(request)
        self.people = request.carry_out(self.people)
        self.carried_out.append(request.record_id)
        await asyncio.sleep(0)
        return self.people[request.record_id]


def _carried_out(people: Everybody, requests: Sequence[Request]) -> Everybody:
    for request in requests:
        people = request.carry_out(people)
    return people


def created(people: Everybody, record_id: str, values: Values, email: str) -> Everybody:
    """Return everybody and one more; an address that somebody holds is refused (docs.attio.com: 400)."""
    _insist_on_free(people, email, but="")
    blank = Person(record_id, web_address(record_id), (email,))
    return {**people, record_id: _with_values(blank, values)}


def updated(people: Everybody, record_id: str, values: Values, add_email: str | None) -> Everybody:
    """Return everybody, one of them with other values; a new address comes before the others (measured)."""
    if record_id not in people:
        raise RecordGoneError
    person = people[record_id]
    if add_email is not None:
        _insist_on_free(people, add_email, but=record_id)
        if add_email not in person.emails:
            person = replace(person, emails=(add_email, *person.emails))
    return {**people, record_id: _with_values(person, values)}


def _with_values(person: Person, values: Values) -> Person:
    held = dict(person.values)
    for key, value in values.items():
        if value is None:
            held.pop(key, None)
        else:
            held[key] = CurrentValue(value, "api-token")
    return replace(person, values=held)


def _insist_on_free(people: Everybody, email: str, *, but: str) -> None:
    if any(email in person.emails for person in people.values() if person.record_id != but):
        raise EmailTakenError


def _text(person: Person, key: str) -> str:
    held = person.values.get(key)
    return held.value if held and isinstance(held.value, str) else ""

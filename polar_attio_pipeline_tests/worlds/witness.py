"""What really happens in Attio: each change of each value, by whom, in the order in which it comes about.

It is taken down on the side of the sandbox, request by request, without the code that makes or records the requests.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.types import ASGIApp

from polar_attio_pipeline.sandbox.traffic import kind_of
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline_tests.faults.life import Life as Lifetime
from polar_attio_pipeline_tests.faults.life import Step
from polar_attio_pipeline_tests.passes.world import World
from polar_attio_pipeline_tests.sync.predictions import is_same
from polar_attio_pipeline_tests.sync.state import look

EMAILS = "email_addresses"
OTHERS = "members, and Attio itself"
"""Who changes what no pass changes."""

Place = tuple[str, str]
"""A record, and an attribute of it by its slug; each address is a place of its own: `email_addresses <address>`."""

Held = tuple[Any, str, str]
"""What is there, who wrote it, since when."""


@dataclass(frozen=True)
class Event:
    """One change of what is at a place.

    Attributes:
        by: The pass, or `OTHERS`.
        place: Where.
        old: What was there; None for nothing.
        new: What is there afterwards.
        made: Whether the record came about by it.
    """

    by: str
    place: Place
    old: Held | None
    new: Held | None
    made: bool = False


@dataclass
class Witness:
    """Watches one world.

    Attributes:
        events: What has happened, in its order.
        spans: For each pass, the number of the first event while it ran, and of the first one after it.
    """

    world: World
    events: list[Event] = field(default_factory=list)
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)

    def now(self) -> dict[Place, Held]:
        """What is in Attio now, as far as a pass may write to it."""
        found: dict[Place, Held] = {}
        for record_id, person in look(self.world.polar, self.world.attio).people.items():
            for slug, values in person.values.items():
                if slug in BY_KEY:
                    found[record_id, slug] = values[0]
            for email in person.emails:
                found[record_id, f"{EMAILS} {email}"] = (email, "", "")
        return found

    @contextmanager
    def watching(self, by: str) -> Iterator[None]:
        """Take down what happens meanwhile."""
        before = self.now()
        yield
        self.events += changes(before, self.now(), by)

    @contextmanager
    def running(self, pass_id: str) -> Iterator[None]:
        """Note from when until when a pass runs."""
        first = len(self.events)
        try:
            yield
        finally:
            self.spans[pass_id] = (first, len(self.events))

    def by(self, passes: Collection[str]) -> list[Event]:
        """What these passes did."""
        return [event for event in self.events if event.by in passes]

    def at(self, place: Place) -> list[Event]:
        """What has happened at a place."""
        return [event for event in self.events if event.place == place]

    def raced(self, place: Place) -> bool:
        """Tell whether somebody changed a place while a pass ran that wrote to it afterwards.

        All addresses of a person count as one place here, because the last one of a person is never taken away.
        """
        near = [(number, event) for number, event in enumerate(self.events) if _is_beside(event.place, place)]
        for at, event in near:
            first, _ = self.spans.get(event.by, (at, at))
            if any(first <= number < at and before.by == OTHERS for number, before in near):
                return True
        return False


def _is_beside(one: Place, other: Place) -> bool:
    is_same_kind = one[1] == other[1] or (one[1].startswith(EMAILS) and other[1].startswith(EMAILS))
    return one[0] == other[0] and is_same_kind


def shows(held: Held | None, value: object) -> bool:
    """Tell whether a place holds a value; None is nothing."""
    return value is None if held is None else is_same(held[0], value)


def changes(before: Mapping[Place, Held], after: Mapping[Place, Held], by: str) -> Iterator[Event]:
    """Yield what differs."""
    records = {record_id for record_id, _ in before}
    for place in sorted(before.keys() | after.keys()):
        old, new = before.get(place), after.get(place)
        if old != new:
            yield Event(by, place, old, new, made=place[0] not in records)


class Wire(httpx.AsyncBaseTransport):
    """Carries the requests of passes to the sandbox in process, under the eyes of a witness.

    Writes arrive one after the other, so that each change has one author. A killed pass sends nothing any more.

    Args:
        app: The sandbox.
        witness: Of the world.

    Attributes:
        pass_id: Of the pass that sends.
        lifetime: Until when it lives.
        meanwhile: Called before Attio is read: members work on while passes run.
    """

    def __init__(self, app: ASGIApp, witness: Witness) -> None:
        self._sandbox = httpx.ASGITransport(app)
        self._witness = witness
        self._turn = asyncio.Lock()
        self.pass_id = ""
        self.lifetime = Lifetime()
        self.meanwhile: Callable[[], None] = lambda: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.startswith("/v2/"):
            self.lifetime.go_on()
            return await self._sandbox.handle_async_request(request)
        async with self._turn:
            writes = kind_of(request.method, request.url.path) == "write"
            steps: tuple[Step, ...] = ("request", "write") if writes else ("request",)
            self.lifetime.before(*steps)
            if not writes:
                self.meanwhile()
            with self._witness.watching(self.pass_id):
                response = await self._sandbox.handle_async_request(request)
            self.lifetime.after(*steps)
            return response

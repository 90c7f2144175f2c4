"""A pass that can die: at any request, at any write to Attio, at any write to the ledger."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime, parsedate_to_datetime
from random import Random
from typing import Literal

import httpx
import sqlalchemy as sa
from starlette.types import ASGIApp

from polar_attio_pipeline.ledger import PATIENCE, Ledger
from polar_attio_pipeline.ledger.database import Database
from polar_attio_pipeline.ledger.location import locate
from polar_attio_pipeline.sandbox.traffic import Traffic, kind_of, service_of

NO_ANSWER_SECONDS = 30
"""After so much silence the real transport gives up (`http.client`)."""

ON_THE_WIRE = (0.002, 0.04)
"""Seconds that a request or an answer takes, from and to."""

LEDGER_WRITES = 11
"""The least writes to the ledger of a first pass over three hours: snapshot, lease, beginning, facts, what each hour is
about to write, outcomes, end, and the lease again. A slow machine stores outcomes more often."""

Step = Literal["request", "write", "ledger"]


class KilledError(BaseException):
    """The process was killed. No `except Exception` sees it, and afterwards nothing leaves the process any more."""


@dataclass(frozen=True, slots=True)
class Death:
    """When a pass dies: at its so-manieth request, write to Attio or write to the ledger, before or after it."""

    step: Step
    number: int
    after: bool


@dataclass
class Life:
    """Counts the steps of a pass; ends it when its time has come.

    Attributes:
        death: None for a pass that lives to its end.
        events: What happens elsewhere in the world just before the so-manieth request of the pass is answered.
        dead: Whether it came to that.
    """

    death: Death | None = None
    events: dict[int, Callable[[], None]] = field(default_factory=dict)
    dead: bool = False
    _steps: Counter[Step] = field(default_factory=Counter)

    def before(self, *steps: Step) -> None:
        """Take these steps, or die at their threshold."""
        self.go_on()
        for step in steps:
            self._steps[step] += 1
            self._meet(step, after=False)

    def after(self, *steps: Step) -> None:
        """Have taken these steps, or die before anybody hears of it."""
        self.go_on()
        for step in steps:
            self._meet(step, after=True)

    def end(self) -> None:
        """Die: the next step is not taken."""
        self.dead = True

    def go_on(self) -> None:
        """Do nothing, unless dead.

        Raises:
            KilledError: dead.
        """
        if self.dead:
            raise KilledError

    def witness(self) -> None:
        """Let happen what is due at the request that was just counted."""
        event = self.events.pop(self._steps["request"], None)
        if event:
            event()

    def _meet(self, step: Step, *, after: bool) -> None:
        if self.death and (self.death.step, self.death.after) == (step, after):
            self.dead = self._steps[step] >= self.death.number
            self.go_on()


def draw_life(random: Random) -> Life:
    """Draw whether and when a pass is killed."""
    if random.random() < 0.6:
        return Life()
    step: Step = random.choice(("request", "write", "write", "ledger"))
    number = random.randint(1, LEDGER_WRITES if step == "ledger" else random.choice((5, 25)))
    return Life(Death(step, number, after=random.random() < 0.5))


class HeardTraffic(Traffic):
    """Counts as told to wait whoever has heard it: an answer to a request that was given up tells nobody."""

    def told_to_wait(self, service: str, retry_after: str) -> None:
        """Wait for `heard`."""

    def clock_was_set(self) -> None:
        """Forget who was told to wait: their moments are by the old time."""
        self._closed.clear()

    def heard(self, response: httpx.Response) -> None:
        """Note that an answer has arrived."""
        service = service_of(response.request.url.path)
        retry_after = response.headers.get("Retry-After")
        if not service or not retry_after:
            return
        if not retry_after.isdecimal():
            # A date is by the clock of the answer, which may be off.
            dated, until = (parsedate_to_datetime(text) for text in (response.headers["Date"], retry_after))
            retry_after = format_datetime(until - (dated - self.clock().replace(microsecond=0)), usegmt=True)
        super().told_to_wait(service, retry_after)


class Wire(httpx.AsyncBaseTransport):
    """Carries requests to the sandbox, in process. A request that is under way arrives, whatever becomes of its sender.

    Args:
        app: The sandbox.
        traffic: What the sandbox sees of it.
        life: Of the pass that sends.
        random: Draws how long requests and answers take.
    """

    def __init__(self, app: ASGIApp, traffic: HeardTraffic, life: Life, random: Random) -> None:
        self._sandbox = httpx.ASGITransport(app)
        self._traffic = traffic
        self._life = life
        self._random = random

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        writes = request.url.path.startswith("/v2/") and kind_of(request.method, request.url.path) == "write"
        steps: tuple[Step, ...] = ("request", "write") if writes else ("request",)
        self._life.before(*steps)
        await self._travel()
        self._life.witness()
        served = asyncio.ensure_future(self._sandbox.handle_async_request(request))
        served.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            response = await asyncio.shield(served)
        except httpx.ReadTimeout:
            await asyncio.sleep(NO_ANSWER_SECONDS)
            raise
        self._life.after(*steps)
        await self._travel()
        self._life.go_on()
        response.request = request
        self._traffic.heard(response)
        return response

    async def _travel(self) -> None:
        await asyncio.sleep(self._random.uniform(*ON_THE_WIRE))


class MortalLedger(Ledger):
    """The real ledger, as a process has it that can die: a dead process neither reads nor writes it any more."""

    def __init__(self, url: str, life: Life) -> None:
        super().__init__(url)
        self._database = _MortalDatabase(url, life)


class _MortalDatabase(Database):
    def __init__(self, url: str, life: Life) -> None:
        super().__init__(locate(url), patience=PATIENCE)
        self._life = life

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        self._life.go_on()
        with super().reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        self._life.before("ledger")
        with super().writing() as connection:
            yield connection
        self._life.after("ledger")

"""Passes that report, on the sandbox with the services' real limits, in time that passes only when everybody waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from polar_attio_pipeline.attio.client import attio_api
from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.connect import to_attio
from polar_attio_pipeline.passes.progress import Event, Progress
from polar_attio_pipeline.passes.rules import PassContext
from polar_attio_pipeline.passes.story import sentences
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.app import create_app
from polar_attio_pipeline.sandbox.limits import REAL
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.attributes import BY_KEY
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.attributes import add_attributes
from polar_attio_pipeline_tests.faults.virtual_time import virtual_time

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

_Result = TypeVar("_Result")


@dataclass
class Heard:
    """What passes have reported, and when, in seconds."""

    events: list[tuple[float, Event]] = field(default_factory=list)

    def report(self, event: Event) -> None:
        self.events.append((time.monotonic(), event))

    @property
    def lines(self) -> list[str]:
        """What a person reads."""
        return [sentence for _, event in self.events for sentence in sentences(event)]

    @property
    def progress(self) -> list[Progress]:
        return [event for _, event in self.events if isinstance(event, Progress)]

    def longest_silence(self) -> float:
        """The most seconds between two reports."""
        return max(later - earlier for (earlier, _), (later, _) in pairwise(self.events))

    def that(self, *parts: str) -> str:
        """The first line that has all of these parts."""
        found = [line for line in self.lines if all(part in line for part in parts)]
        assert found, "\n".join([f"no line has {parts}:", *self.lines])
        return found[0]


class Theatre:
    """Both services with their real limits, and a ledger.

    Attributes:
        here: An hour that has ended, a while ago.
        heard: What all passes have reported.
    """

    def __init__(self, folder: Path) -> None:
        self.sandbox = Sandbox(scale=REAL)
        add_attributes(self.sandbox.attio)
        self.ledger = Ledger(folder / "ledger.db")
        self.here = floor(NOON) - 12 * HOUR
        self.heard = Heard()

    @asynccontextmanager
    async def context(self, **changes: Any) -> AsyncIterator[PassContext]:
        """Connect with the usual paces and the usual patience."""
        transport = httpx.ASGITransport(create_app(self.sandbox))
        async with (
            polar_api(
                token=SecretStr(POLAR_TOKEN), base_url="http://sandbox", requests_per_minute=300, transport=transport
            ) as polar,
            attio_api(
                api_key=SecretStr(ATTIO_TOKEN),
                base_url="http://sandbox",
                reads_per_second=50,
                writes_per_second=20,
                transport=transport,
            ) as attio,
        ):
            context = PassContext(
                pass_id=f"pass-{time.monotonic()}",
                reason="a test",
                polar=PolarClient(polar),
                attio=await to_attio(attio, {key: key for key in BY_KEY}, self.heard.report),
                ledger=self.ledger,
                pace=Pace(writes=20, questions=5),
                report=self.heard.report,
            )
            yield replace(context, **changes)

    def play(self, work: Callable[[PassContext], Awaitable[_Result]], **changes: Any) -> _Result:
        """Run a pass; raises what it raises."""

        async def run() -> _Result:
            async with self.context(**changes) as context:
                return await work(context)

        return asyncio.run(run())


@contextmanager
def theatre(folder: Path) -> Iterator[Theatre]:
    with virtual_time(NOON):
        stage = Theatre(folder)
        yield stage
        stage.ledger.close()

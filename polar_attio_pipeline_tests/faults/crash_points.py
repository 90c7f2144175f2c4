"""Real processes, killed by SIGKILL: at every write of a pass, and between Attio and the ledger.

A pass runs in a process of its own, forked from one that has imported everything, so that a kill costs milliseconds
and not the seconds of an import; it runs over sockets, on a ledger file or on a database of a server.
"""

import asyncio
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from uuid import uuid4

from pydantic import SecretStr

from polar_attio_pipeline.attio.client import attio_api
from polar_attio_pipeline.hours import HOUR, between, floor
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.passes.hourly import HourDone
from polar_attio_pipeline.polar.client import polar_api
from polar_attio_pipeline.sandbox.faults import Fault, Faults, Kind
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.traffic import kind_of
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.attributes import KNOWN, add_attributes
from polar_attio_pipeline_tests.faults.life import Death, Life, MortalLedger
from polar_attio_pipeline_tests.faults.oracle import Verdict, judge
from polar_attio_pipeline_tests.faults.runs import Run, default
from polar_attio_pipeline_tests.replay import check_history

CUSTOMERS = 60
TYPED = 6
"""Customers whom the team has typed into Attio before: theirs are updates, the rest are created."""

REQUESTS_PER_MINUTE = 60_000
WRITES_PER_SECOND = 200
HELD_SECONDS = 3
"""How long an answer is held: far longer than a kill takes."""

PATIENCE = 60

_forkserver = multiprocessing.get_context("forkserver")


Fits = Callable[[str, str, str], bool]
"""Takes service, method and path of a request."""


def is_write(service: str, method: str, path: str) -> bool:
    """Tell whether a request writes to Attio."""
    return service == "attio" and kind_of(method, path) == "write"


def is_polar(service: str, method: str, path: str) -> bool:
    """Tell whether a request asks Polar."""
    return service == "polar"


class Trap(Faults):
    """Holds one request: before it is carried out, or after, before it is answered.

    Args:
        fits: Which requests count.
        number: Which of them to hold, from 1.
        after: Whether it is carried out first.

    Attributes:
        sprung: Set once that request is there.
    """

    def __init__(self, fits: Fits, number: int, *, after: bool) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self._fits = fits
        self._left = number
        self._after = after
        self.sprung = threading.Event()

    def strike(self, service: str, method: str, path: str, text: str = "") -> list[Fault]:
        if not self._fits(service, method, path):
            return []
        self._left -= 1
        if self._left:
            return []
        self.sprung.set()
        return [Fault(kind=Kind.SLOW_BODY if self._after else Kind.HANG, seconds=HELD_SECONDS)]


@dataclass(frozen=True, slots=True)
class Crash:
    """A kill, and what came of it.

    Attributes:
        kind: What was killed, at which kind of point.
        where: At which of them.
        verdict: After the next pass.
        repeated: Writes beyond the one that each customer needs.
        ended: How the next pass ended: 0 is success.
        history: What the history on record lacks, or has too much; empty if nothing.
    """

    kind: str
    where: str
    verdict: Verdict
    repeated: int
    ended: int | None
    history: str = ""

    @property
    def is_good(self) -> bool:
        return self.verdict.is_true and not self.repeated and self.ended == 0 and not self.history


NewDatabase = Callable[[], str]
"""Makes a place for a ledger: a path, or a URL."""


def sweep(
    new_database: NewDatabase, *, writes: range, ledger_writes: range, moments: int, seed: int
) -> Iterator[Crash]:
    """Kill passes over 60 customers, each once, and see what the next pass makes of it.

    Args:
        new_database: Makes a ledger's place.
        writes: At which writes to Attio, before each and after it.
        ledger_writes: At which writes to the ledger, before each and after it.
        moments: At how many moments drawn at random.
        seed: Of the moments.
    """
    random = Random(seed)
    for write, after in itertools.product(writes, (False, True)):
        yield _at_a_write(new_database(), write, after=after)
    for number, after in itertools.product(ledger_writes, (False, True)):
        yield _at_the_ledger(new_database(), number, after=after)
    for _ in range(moments):
        yield _at_a_moment(new_database(), random.uniform(0, 1.2))


def _at_a_write(database: str, write: int, *, after: bool) -> Crash:
    shop = open_shop(database)
    trap = shop.sandbox.faults = Trap(is_write, write, after=after)
    with serving(shop.sandbox) as url:
        process = _start(url, shop)
        assert trap.sprung.wait(PATIENCE), f"there is no write number {write}"
        _kill(process)
        return _next_pass(f"a pass, {_side(after=after)} a write to Attio", f"write {write}", url, shop)


def _at_the_ledger(database: str, number: int, *, after: bool) -> Crash:
    shop = open_shop(database)
    with serving(shop.sandbox) as url:
        process = _start(url, shop, Death("ledger", number, after))
        process.join(PATIENCE)
        assert process.exitcode == -signal.SIGKILL, f"there is no ledger write number {number}"
        return _next_pass(f"a pass, {_side(after=after)} a write to the ledger", f"write {number}", url, shop)


def _at_a_moment(database: str, seconds: float) -> Crash:
    shop = open_shop(database)
    with serving(shop.sandbox) as url:
        process = _start(url, shop)
        process.join(seconds)
        _kill(process)
        return _next_pass("a pass, at a moment drawn at random", f"after {seconds:.3f} s", url, shop)


@dataclass(frozen=True, slots=True)
class Shop:
    """A sandbox, and where the pipeline keeps its ledger."""

    sandbox: Sandbox
    database: str
    hours: Sequence[datetime]


def in_folder(folder: Path) -> NewDatabase:
    """Return what makes places for ledgers in SQLite."""
    return lambda: str(folder / f"{uuid4()}.db")


def open_shop(database: str) -> Shop:
    """Fill Polar with customers of the last hours, and Attio with the few that the team knows."""
    sandbox = Sandbox(scale=OFF)
    add_attributes(sandbox.attio, KNOWN)
    hours = between(floor(datetime.now(UTC)) - 2 * HOUR, floor(datetime.now(UTC)))
    for number in range(CUSTOMERS):
        email = f"customer-{number}@example.com"
        # Some in each hour of a range, so that the ledger is written to once for each.
        created_at = hours[number % len(hours)] + timedelta(milliseconds=number)
        sandbox.polar.add_customer(email=email, name=f"N. {number}", created_at=created_at)
        if number % (CUSTOMERS // TYPED) == 0:
            sandbox.attio.add_person(emails=[email], name="Typed By Hand")
    return Shop(sandbox, database, hours)


def _start(url: str, shop: Shop, death: Death | None = None) -> BaseProcess:
    process = _forkserver.Process(target=run_pass, args=(url, shop.database, shop.hours, death))
    process.start()
    return process


def _kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


def _next_pass(kind: str, where: str, url: str, shop: Shop) -> Crash:
    process = _start(url, shop)
    process.join(PATIENCE)
    return inspect(shop, kind, where, process.exitcode)


def inspect(shop: Shop, kind: str, where: str, ended: int | None) -> Crash:
    """See what came of a kill, once the next pass has ended."""
    polar, attio = shop.sandbox.polar, shop.sandbox.attio
    verdict = judge(polar, attio, {row.id: [row] for row in polar.customers.values()})
    return Crash(kind, where, verdict, attio.writes - CUSTOMERS, ended, _gaps(shop))


def _gaps(shop: Shop) -> str:
    ledger = Ledger(shop.database)
    try:
        check_history(shop.sandbox.attio, ledger.all_changes())
    except AssertionError as error:
        return str(error)
    return f"not settled: {left}" if (left := ledger.unsettled()) else ""


def _side(*, after: bool) -> str:
    return "after" if after else "before"


class _Doomed(Life):
    """Dies for real."""

    def go_on(self) -> None:
        if self.dead:
            os.kill(os.getpid(), signal.SIGKILL)


def run_pass(url: str, database: str, hours: Sequence[datetime], death: Death | None) -> None:
    """Run a pass over these hours: the whole life of a process."""
    run = Run(
        id=f"run {os.getpid()}",
        polar=lambda: polar_api(token=SecretStr(POLAR_TOKEN), base_url=url, requests_per_minute=REQUESTS_PER_MINUTE),
        attio=lambda: attio_api(
            api_key=SecretStr(ATTIO_TOKEN),
            base_url=url,
            reads_per_second=default("attio_reads_per_second"),
            writes_per_second=WRITES_PER_SECOND,
        ),
        ledger=MortalLedger(database, _Doomed(death)),
        pace=Pace(writes=WRITES_PER_SECOND, questions=REQUESTS_PER_MINUTE / 60),
    )
    asyncio.run(run.sync(hours, _unnoticed))


def _unnoticed(_: HourDone) -> None:
    """Take note of nothing: the next pass reads all hours again."""


_forkserver.set_forkserver_preload([__name__])

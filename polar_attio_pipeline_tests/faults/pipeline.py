"""The pipeline in process: passes as runs make them, and the sensor's rules, on wires of the sandbox."""

import asyncio
import functools
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from pydantic import SecretStr
from starlette.types import ASGIApp

from polar_attio_pipeline.attio.client import attio_api
from polar_attio_pipeline.defs.sensors.cursor import CustomerRef, Facts, dump, hours_to_look_up, load
from polar_attio_pipeline.defs.sensors.cursor_requests import decide, expected
from polar_attio_pipeline.defs.sensors.customer_facts import NEWEST, RECENT, TICK_SECONDS
from polar_attio_pipeline.hours import HOUR, between, floor
from polar_attio_pipeline.http.errors import ApiError
from polar_attio_pipeline.http.retries import RetryPolicy
from polar_attio_pipeline.ledger import Ledger, LedgerError
from polar_attio_pipeline.passes import approvals
from polar_attio_pipeline.passes.approvals import FEWER_CUSTOMERS, MANY_CHANGES
from polar_attio_pipeline.passes.guards import ORGANIZATION_FACT, GuardError
from polar_attio_pipeline.passes.hourly import HourDone
from polar_attio_pipeline.passes.rules import Rules
from polar_attio_pipeline.polar.client import PolarClient, polar_api
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline.sync.ports import UnavailableError
from polar_attio_pipeline.sync.services import Pace
from polar_attio_pipeline_tests.faults.life import HeardTraffic, KilledError, Life, MortalLedger, Wire
from polar_attio_pipeline_tests.faults.machines import HERE, Machine, new_folder, put_ledger
from polar_attio_pipeline_tests.faults.runs import Run, default
from polar_attio_pipeline_tests.faults.virtual_time import Timeline

GAP_SECONDS = 360
"""Between passes. A new process does not know how long a service told its forerunner to wait, so it starts later."""

LAUNCH_SECONDS = 5
"""From the tick that asks for a run until its process has started and asks its first question."""

OVERLAP = HOUR * default("polar_attio_overlap_hours")

PACE = Pace(
    writes=default("attio_writes_per_second"),
    questions=default("polar_requests_per_minute") / 60,
)

_ONE_TRY = RetryPolicy(attempts=1, attempt_seconds=TICK_SECONDS)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a pass ended: by itself, by an error that says what to do, or killed.

    Attributes:
        how: "success", "killed", or the error's sentence.
        seconds: How long it took.
        killed: Whether its process was killed.
        hours: Those that it was to do; none for all customers.
        done: Those of them that it has done.
    """

    how: str
    seconds: float
    killed: bool
    hours: Sequence[datetime] = ()
    done: Sequence[datetime] = ()


@dataclass
class _Done:
    """What is on record of the hours that have succeeded."""

    read_at: dict[datetime, datetime] = field(default_factory=dict)
    absent: dict[datetime, frozenset[str]] = field(default_factory=dict)

    def note(self, hour: HourDone) -> None:
        self.read_at[hour.start] = hour.polar_read_at
        self.absent[hour.start] = hour.absent


class Pipeline:
    """Runs passes, each in a process of its own as far as it can tell.

    Args:
        app: The sandbox.
        traffic: What the sandbox sees of it.
        timeline: The machine's time.
        random: Draws what the wires do.
        name: Of the ledger, which lives as long as this.
        start: The first hourly partition.

    Attributes:
        rules: What passes may do.
        doomed: Hours at which the process of a run dies, each time.
        done: What is on record of the hours whose `attio_people` has succeeded.
        ended: How each pass ended, in order.
        database: The ledger's file.
    """

    def __init__(
        self, app: ASGIApp, traffic: HeardTraffic, timeline: Timeline, random: Random, *, name: str, start: datetime
    ) -> None:
        self._app = app
        self._traffic = traffic
        self._timeline = timeline
        self._random = random
        self._folder = new_folder(name)
        self._start = start
        self._cursor: str | None = None
        self.database = Path(self._folder.name, "ledger.db")
        self.rules = Rules()
        self.doomed: set[datetime] = set()
        self.done = _Done()
        self.ended: list[Ended] = []
        put_ledger(self.database)

    def close(self) -> None:
        self._folder.cleanup()

    @property
    def passes(self) -> int:
        """How many passes have ended."""
        return len(self.ended)

    @property
    def hours(self) -> list[datetime]:
        """Every hour up to the running one."""
        return between(self._start, floor(self._timeline.now()))

    def recorded(self, customer_ids: Collection[str]) -> Collection[str]:
        """Return those of some customers whose person is on record."""
        with self._ledger() as ledger:
            return ledger.record_ids(customer_ids).keys()

    def knows_its_organization(self) -> bool:
        """Tell whether a pass has put on record whose customers these are."""
        with self._ledger() as ledger:
            return ledger.fact(ORGANIZATION_FACT) is not None

    def approve(self, name: str) -> None:
        """Approve a change, as a person does who was asked to."""
        with self._ledger() as ledger:
            approvals.approve(ledger, name)

    @contextmanager
    def _ledger(self) -> Iterator[Ledger]:
        ledger = Ledger(str(self.database))
        try:
            yield ledger
        finally:
            ledger.close()

    def close_hour(self, life: Life, machine: Machine = HERE) -> Ended:
        """Do what the hourly schedule asks for at this moment."""
        last = floor(self._timeline.now()) - HOUR
        return self.sync(between(max(self._start, last - OVERLAP), last), life, machine)

    def tick(self, life: Life, machine: Machine = HERE) -> Ended | None:
        """Do what the sensor does in one tick, and run what it asks for; None if it asks for nothing."""
        newest = asyncio.run(self._newest(machine))
        if newest is None:
            return None
        customers, offset = newest
        now = self._timeline.now() + offset
        cursor = load(self._cursor, start=self._start, now=now)
        decision = decide(cursor, self._facts(customers, cursor.waiting, set(hours_to_look_up(cursor, now=now)), now))
        self._cursor = dump(decision.cursor)
        ended = None
        for hours in decision.ranges:
            self._timeline.advance(GAP_SECONDS if ended else LAUNCH_SECONDS)
            ended = self.sync(hours, life, machine, expected=expected(decision.cursor, hours))
        return ended

    def sync(
        self, hours: Sequence[datetime], life: Life, machine: Machine = HERE, *, expected: Collection[str] = ()
    ) -> Ended:
        """Read a range of hours and bring their customers to Attio."""
        done: list[datetime] = []
        deadly = next((hour for hour in hours if hour in self.doomed), None)

        def note(hour: HourDone) -> None:
            self.done.note(hour)
            done.append(hour.start)
            if deadly == hour.start + HOUR:
                life.end()

        if deadly == hours[0]:
            life.end()
        ended = self._ending(life, machine, lambda run: run.sync(hours, note, expected=expected))
        if f"approve {MANY_CHANGES.name}" in ended.how:
            self.approve(MANY_CHANGES.name)
        self.ended[-1] = replace(ended, hours=tuple(hours), done=tuple(done))
        return self.ended[-1]

    def reconcile(self, life: Life, machine: Machine = HERE) -> Ended:
        """Run the reconciliation; if it asks whether so many were deleted, or changed, a person approves that.

        It asks only when those who are missing do not exist, so a person who looks in Polar finds it true.
        """
        ended = self._ending(life, machine, lambda run: run.reconcile())
        for name in (FEWER_CUSTOMERS.name, MANY_CHANGES.name):
            if f"approve {name}" in ended.how:
                self.approve(name)
                self._timeline.advance(GAP_SECONDS)
                ended = self._ending(life, machine, lambda run: run.reconcile())
        return ended

    def preview(self, life: Life, machine: Machine = HERE) -> Ended:
        """Preview the reconciliation."""
        return self._ending(life, machine, lambda run: run.preview())

    def _ending(self, life: Life, machine: Machine, work: Callable[[Run], Coroutine[Any, Any, Any]]) -> Ended:
        number = self.passes + 1
        began = self._timeline.now()
        ledger = MortalLedger(str(self.database), life)
        run = Run(
            id=f"run {number}",
            polar=functools.partial(self._polar, life, machine),
            attio=functools.partial(self._attio, life),
            ledger=ledger,
            pace=PACE,
            rules=self.rules,
        )
        how, killed = "success", False
        try:
            with mock.patch("polar_attio_pipeline.processes.process_identity", return_value=machine.identity(number)):
                asyncio.run(work(run))
        except KilledError:
            how, killed = "killed", True
        except (ApiError, UnavailableError, LedgerError, GuardError) as error:
            how = str(error)
        finally:
            ledger.close()
        self.ended.append(Ended(how, (self._timeline.now() - began) / timedelta(seconds=1), killed))
        return self.ended[-1]

    def _facts(self, newest: Sequence[CustomerRef], waiting: Any, wanted: set[datetime], now: datetime) -> Facts:
        done = self.done.read_at
        known = {*sorted(done, key=done.__getitem__)[-RECENT:], *(wanted & done.keys())}
        ids = {customer for one in waiting.values() for customer in one.ids}
        with self._ledger() as ledger:
            recorded = frozenset(ledger.recorded(ids)) if ids else frozenset()
        return Facts(
            now=now,
            start=self._start,
            newest=[one for one in newest if one.created_at < floor(self._timeline.now()) + HOUR],
            read_at={hour: done[hour] for hour in known},
            in_flight=(),
            overlap=OVERLAP,
            absent={hour: self.done.absent[hour] for hour in known},
            recorded=recorded,
        )

    async def _newest(self, machine: Machine) -> tuple[list[CustomerRef], timedelta] | None:
        """Return Polar's newest customers and how far its clock is ahead of ours; None if it does not answer."""
        try:
            async with asyncio.timeout(TICK_SECONDS), self._polar(Life(), machine, retry=_ONE_TRY) as api:
                page = await PolarClient(api).newest(limit=NEWEST)
                customers = [CustomerRef(one.id, one.created_at) for one in page.items]
                return customers, timedelta(seconds=api.server_offset or 0)
        except (ApiError, TimeoutError):
            return None

    def _polar(self, life: Life, machine: Machine, *, retry: RetryPolicy | None = None) -> Any:
        return polar_api(
            token=SecretStr(machine.token),
            base_url="http://sandbox",
            requests_per_minute=default("polar_requests_per_minute"),
            retry=retry,
            transport=self._wire(life),
        )

    def _attio(self, life: Life) -> Any:
        return attio_api(
            api_key=SecretStr(ATTIO_TOKEN),
            base_url="http://sandbox",
            reads_per_second=default("attio_reads_per_second"),
            writes_per_second=default("attio_writes_per_second"),
            transport=self._wire(life),
        )

    def _wire(self, life: Life) -> Wire:
        return Wire(self._app, self._traffic, life, self._random)

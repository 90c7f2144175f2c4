"""Dagster and Polar as far as the sensor `new_polar_customers` sees them, in simulated time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from polar_attio_pipeline.defs.sensors.cursor import Cursor, CustomerRef, Facts, Range, dump, hours_to_look_up, load
from polar_attio_pipeline.defs.sensors.cursor_progress import is_sure
from polar_attio_pipeline.defs.sensors.cursor_requests import LONGEST_RANGE, SETTLE, decide, expected
from polar_attio_pipeline.hours import HOUR, between, floor

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
TICK = 30 * SECOND
PAGE = 100
RECENT = 50


class Fate(StrEnum):
    """How a run ends. EMPTY: it succeeds, but Polar answered with no customers."""

    GOOD = "good"
    BAD = "bad"
    HANGS = "hangs"
    EMPTY = "empty"


@dataclass(frozen=True)
class Buyer:
    """A customer who appears in Polar's list some time after its created_at."""

    id: str
    created_at: datetime
    appears_at: datetime


@dataclass(frozen=True)
class Run:
    """A run of attio_people. It reads Polar when it starts, and leaves its successes when it ends."""

    hours: Range
    reads_at: datetime
    ends_at: datetime
    fate: Fate
    expected: tuple[str, ...] = ()


@dataclass
class World:
    """What happens outside the sensor.

    Attributes:
        overlap: How far back a customer may appear late.
        schedule: Whether hours are closed by the schedule.
        start: The start date of the partitions.
        poison: Hours in which every run fails; what it did before them stays.
        deleted: Customers that Polar does not have any more.
        ledger: Customers that have an outcome.
        noticed: Customers that the sensor has seen and not forgotten.
        readings: Every hour that a successful run read, and when.
        asked: Every range that the sensor asked for, and when.
    """

    overlap: timedelta
    schedule: bool
    now: datetime = START
    start: datetime = START
    buyers: list[Buyer] = field(default_factory=list)
    stored: str | None = None
    poison: set[datetime] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    ledger: set[str] = field(default_factory=set)
    noticed: set[str] = field(default_factory=set)
    runs: list[Run] = field(default_factory=list)
    done: dict[datetime, datetime] = field(default_factory=dict)
    absent: dict[datetime, frozenset[str]] = field(default_factory=dict)
    readings: list[tuple[datetime, datetime]] = field(default_factory=list)
    asked: list[tuple[datetime, Range]] = field(default_factory=list)

    def pass_time(self, by: timedelta, *, daemon: bool = True, fate: Fate = Fate.GOOD) -> None:
        """Let time pass; the schedule closes hours meanwhile, if the daemon is up."""
        until = self.now + by
        while daemon and self.schedule and (closing := _next_closing(self.now)) <= until:
            self.now = closing
            last = floor(closing) - HOUR
            if last >= self.start:
                hours = tuple(between(max(self.start, last - self.overlap), last))
                self.runs.append(Run(hours, closing + SECOND, closing + 20 * SECOND, fate))
            self._end_runs()
        self.now = until
        self._end_runs()

    def live(self, span: timedelta, *, fate: Fate = Fate.GOOD) -> None:
        """Let time pass with a tick of the sensor every half a minute."""
        until = self.now + span
        while self.now < until:
            self.tick(fate)
            self.pass_time(TICK, fate=fate)

    def buy(self, name: str, *, created_at: datetime | None = None, late: timedelta = timedelta(0)) -> Buyer:
        """Add a customer, now unless it is said when."""
        moment = created_at or self.now
        buyer = Buyer(name, moment, moment + late)
        self.buyers.append(buyer)
        return buyer

    def lose_cursor(self, stored: str | None) -> None:
        """Replace the stored cursor; what the sensor had noticed is forgotten."""
        self.stored = stored
        self.noticed.clear()

    def move_start(self, start: datetime) -> None:
        """Set another start date; customers of hours before it are no longer waited for."""
        self.start = start
        self.noticed -= {buyer.id for buyer in self.buyers if buyer.created_at < start}

    def tick(self, fate: Fate = Fate.GOOD) -> str:
        """Evaluate the sensor once; what it asks for starts at once and ends as `fate` says."""
        self._end_runs()
        in_flight = {hour for run in self.runs for hour in run.hours}
        before = load(self.stored, start=self.start, now=self.now)
        recent = dict(sorted(self.done.items(), key=lambda pair: pair[1])[-RECENT:])
        wanted = hours_to_look_up(before, now=self.now)
        newest = self._newest()
        facts = Facts(
            now=self.now,
            start=self.start,
            newest=newest,
            read_at=recent | {hour: self.done[hour] for hour in wanted if hour in self.done},
            in_flight=in_flight,
            overlap=self.overlap,
            absent=self.absent,
            recorded=frozenset(self.ledger),
        )
        decision = decide(before, facts)
        self.stored = dump(decision.cursor)
        horizon = max(floor(self.now - self.overlap), self.start)
        self.noticed |= {customer.id for customer in newest if customer.created_at >= horizon}
        self._check(before, decision.cursor, decision.ranges, in_flight)
        assert bool(decision.ranges) is not bool(decision.reason), "says why it does nothing, and only then"
        for hours in decision.ranges:
            self.asked.append((self.now, hours))
            last = {Fate.HANGS: 2 * HOUR}.get(fate, 20 * SECOND)
            ids = tuple(expected(decision.cursor, hours))
            self.runs.append(Run(hours, self.now + SECOND, self.now + last, fate, ids))
        return decision.reason

    def _check(self, before: Cursor, after: Cursor, ranges: Iterable[Range], in_flight: set[datetime]) -> None:
        requested = [hour for hours in ranges for hour in hours]
        assert in_flight.isdisjoint(requested), "asked for what is in flight"
        assert len(requested) == len(set(requested)), "asked for an hour twice at once"
        assert all(self.start <= hour <= self.now for hour in requested), "asked for an hour that is not"
        for hours in ranges:
            assert 0 < len(hours) <= LONGEST_RANGE
            assert list(hours) == between(hours[0], hours[-1]), "a range with a hole"
            alone = [hour for hour in hours if hour in after.failing and is_sure(after.failing[hour])]
            assert not alone or len(hours) == 1, "an hour that fails again and again shares a run"
        assert len([hours for hours in ranges if hours[0] in after.failing]) <= 2, "too many retries at once"
        passed = set(between(before.watermark, after.watermark - HOUR))
        forgotten = {hour for hour in before.failing if self.start <= hour < after.watermark}
        for hour in (passed | forgotten) - after.failing.keys():
            final = hour + HOUR + self.overlap
            assert self.done.get(hour, START - HOUR) >= final, f"{hour} is neither done nor failing"

    def _newest(self) -> list[CustomerRef]:
        there = [one for one in self.buyers if one.appears_at <= self.now and one.id not in self.deleted]
        newest_first = sorted(there, key=lambda buyer: buyer.created_at, reverse=True)
        return [CustomerRef(buyer.id, buyer.created_at) for buyer in newest_first[:PAGE]]

    def _end_runs(self) -> None:
        for run in [run for run in self.runs if run.ends_at <= self.now]:
            self.runs.remove(run)
            if run.fate in {Fate.GOOD, Fate.EMPTY}:
                self._end_well(run)

    def _end_well(self, run: Run) -> None:
        for hour in run.hours:
            if hour in self.poison:
                return
            self.done[hour] = run.reads_at
            self.readings.append((hour, run.reads_at))
            self.absent[hour] = frozenset(run.expected) & self.deleted
            if run.fate is Fate.GOOD:
                self.ledger |= {
                    buyer.id
                    for buyer in self.buyers
                    if floor(buyer.created_at) == hour and buyer.appears_at <= run.reads_at
                } - self.deleted

    def heal(self) -> None:
        """Everything works again: tick as the daemon does, until nothing is left to do and every overlap has passed."""
        self.poison.clear()
        appeared = (buyer.appears_at for buyer in self.buyers)
        settled = max([self.now, self.start, *appeared]) + self.overlap + HOUR + 2 * SETTLE
        quiet = 0
        for _ in range(2500):
            reason = self.tick()
            quiet = quiet + 1 if "Nothing is missing" in reason or "has not begun" in reason else 0
            if quiet >= 2 and self.now >= settled:
                return
            self.pass_time(20 * MINUTE if quiet else TICK)
        raise AssertionError(f"still not quiet after 2,500 ticks: {reason}")

    def assert_nothing_is_lost(self) -> None:
        for hour in between(self.start, floor(self.now - SETTLE) - HOUR):
            assert self.done.get(hour, START - HOUR) >= hour + HOUR, f"{hour} was never read after its end"
        read_at = dict(sorted(self.readings, key=lambda reading: reading[1]))
        for buyer in self.buyers:
            if buyer.created_at >= self.start:
                newest = read_at.get(floor(buyer.created_at), START - HOUR)
                assert newest >= buyer.appears_at or buyer.id in self.deleted, f"{buyer} was never read"
        lost = self.noticed - self.ledger - self.deleted
        assert not lost, f"{lost} were seen and have no outcome"
        cursor = load(self.stored, start=self.start, now=self.now)
        assert not cursor.failing
        assert all(
            read_at[hour] >= hour + HOUR + self.overlap for hour in between(self.start, cursor.watermark - HOUR)
        ), "the watermark is ahead of what is done"


def _next_closing(moment: datetime) -> datetime:
    closing = floor(moment) + 5 * MINUTE
    return closing if closing > moment else closing + HOUR

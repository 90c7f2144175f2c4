"""The run cursor through weeks of trouble: drawn by hypothesis, played in simulated time, judged at the end."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.defs.sensors.cursor import (
    LONGEST_RANGE,
    SETTLE,
    Facts,
    Range,
    Seen,
    decide,
    dump,
    hours_to_look_up,
    load,
)
from polar_attio_pipeline.hours import HOUR, between, floor

START = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
PAGE = 100


class Fate(StrEnum):
    """How a run ends."""

    GOOD = "good"
    BAD = "bad"
    HANGS = "hangs"


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


@dataclass
class World:
    """Dagster and Polar as far as the sensor sees them.

    Attributes:
        readings: Every hour that a successful run read, and when.
        asked: Every range that the sensor asked for, and when.
    """

    overlap: timedelta
    schedule: bool
    now: datetime = START
    buyers: list[Buyer] = field(default_factory=list)
    stored: str | None = None
    runs: list[Run] = field(default_factory=list)
    done: dict[datetime, datetime] = field(default_factory=dict)
    readings: list[tuple[datetime, datetime]] = field(default_factory=list)
    asked: list[tuple[datetime, Range]] = field(default_factory=list)

    def pass_time(self, by: timedelta, *, daemon: bool = True) -> None:
        """Let time pass; the schedule closes hours meanwhile, if the daemon is up."""
        until = self.now + by
        while daemon and self.schedule and (closing := _next_closing(self.now)) <= until:
            self.now = closing
            last = floor(closing) - HOUR
            if last >= START:
                hours = tuple(between(max(START, last - self.overlap), last))
                self.runs.append(Run(hours, closing + SECOND, closing + 20 * SECOND, Fate.GOOD))
        self.now = until
        self._end_runs()

    def tick(self, fate: Fate = Fate.GOOD) -> str:
        """Evaluate the sensor once; what it asks for starts at once and ends as `fate` says."""
        self._end_runs()
        in_flight = {hour for run in self.runs for hour in run.hours}
        cursor = load(self.stored, start=START, now=self.now)
        looked_up = hours_to_look_up(cursor, now=self.now)
        facts = Facts(
            now=self.now,
            start=START,
            newest=self._newest(),
            done={hour: self.done[hour] for hour in looked_up if hour in self.done},
            in_flight=in_flight,
            overlap=self.overlap,
        )
        decision = decide(cursor, facts)
        self.stored = dump(decision.cursor)
        requested = [hour for hours in decision.ranges for hour in hours]
        assert in_flight.isdisjoint(requested), "asked for what is in flight"
        assert len(requested) == len(set(requested)), "asked for an hour twice at once"
        assert all(START <= hour <= self.now for hour in requested), "asked for an hour that is not"
        assert bool(decision.ranges) is not bool(decision.reason), "says why it does nothing, and only then"
        for hours in decision.ranges:
            assert 0 < len(hours) <= LONGEST_RANGE
            assert list(hours) == between(hours[0], hours[-1]), "a range with a hole"
            self.asked.append((self.now, hours))
            last = {Fate.HANGS: 2 * HOUR}.get(fate, 20 * SECOND)
            self.runs.append(Run(hours, self.now + SECOND, self.now + last, fate))
        return decision.reason

    def _newest(self) -> list[Seen]:
        there = [buyer for buyer in self.buyers if buyer.appears_at <= self.now]
        newest_first = sorted(there, key=lambda buyer: buyer.created_at, reverse=True)
        return [Seen(buyer.id, buyer.created_at) for buyer in newest_first[:PAGE]]

    def _end_runs(self) -> None:
        for run in [run for run in self.runs if run.ends_at <= self.now]:
            self.runs.remove(run)
            if run.fate is Fate.GOOD:
                self.done.update(dict.fromkeys(run.hours, run.reads_at))
                self.readings += [(hour, run.reads_at) for hour in run.hours]

    def heal(self) -> None:
        """Everything works again: tick as the daemon does, until nothing is left to do and every overlap has passed."""
        settled = max([self.now, *(buyer.appears_at for buyer in self.buyers)]) + self.overlap + HOUR + 2 * SETTLE
        quiet = 0
        for _ in range(2000):
            reason = self.tick()
            quiet = quiet + 1 if "Nobody is missing" in reason else 0
            if quiet >= 2 and self.now >= settled:
                return
            self.pass_time(20 * MINUTE if quiet else 30 * SECOND)
        raise AssertionError(f"still not quiet after 2,000 ticks: {reason}")

    def assert_nothing_is_lost(self) -> None:
        for hour in between(START, floor(self.now - SETTLE) - HOUR):
            assert self.done.get(hour, START) >= hour + HOUR, f"{hour} was never read after its end"
        read_at = dict(sorted(self.readings, key=lambda reading: reading[1]))
        for buyer in self.buyers:
            newest = read_at.get(floor(buyer.created_at), START)
            assert newest >= buyer.appears_at, f"{buyer} was never read"
        cursor = load(self.stored, start=START, now=self.now)
        assert all(read_at[hour] >= hour + HOUR + self.overlap for hour in between(START, cursor.done_until - HOUR)), (
            "the cursor is ahead of what is done"
        )


def _next_closing(moment: datetime) -> datetime:
    closing = floor(moment) + 5 * MINUTE
    return closing if closing > moment else closing + HOUR


def garbage(stored: str | None) -> str:
    return "{" + (stored or "")


def other_version(stored: str | None) -> str:
    return (stored or "{}").replace('"version": 1', '"version": 0')


def from_a_clock_ahead(stored: str | None) -> str | None:
    """As if the clock had been an hour ahead when the cursor was stored."""
    if stored is None or not stored.startswith('{"version": 1'):
        return stored
    cursor = json.loads(stored)
    ahead = {
        name: {key: (datetime.fromisoformat(at) + HOUR).isoformat() for key, at in cursor[name].items()}
        for name in ("waiting", "asked")
    }
    return json.dumps({**cursor, **ahead, "pause_until": "2027-01-01T00:00:00+00:00"})


minutes = st.integers(1, 90).map(lambda count: count * MINUTE)
outages = st.one_of(
    st.integers(60, 6 * 60).map(lambda count: count * MINUTE),
    st.integers(6, 72).map(lambda count: count * HOUR),
    st.integers(3, 30).map(lambda count: count * 24 * HOUR),
)
fates = st.sampled_from([Fate.GOOD, Fate.GOOD, Fate.BAD, Fate.HANGS])

buy = st.tuples(st.just("buy"), st.floats(0, 1), st.none())
step = st.one_of(
    buy,
    buy,
    st.tuples(st.just("tick"), fates, minutes),
    st.tuples(st.just("tick"), fates, minutes),
    st.tuples(st.just("ticks that fail"), st.integers(1, 12), minutes),
    st.tuples(st.just("daemon down"), outages, st.lists(st.floats(0, 1), max_size=4)),
    st.tuples(
        st.just("cursor"), st.sampled_from([lambda _: None, garbage, other_version, from_a_clock_ahead]), st.none()
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(step, max_size=14),
    st.sampled_from([timedelta(0), HOUR, 2 * HOUR, 6 * HOUR, 48 * HOUR]),
    st.booleans(),
)
def test_after_any_history_every_hour_is_done_and_everybody_is_covered(
    history: list[tuple[str, object, object]], overlap: timedelta, schedule: bool
) -> None:
    world = World(overlap, schedule, now=START + MINUTE)
    for number, (what, first, second) in enumerate(history):
        play(world, number, what, first, second)

    world.heal()

    world.assert_nothing_is_lost()


def play(world: World, number: int, what: str, first: object, second: object) -> None:
    """Play one step of a history."""
    if what == "buy" and isinstance(first, float):
        world.buyers.append(Buyer(f"{number}", world.now, world.now + world.overlap * first))
    elif what == "tick" and isinstance(first, Fate) and isinstance(second, timedelta):
        world.tick(first)
        world.pass_time(second)
    elif what == "ticks that fail" and isinstance(first, int) and isinstance(second, timedelta):
        for _ in range(first):
            world.tick(Fate.BAD)
            world.pass_time(second)
    elif what == "daemon down" and isinstance(first, timedelta) and isinstance(second, list):
        world.pass_time(first, daemon=False)
        for place, at in enumerate(second):
            created_at = max(START, world.now - first * at)
            world.buyers.append(Buyer(f"{number}.{place}", created_at, created_at))
    elif callable(first):
        world.stored = first(world.stored)


def test_new_customers_of_a_quiet_day_are_asked_for_within_one_tick_and_nothing_else_is() -> None:
    world = World(2 * HOUR, schedule=True, now=START + MINUTE)
    for number in range(24):
        created_at = START + number * HOUR + 17 * MINUTE
        world.buyers.append(Buyer(str(number), created_at, created_at))
    while world.now < START + 24 * HOUR:
        world.tick()
        world.pass_time(30 * SECOND)

    assert len(world.asked) == 24
    for buyer in world.buyers:
        (asked_at,) = (at for at, hours in world.asked if hours == (floor(buyer.created_at),))
        assert timedelta(0) <= asked_at - buyer.appears_at <= 30 * SECOND


def test_while_attio_is_down_for_a_day_of_new_customers_few_runs_are_asked_for_then_everybody_arrives() -> None:
    world = World(2 * HOUR, schedule=False, now=START + MINUTE)
    for number in range(24 * 6):
        created_at = START + number * 10 * MINUTE
        world.buyers.append(Buyer(str(number), created_at, created_at))
    while world.now < START + 24 * HOUR:
        world.tick(Fate.BAD)
        world.pass_time(30 * SECOND)

    assert len(world.asked) <= 60
    per_hour = Counter(floor(at) for at, _ in world.asked)
    assert max(list(per_hour.values())[1:]) <= 3

    world.heal()
    world.assert_nothing_is_lost()


def test_a_month_without_the_daemon_is_filled_in_ranges_within_minutes() -> None:
    world = World(2 * HOUR, schedule=True, now=START + MINUTE)
    world.pass_time(30 * 24 * HOUR, daemon=False)
    back = world.now
    world.heal()

    world.assert_nothing_is_lost()
    assert len(world.asked) <= 30 * 24 / LONGEST_RANGE + 10
    last = max(at for at, hours in world.asked if hours[0] < floor(back) - 3 * HOUR)
    assert last - back <= 45 * MINUTE


def test_a_gap_is_filled_although_somebody_new_comes_with_every_tick() -> None:
    world = World(2 * HOUR, schedule=True, now=START + 3 * 24 * HOUR)
    for number in range(60):
        at = world.now
        world.buyers.append(Buyer(str(number), at, at))
        world.tick()
        world.pass_time(30 * SECOND)

    assert all(world.done.get(hour) for hour in between(START, floor(world.now) - HOUR))

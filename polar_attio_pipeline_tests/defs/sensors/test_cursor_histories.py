"""The cursor through weeks of trouble: drawn by hypothesis, played in simulated time, judged at the end."""

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.defs.sensors.cursor import LONGEST_PAUSE, load
from polar_attio_pipeline.defs.sensors.cursor_requests import LONGEST_RANGE
from polar_attio_pipeline.hours import HOUR, between, floor
from polar_attio_pipeline_tests.defs.sensors.cursor_world import MINUTE, START, TICK, Fate, World

DAY = 24 * HOUR


def garbage(stored: str | None) -> str:
    return "{" + (stored or "")


def other_version(stored: str | None) -> str:
    return (stored or "{}").replace('"version": 2', '"version": 1')


def from_a_clock_ahead(stored: str | None) -> str | None:
    """As if the clock had been an hour ahead when the cursor was stored."""
    if stored is None or not stored.startswith('{"version": 2'):
        return stored
    cursor = json.loads(stored)

    def ahead(at: str) -> str:
        return (datetime.fromisoformat(at) + HOUR).isoformat()

    moved = {
        "waiting": {hour: [ahead(at), ids] for hour, (at, ids) in cursor["waiting"].items()},
        "requests": [[ahead(at), hours] for at, hours in cursor["requests"]],
        "failing": {
            hour: [count, attempts, ahead(since), ahead(retry_at)]
            for hour, (count, attempts, since, retry_at) in cursor["failing"].items()
        },
        "streak_at": cursor["streak_at"] and ahead(cursor["streak_at"]),
    }
    return json.dumps({**cursor, **moved})


def lost(_: str | None) -> None:
    return None


minutes = st.integers(1, 90).map(lambda count: count * MINUTE)
outages = st.one_of(
    st.integers(60, 6 * 60).map(lambda count: count * MINUTE),
    st.integers(6, 72).map(lambda count: count * HOUR),
    st.integers(3, 30).map(lambda count: count * DAY),
)
fates = st.sampled_from([Fate.GOOD, Fate.GOOD, Fate.BAD, Fate.HANGS, Fate.EMPTY])

buy = st.tuples(st.just("buy"), st.floats(0, 1), st.none())
step = st.one_of(
    buy,
    buy,
    st.tuples(st.just("tick"), fates, minutes),
    st.tuples(st.just("tick"), fates, minutes),
    st.tuples(st.just("ticks that fail"), st.integers(1, 12), minutes),
    st.tuples(st.just("daemon down"), outages, st.lists(st.floats(0, 1), max_size=4)),
    st.tuples(st.just("poison"), st.integers(0, 30), st.integers(1, 4)),
    st.tuples(st.just("mend"), st.none(), st.none()),
    st.tuples(st.just("delete"), st.integers(0, 20), st.none()),
    st.tuples(st.just("start date"), st.integers(-5, 3), st.none()),
    st.tuples(st.just("cursor"), st.sampled_from([lost, garbage, other_version, from_a_clock_ahead]), st.none()),
)


@settings(max_examples=60)
@given(
    st.lists(step, max_size=14),
    st.sampled_from([timedelta(0), HOUR, 2 * HOUR, 6 * HOUR, 48 * HOUR]),
    st.booleans(),
)
def test_after_any_history_every_hour_is_done_and_every_customer_is_covered(
    history: list[tuple[str, object, object]], overlap: timedelta, schedule: bool
) -> None:
    world = World(overlap, schedule, now=START + MINUTE)
    for number, (what, first, second) in enumerate(history):
        play(world, number, what, first, second)

    world.heal()

    world.assert_nothing_is_lost()


def play(world: World, number: int, what: str, first: object, second: object) -> None:
    """Play one step of a history."""
    match what, first, second:
        case "buy", float(), _:
            world.buy(f"{number}", late=world.overlap * first)
        case "tick", Fate(), timedelta():
            world.tick(first)
            world.pass_time(second)
        case "ticks that fail", int(), timedelta():
            for _ in range(first):
                world.tick(Fate.BAD)
                world.pass_time(second)
        case "daemon down", timedelta(), list():
            world.pass_time(first, daemon=False)
            for place, at in enumerate(second):
                world.buy(f"{number}.{place}", created_at=max(START, world.now - first * at))
        case _:
            change(world, what, first, second)


def change(world: World, what: str, first: object, second: object) -> None:
    """Play a step in which something is changed for good."""
    match what, first, second:
        case "poison", int(), int():
            begin = floor(world.now) - first * HOUR
            world.poison |= set(between(begin, begin + (second - 1) * HOUR))
            world.live(10 * MINUTE)
        case "mend", _, _:
            world.poison.clear()
        case "delete", int(), _:
            world.deleted |= {buyer.id for buyer in world.buyers[first:][:1]}
        case "start date", int(), _:
            world.move_start(START + first * DAY)
            world.tick()
        case "cursor", changed, _ if callable(changed):
            world.lose_cursor(changed(world.stored))


def test_new_customers_of_a_quiet_day_are_asked_for_within_one_tick_and_nothing_else_is() -> None:
    world = World(2 * HOUR, schedule=True, now=START + MINUTE)
    for number in range(24):
        world.buy(str(number), created_at=START + number * HOUR + 17 * MINUTE)
    world.live(DAY)

    assert len(world.asked) == 24
    for buyer in world.buyers:
        (asked_at,) = (at for at, hours in world.asked if hours == (floor(buyer.created_at),))
        assert timedelta(0) <= asked_at - buyer.appears_at <= TICK


def test_while_attio_is_down_for_a_day_of_new_customers_few_runs_are_asked_for_then_everybody_arrives() -> None:
    world = World(2 * HOUR, schedule=True, now=START + MINUTE)
    for number in range(24 * 6):
        world.buy(str(number), created_at=START + number * 10 * MINUTE)
    world.live(DAY, fate=Fate.BAD)

    assert len(world.asked) <= 24 + 49
    per_hour = Counter(floor(at) for at, _ in world.asked)
    assert max(list(per_hour.values())[1:]) <= 4

    back = world.now
    world.live(20 * MINUTE)
    assert all(buyer.id in world.ledger for buyer in world.buyers), f"not filled 20 minutes after {back}"
    world.heal()
    world.assert_nothing_is_lost()


def test_a_month_without_the_daemon_is_filled_in_ranges_within_minutes() -> None:
    world = World(2 * HOUR, schedule=True, now=START + MINUTE)
    world.pass_time(30 * DAY, daemon=False)
    back = world.now
    world.heal()

    world.assert_nothing_is_lost()
    assert len(world.asked) <= 30 * 24 / LONGEST_RANGE + 10
    last = max(at for at, hours in world.asked if hours[0] < floor(back) - 3 * HOUR)
    assert last - back <= 45 * MINUTE


def test_a_gap_is_filled_although_a_new_customer_comes_with_every_tick() -> None:
    world = World(2 * HOUR, schedule=True, now=START + 3 * DAY)
    for number in range(60):
        world.buy(str(number))
        world.tick()
        world.pass_time(TICK)

    assert all(world.done.get(hour) for hour in between(START, floor(world.now) - HOUR))


def waits(world: World, count: int) -> list[float]:
    """Let customers come every 37 minutes; return how many minutes each waited for an outcome."""
    found = []
    for number in range(count):
        buyer = world.buy(f"healthy {number}")
        while buyer.id not in world.ledger:
            world.tick()
            world.pass_time(TICK)
        found.append((world.now - buyer.appears_at) / MINUTE)
        world.live(37 * MINUTE)
    return found


@pytest.mark.parametrize("failing", [1, 20])
def test_while_hours_fail_for_ever_a_healthy_customer_waits_no_longer_than_in_an_undisturbed_instance(
    failing: int,
) -> None:
    undisturbed = World(2 * HOUR, schedule=True, now=START + 3 * DAY)
    undisturbed.live(HOUR)
    disturbed = World(2 * HOUR, schedule=True, now=START + 3 * DAY)
    # Every other hour, so that each is a hole of its own.
    disturbed.poison |= {START + 2 * number * HOUR for number in range(failing)}
    disturbed.live(HOUR)

    good, bad = waits(undisturbed, 50), waits(disturbed, 50)

    assert (median(bad), max(bad)) == (median(good), max(good))


def test_while_an_hour_fails_for_ever_an_outage_a_week_later_fills_itself() -> None:
    world = World(2 * HOUR, schedule=True, now=START + HOUR)
    world.poison.add(START)
    world.live(7 * DAY)

    world.pass_time(10 * HOUR, daemon=False)
    back = world.now
    world.live(20 * MINUTE)

    assert all(world.done.get(hour, START) >= hour + HOUR for hour in between(START + HOUR, floor(back) - HOUR))
    assert list(load(world.stored, start=START, now=world.now).failing) == [START]


def test_without_a_schedule_and_without_customers_a_gap_far_behind_failing_hours_is_filled_too() -> None:
    world = World(2 * HOUR, schedule=False, now=START + 10 * DAY)
    world.poison |= set(between(START, START + 5 * HOUR))
    world.live(6 * HOUR)

    assert all(world.done.get(hour) for hour in between(START + 6 * HOUR, START + 10 * DAY - HOUR))


def test_an_hour_that_fails_for_ever_costs_two_runs_an_hour_and_is_asked_for_soon_after_it_is_mended() -> None:
    world = World(2 * HOUR, schedule=True, now=START + DAY)
    world.poison.add(START)
    world.live(DAY)
    retries = [at for at, hours in world.asked if hours == (START,)]
    assert all(LONGEST_PAUSE <= later - earlier <= LONGEST_PAUSE + MINUTE for earlier, later in pairwise(retries[-9:]))

    world.poison.clear()
    world.live(LONGEST_PAUSE + MINUTE)

    assert START in world.done


def test_many_hours_that_fail_for_ever_leave_the_pool_free_most_of_the_time() -> None:
    world = World(2 * HOUR, schedule=True, now=START + 5 * DAY)
    world.poison |= {START + 2 * number * HOUR for number in range(40)}
    world.live(12 * HOUR)
    before = len(world.asked)
    world.live(DAY)

    assert len(world.asked) - before <= 24 * 12 + 10
    stored = load(world.stored, start=START, now=world.now)
    assert set(stored.failing) == world.poison


def test_customers_that_an_empty_answer_hid_are_asked_for_until_they_are_read() -> None:
    world = World(2 * HOUR, schedule=True, now=START + MINUTE)
    buyer = world.buy("hidden")
    world.live(10 * MINUTE, fate=Fate.EMPTY)
    assert START in world.done
    assert buyer.id not in world.ledger

    world.live(10 * MINUTE)

    assert buyer.id in world.ledger


def test_a_customer_that_was_deleted_before_it_was_read_is_not_waited_for() -> None:
    world = World(2 * HOUR, schedule=True, now=START + MINUTE)
    buyer = world.buy("deleted")
    world.tick(Fate.BAD)
    world.deleted.add(buyer.id)

    world.heal()

    world.assert_nothing_is_lost()

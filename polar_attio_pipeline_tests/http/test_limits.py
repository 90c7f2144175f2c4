import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline_tests.http.fakes import FakeClock


async def turns(limiter: RateLimiter, clock: FakeClock, count: int) -> list[float]:
    times: list[float] = []

    async def one() -> None:
        await limiter.acquire()
        times.append(clock.now())

    await asyncio.gather(*(one() for _ in range(count)))
    return times


def most_in_a_window(times: list[float], period: float) -> int:
    return max(sum(start <= time < start + period for time in times) for start in times)


async def test_turns_are_evenly_spread_from_the_first_on() -> None:
    clock = FakeClock()

    times = await turns(RateLimiter(20, clock=clock), clock, 5)

    assert [time - times[0] for time in times] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])


async def test_a_lane_that_stood_idle_saves_up_no_burst() -> None:
    clock = FakeClock()
    limiter = RateLimiter(10, clock=clock)
    await turns(limiter, clock, 1)
    await clock.sleep(60)

    times = await turns(limiter, clock, 3)

    assert [time - times[0] for time in times] == pytest.approx([0, 0.1, 0.2])


async def one_after_another(limiter: RateLimiter, clock: FakeClock, answers: list[float]) -> list[float]:
    """Send requests each of which waits for the answer to the one before; return when they left."""
    times = []
    for seconds in answers:
        await limiter.acquire()
        times.append(clock.now())
        await clock.sleep(seconds)
    return times


async def test_what_slow_answers_have_cost_is_made_up_for_when_they_are_quick_again() -> None:
    clock = FakeClock()
    limiter = RateLimiter(300, period=60, catch_up=30, clock=clock)

    times = await one_after_another(limiter, clock, [0.5] * 40 + [0.05] * 160)

    assert times[-1] - times[0] == pytest.approx(199 * 0.2)
    assert most_in_a_window(times, 60) <= 300


async def test_no_period_holds_more_than_the_limit_while_lateness_is_made_up_for() -> None:
    clock = FakeClock()
    limiter = RateLimiter(300, period=60, catch_up=30, clock=clock)

    times = await one_after_another(limiter, clock, ([0.3] * 50 + [0.01] * 250) * 4)

    assert most_in_a_window(times, 60) <= 300
    assert times[-1] - times[0] < 1200 * 0.2 * 1.1


async def test_more_lateness_than_that_is_not_made_up_for() -> None:
    clock = FakeClock()
    limiter = RateLimiter(300, period=60, catch_up=30, clock=clock)
    await one_after_another(limiter, clock, [31])

    times = await turns(limiter, clock, 3)

    assert [time - times[0] for time in times] == pytest.approx([0, 0.2, 0.4])


@settings(max_examples=50)
@given(
    catch_up=st.sampled_from([0, 0.3, 10]),
    limit=st.sampled_from([0.5, 2.5, 20, 25, 100]),
    late=st.lists(st.floats(0, 0.2), max_size=60),
    starts=st.lists(st.floats(0, 0.5), min_size=1, max_size=60),
)
def test_however_late_timers_are_no_second_ever_holds_more_than_the_limit(
    catch_up: float, limit: float, late: list[float], starts: list[float]
) -> None:
    async def scenario() -> list[float]:
        clock = FakeClock(late)
        limiter = RateLimiter(limit, catch_up=catch_up, clock=clock)
        times: list[float] = []
        for pause in starts:
            await clock.sleep(pause)
            times += await turns(limiter, clock, 3)
        return times

    assert most_in_a_window(asyncio.run(scenario()), 1.0) <= math.ceil(limit)


async def test_no_second_of_the_server_holds_more_than_the_limit_although_the_way_there_is_uneven() -> None:
    clock = FakeClock()
    left = await turns(RateLimiter(25, unevenness=0.025, clock=clock), clock, 200)

    arrived = [time + (0.02 if number % 25 == 0 else 0) for number, time in enumerate(left)]

    assert most_in_a_window(arrived, 1.0) <= 25


@pytest.mark.parametrize("limit", [20, 50, 100])
async def test_the_pace_holds_although_every_timer_is_late(limit: int) -> None:
    late = [0.011, 0.003, 0.007] * limit
    clock = FakeClock(late)

    times = await turns(RateLimiter(limit, clock=clock), clock, 3 * limit + 1)

    assert 3 * limit / (times[-1] - times[0]) > 0.97 * limit


async def test_whoever_came_first_goes_first() -> None:
    clock = FakeClock()
    limiter = RateLimiter(10, clock=clock)
    order: list[int] = []

    async def one(number: int) -> None:
        await limiter.acquire()
        order.append(number)

    await asyncio.gather(*(one(number) for number in range(5)))

    assert order == [0, 1, 2, 3, 4]


async def test_a_pause_holds_everybody_also_those_who_wait_already() -> None:
    clock = FakeClock()
    limiter = RateLimiter(1, clock=clock)
    await limiter.acquire()
    waiting = asyncio.gather(turns(limiter, clock, 2), turns(limiter, clock, 1))
    await asyncio.sleep(0)
    pause_ends = clock.now() + 60
    limiter.pause_until(pause_ends)
    limiter.pause_until(pause_ends - 30)

    first, second = await waiting

    assert [time - pause_ends for time in first + second] == pytest.approx([0, 1, 2])


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    clock = FakeClock()
    limiter = RateLimiter(1, clock=clock)
    await limiter.acquire()
    gone = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    gone.cancel()
    began = clock.now()

    times = await turns(limiter, clock, 1)

    assert times[0] - began == pytest.approx(1)
    assert gone.cancelled()


async def test_a_limit_a_minute_spreads_over_the_minute() -> None:
    clock = FakeClock()

    times = await turns(RateLimiter(300, period=60, clock=clock), clock, 4)

    assert [time - times[0] for time in times] == pytest.approx([0, 0.2, 0.4, 0.6])

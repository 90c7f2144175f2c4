"""What the sensor asks for, one example each; `test_cursor_histories` plays whole weeks of trouble."""

from dataclasses import replace
from datetime import timedelta

from polar_attio_pipeline.defs.sensors.cursor import CLOCK_GRAIN, LOOKED_AT, Cursor, Waiting, hours_to_look_up, load
from polar_attio_pipeline.defs.sensors.cursor_requests import LONGEST_RANGE, SETTLE, Decision, decide, expected
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import (
    CLOSED,
    HOUR,
    MINUTE,
    NOW,
    SETTLED,
    START,
    cursor,
    customer,
    facts,
    failing,
    hour,
    numbers,
    read,
    request,
)

LATER = NOW + MINUTE


def asked(decision: Decision) -> list[list[int]]:
    return [numbers(hours) for hours in decision.ranges]


def test_when_all_is_done_nothing_is_asked_for() -> None:
    decision = decide(SETTLED, facts(read_at=CLOSED))

    assert decision.ranges == ()
    assert decision.cursor == SETTLED
    assert decision.reason == (
        "Nothing is missing. Every customer created from 2026-11-01 00:00 to 2026-11-01 08:00 UTC was read, and is in "
        "Attio or listed by the check every_customer_is_in_attio."
    )


def test_a_new_customer_has_the_running_hour_asked_for_at_once() -> None:
    decision = decide(SETTLED, facts(read_at=CLOSED, newest=[customer(1, NOW - MINUTE)]))

    assert asked(decision) == [[10]]
    assert decision.reason == ""
    assert decision.cursor.requests == (request(10),)
    assert expected(decision.cursor, decision.ranges[0]) == ["customer-1"]


def test_the_same_customer_is_new_only_once() -> None:
    newest = [customer(1, NOW - MINUTE)]
    first = decide(SETTLED, facts(read_at=CLOSED, newest=newest)).cursor

    done = {**CLOSED, **read(10, at=LATER)}
    second = decide(first, facts(now=LATER, read_at=done, newest=newest, recorded=["customer-1"]))

    assert second.ranges == ()
    assert second.cursor.waiting == {}
    assert second.cursor.requests == ()


def test_a_customer_who_appears_late_within_the_overlap_has_that_hour_asked_for() -> None:
    late = customer(1, hour(9) + 59 * MINUTE)

    assert asked(decide(SETTLED, facts(read_at=CLOSED, newest=[late]))) == [[9]]


def test_the_overlap_begins_with_the_first_instant_of_its_hour() -> None:
    assert asked(decide(SETTLED, facts(read_at=CLOSED, newest=[customer(1, hour(8))]))) == [[8]]


def test_a_customer_older_than_the_overlap_is_not_looked_at() -> None:
    decision = decide(SETTLED, facts(read_at=CLOSED, newest=[customer(1, hour(8) - MINUTE)]))

    assert decision.ranges == ()
    assert decision.cursor.seen == frozenset()


def test_a_customer_from_before_the_first_partition_is_not_looked_at() -> None:
    now = START + MINUTE

    assert decide(cursor(), facts(now=now, newest=[customer(1, START - MINUTE)])).ranges == ()


def test_a_customer_waits_for_a_success_that_read_polar_after_it_was_seen() -> None:
    waiting = cursor(8, waiting={10: Waiting(NOW)}, seen=["customer-1"])

    before = decide(waiting, facts(now=LATER, read_at={**CLOSED, **read(10, at=NOW - MINUTE)}))
    after = decide(waiting, facts(now=LATER, read_at={**CLOSED, **read(10, at=LATER)}))

    assert asked(before) == [[10]]
    assert after.ranges == ()


def test_the_newest_hour_in_which_customers_wait_goes_first_with_those_right_before_it() -> None:
    waiting = cursor(5, waiting={number: Waiting(NOW) for number in (6, 7, 9, 10)})

    decision = decide(waiting, facts(read_at=read(5, 6, 7, 8, 9, at=NOW - MINUTE), overlap=6 * HOUR))

    assert asked(decision)[0] == [9, 10]


def test_waiting_hours_are_asked_for_in_bounded_ranges_newest_first() -> None:
    now = START + 48 * HOUR
    waiting = cursor(0, waiting={number: Waiting(now) for number in range(48)})

    assert asked(decide(waiting, facts(now=now, overlap=48 * HOUR)))[0] == list(range(48 - LONGEST_RANGE, 48))


def test_what_is_in_flight_is_not_asked_for_again() -> None:
    newest = [customer(1, NOW - MINUTE)]

    decision = decide(cursor(6), facts(read_at=CLOSED, newest=newest, in_flight=map(hour, (6, 7, 10))))

    assert decision.ranges == ()
    assert decision.reason == "What is missing is already asked for and under way."


def test_an_hour_is_missed_only_after_the_schedule_had_its_time() -> None:
    ended = facts(now=hour(10) + SETTLE - MINUTE)
    missed = facts(now=hour(10) + SETTLE)

    assert decide(cursor(9), ended).ranges == ()
    assert asked(decide(cursor(9), missed)) == [[9]]


def test_a_success_that_read_polar_before_the_hour_had_ended_does_not_close_it() -> None:
    assert asked(decide(cursor(9), facts(read_at=read(9, at=hour(10) - MINUTE)))) == [[9]]


def test_an_hour_that_was_closed_on_time_is_read_once_more_when_the_overlap_has_passed() -> None:
    closed = {hour(7): hour(8) + 6 * MINUTE}
    newer = read(8, 9, at=hour(10))

    early = decide(cursor(7), facts(now=hour(10) + SETTLE - MINUTE, read_at={**closed, **newer}))
    due = decide(cursor(7), facts(now=hour(10) + SETTLE, read_at={**closed, **newer}))
    settled = decide(cursor(7), facts(now=hour(10) + SETTLE, read_at=read(7, 8, 9, at=hour(10))))

    assert early.ranges == ()
    assert early.cursor.watermark == hour(7)
    assert asked(due) == [[7]]
    assert settled.cursor.watermark == hour(8)


def test_without_an_overlap_an_hour_is_done_when_it_is_closed() -> None:
    decision = decide(cursor(7), facts(read_at=read(7, 8, 9), overlap=timedelta(0)))

    assert decision.cursor.watermark == hour(10)


def test_the_watermark_stops_at_the_first_hour_that_is_not_done() -> None:
    decision = decide(cursor(0), facts(read_at=read(0, 1, 3, 4, 5, 6, 7, 8, 9)))

    assert decision.cursor.watermark == hour(2)
    assert asked(decision) == [[2]]


def test_what_an_outage_left_is_asked_for_in_bounded_ranges_oldest_first() -> None:
    assert asked(decide(cursor(), facts(now=START + 30 * 24 * HOUR))) == [list(range(LONGEST_RANGE))]


def test_a_range_ends_where_something_is_done_or_in_flight() -> None:
    assert asked(decide(cursor(), facts(read_at=read(2), in_flight=[hour(6)]))) == [[0, 1]]


def test_a_long_gap_does_not_keep_a_new_customer_waiting_nor_the_other_way_round() -> None:
    assert asked(decide(cursor(), facts(newest=[customer(1, NOW - MINUTE)]))) == [[10], list(range(10))]


def test_no_hour_is_in_two_ranges() -> None:
    assert asked(decide(cursor(8), facts(newest=[customer(1, hour(9) + MINUTE)]))) == [[9], [8]]


def test_a_lost_cursor_is_carried_forward_by_the_successes_on_record_and_asks_for_none_of_them_again() -> None:
    now = START + 5 * LOOKED_AT * HOUR
    everything = read(*range(5 * LOOKED_AT), at=now)
    moved = load(None, start=START, now=now)

    for _ in range(5):
        looked_up = hours_to_look_up(moved, now=now)
        decision = decide(moved, facts(now=now, read_at={one: everything[one] for one in looked_up}))
        assert decision.ranges == ()
        moved = decision.cursor

    assert moved.watermark == now - 2 * HOUR


def test_an_earlier_start_date_has_the_added_hours_asked_for_and_none_of_those_that_are_done() -> None:
    start = START - 2 * 24 * HOUR
    moved = Cursor(start, start)
    done = {**read(*range(8)), **CLOSED}

    first = decide(moved, facts(start=start, read_at=done))
    assert asked(first) == [list(range(-48, -24))]

    filled = {**done, **read(*range(-48, 0))}
    last = decide(replace(first.cursor, requests=()), facts(start=start, read_at=filled))
    assert last.ranges == ()
    assert last.cursor.watermark == hour(8)
    assert "created from 2026-10-30 00:00" in last.reason


def test_before_the_start_date_it_says_that_nothing_is_asked_for_and_claims_nothing() -> None:
    decision = decide(cursor(), facts(now=START - 5 * HOUR, newest=[customer(1, START - 6 * HOUR)]))

    assert decision.ranges == ()
    assert decision.cursor.watermark == START
    assert decision.reason == (
        "POLAR_ATTIO_START_DATE is 2026-11-01, a day that has not begun: no hour is asked for before it. Customers who "
        "come earlier are brought by a full reconciliation."
    )


def test_at_the_first_moment_of_the_start_date_the_day_has_begun() -> None:
    assert decide(cursor(), facts(now=START)).reason.startswith("Nothing is missing.")


def test_a_success_timed_one_grain_of_the_clock_ahead_counts() -> None:
    assert decide(cursor(9), facts(read_at=read(9, at=NOW + CLOCK_GRAIN))).ranges == ()


def test_a_success_timed_by_a_clock_that_was_ahead_says_nothing() -> None:
    assert asked(decide(cursor(9), facts(read_at=read(9, at=NOW + 5 * MINUTE)))) == [[9]]


def test_failing_hours_that_are_due_share_a_run_unless_they_fail_again_and_again() -> None:
    failed = {2: failing(1), 3: failing(), 4: failing(2), 5: failing(3, retry=NOW - MINUTE), 6: failing(1)}
    done = read(0, 1, 7, 8, 9)

    assert asked(decide(cursor(2, failing=failed), facts(read_at=done))) == [[2, 3], [5]]


def test_a_failing_hour_that_is_not_due_is_left_alone_and_named() -> None:
    retry = NOW + 8 * MINUTE
    decision = decide(cursor(8, failing={3: failing(4, retry=retry)}), facts(read_at=CLOSED))

    assert decision.ranges == ()
    assert decision.reason == (
        "Not done, because they failed: 2026-11-01 03:00 UTC; the next of them is asked for after 2026-11-01 10:38 "
        "UTC. Except for these hours, every customer created from 2026-11-01 00:00 to 2026-11-01 08:00 UTC was read, "
        "and is in Attio or listed by the check every_customer_is_in_attio."
    )


def test_only_the_first_few_failing_hours_are_named() -> None:
    def reason(last: int) -> str:
        failed = {number: failing(2, retry=LATER) for number in range(1, last + 1)}
        return decide(cursor(8, failing=failed), facts(read_at=CLOSED)).reason

    named = "2026-11-01 01:00, 2026-11-01 02:00, 2026-11-01 03:00 UTC"
    assert f"{named} and 3 more; " in reason(6)
    assert f"{named}; " in reason(3)


def test_one_hour_that_fails_again_and_again_is_under_way_at_a_time() -> None:
    failed = {2: failing(2), 3: failing(2)}

    assert decide(cursor(8, failing=failed), facts(read_at=CLOSED, in_flight=[hour(2)])).ranges == ()


def test_the_failing_hour_that_waits_longest_goes_first() -> None:
    failed = {2: failing(2), 3: failing(5, retry=NOW - MINUTE)}

    assert asked(decide(cursor(8, failing=failed), facts(read_at=CLOSED))) == [[3]]


def test_a_new_customer_is_asked_for_in_a_streak_of_failures_but_once() -> None:
    stopped = cursor(8, streak=6, streak_at=NOW - MINUTE)
    newest = [customer(1, NOW - MINUTE)]

    first = decide(stopped, facts(read_at=CLOSED, newest=newest))
    second = decide(first.cursor, facts(now=LATER, read_at=CLOSED, newest=newest))

    assert asked(first) == [[10]]
    assert second.ranges == ()
    assert second.reason == (
        "What was asked for did not succeed, 7 times in a row: failed and missing hours are asked for again after "
        "2026-11-01 11:01 UTC. Look at the newest failed run."
    )


def test_in_a_streak_one_gap_or_failing_hour_is_asked_for_at_a_time_when_the_pause_is_over() -> None:
    stopped = cursor(0, failing={0: failing(), 1: failing(2)}, streak=3, streak_at=NOW)

    early = decide(stopped, facts(now=NOW + 3 * MINUTE))
    due = decide(stopped, facts(now=NOW + 4 * MINUTE))
    under_way = decide(due.cursor, facts(now=NOW + 30 * MINUTE, in_flight=due.ranges[0]))

    assert early.ranges == ()
    assert asked(due) == [list(range(2, 10))]
    assert under_way.ranges == ()
    assert "asked for again when the run under way has ended" in under_way.reason


def test_in_a_streak_a_failing_hour_whose_own_pause_is_longer_is_named_with_that_moment() -> None:
    stopped = cursor(8, failing={3: failing(4, retry=NOW + 8 * MINUTE)}, streak=1, streak_at=NOW - MINUTE)

    decision = decide(stopped, facts(read_at=CLOSED))

    assert decision.ranges == ()
    assert "asked for again after 2026-11-01 10:38 UTC." in decision.reason


def test_in_a_streak_a_missing_hour_does_not_wait_for_the_pause_of_a_failing_one() -> None:
    stopped = cursor(8, failing={3: failing(4, retry=NOW + 8 * MINUTE)}, streak=1, streak_at=NOW - MINUTE / 2)

    decision = decide(stopped, facts(read_at={}))

    assert decision.ranges == ()
    assert "asked for again after 2026-11-01 10:30 UTC." in decision.reason


def test_a_streak_of_which_no_moment_is_known_has_no_pause() -> None:
    later = cursor(8, failing={3: failing(4, retry=NOW + 8 * MINUTE)}, streak=3)
    under_way = cursor(8, failing={3: failing(4)}, requests=[request(5)], streak=3)

    assert asked(decide(cursor(0, streak=3), facts())) == [list(range(10))]
    assert "asked for again after 2026-11-01 10:38 UTC." in decide(later, facts(read_at=CLOSED)).reason
    during = decide(under_way, facts(read_at=CLOSED, in_flight=[hour(5)]))
    assert "asked for again when the run under way has ended." in during.reason

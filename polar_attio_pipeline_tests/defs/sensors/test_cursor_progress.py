"""What becomes of hours that were asked for: who is blamed, what pauses, when an hour counts as done."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from polar_attio_pipeline.defs.sensors.cursor import (
    CLOCK_GRAIN,
    IDS_KEPT,
    LONGEST_PAUSE,
    MOST_FAILING,
    SPACING,
    Cursor,
    Facts,
    Failing,
    Waiting,
)
from polar_attio_pipeline.defs.sensors.cursor_progress import ATTEMPTS_FOR_SURE, update
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import (
    CLOSED,
    HOUR,
    MINUTE,
    NOW,
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

EARLIER = NOW - 5 * MINUTE
TINY = timedelta(microseconds=1)


def failed(after: Cursor, number: int) -> Failing:
    return after.failing[hour(number)]


def test_an_hour_that_was_not_read_while_another_was_is_blamed_and_waits() -> None:
    after = update(cursor(9, requests=[request(9, at=EARLIER)]), facts(read_at=read(8)))

    assert failed(after, 9) == failing(1, since=NOW, retry=NOW + MINUTE)
    assert after.streak == 0
    assert after.requests == ()


def test_the_pause_of_an_hour_doubles_with_each_blame() -> None:
    after = update(
        cursor(9, requests=[request(9, at=EARLIER)], failing={9: failing(3, since=EARLIER)}), facts(read_at=read(8))
    )

    assert failed(after, 9).retry_at == NOW + 8 * MINUTE


def test_the_more_hours_fail_again_and_again_the_longer_the_pause_of_each_may_be() -> None:
    def pause_of_the_last(count: int) -> timedelta:
        known = {number: failing(20, since=EARLIER) for number in range(count)}
        tried = cursor(count, requests=[request(count - 1, at=EARLIER)], failing=known)
        return failed(update(tried, facts(read_at=read(count))), count - 1).retry_at - NOW

    assert [pause_of_the_last(count) for count in (1, 6, 9)] == [LONGEST_PAUSE, LONGEST_PAUSE, SPACING * 9]


@pytest.mark.parametrize(("count", "pause"), [(1, timedelta(0)), (2, 2 * MINUTE), (4, 8 * MINUTE)])
def test_in_an_outage_only_an_hour_that_fails_again_and_again_keeps_its_own_pause(count: int, pause: timedelta) -> None:
    tried = cursor(9, requests=[request(9, at=EARLIER)], failing={9: failing(count, since=EARLIER)})

    assert failed(update(tried, facts()), 9) == failing(count, attempts=count + 1, since=EARLIER, retry=NOW + pause)


def test_an_hour_that_was_not_read_when_nothing_was_adds_to_the_streak_and_is_not_blamed() -> None:
    after = update(cursor(9, requests=[request(9, at=EARLIER)]), facts(read_at=read(8, at=EARLIER - MINUTE)))

    assert failed(after, 9) == failing(0, attempts=1, since=EARLIER, retry=NOW)
    assert (after.streak, after.streak_at) == (1, NOW)


def test_a_success_between_two_failures_of_an_hour_shows_that_the_second_is_its_own() -> None:
    tried = cursor(9, requests=[request(9, at=NOW - MINUTE)], failing={9: failing(0, attempts=1, since=EARLIER)})

    after = update(tried, facts(read_at=read(8, at=EARLIER + MINUTE)))

    assert failed(after, 9).count == 1


def test_a_success_of_the_same_hour_is_no_evidence_against_it() -> None:
    tried = cursor(9, requests=[request(9, at=NOW - MINUTE)], failing={9: failing(0, attempts=1, since=EARLIER)})

    after = update(tried, facts(read_at=read(9, at=EARLIER - MINUTE)))

    assert failed(after, 9).count == 0


def test_an_earlier_success_of_the_same_hour_is_no_evidence_against_it_when_it_fails_again() -> None:
    noticed_since = {9: Waiting(NOW - MINUTE, frozenset(["a"]))}
    known = cursor(
        9,
        requests=[request(9, at=NOW - MINUTE)],
        failing={9: failing(1, since=EARLIER)},
        waiting=noticed_since,
        seen=["a"],
    )

    after = update(known, facts(read_at=read(9, at=NOW - 2 * MINUTE)))

    assert failed(after, 9).count == 1
    assert after.streak == 1


def test_of_a_run_the_first_hour_that_was_not_read_is_blamed_and_those_behind_it_go_first_next_time() -> None:
    after = update(cursor(4, requests=[request(4, 5, 6, 7, at=EARLIER)]), facts(read_at=read(4)))

    assert numbers(after.failing) == [6, 7, 5]
    assert failed(after, 5).count == 1
    assert failed(after, 6) == failed(after, 7) == failing(0, since=EARLIER, retry=EARLIER)


def test_a_run_that_still_runs_is_not_judged() -> None:
    before = cursor(9, requests=[request(9, at=EARLIER)])

    assert update(before, facts(in_flight=[hour(9)])) == before


def test_hours_of_a_run_that_another_run_covers_too_are_judged_when_that_has_ended() -> None:
    after = update(cursor(7, requests=[request(7, 8, 9, at=EARLIER)]), facts(in_flight=[hour(8), hour(9)]))

    assert after.requests == (request(8, 9, at=EARLIER),)
    assert numbers(after.failing) == [7]


@pytest.mark.parametrize("succeeded", [3, 9])
def test_any_success_ends_the_streak(succeeded: int) -> None:
    after = update(cursor(9, streak=4, streak_at=EARLIER), facts(read_at=read(succeeded)))

    assert (after.streak, after.streak_at) == (0, None)


@pytest.mark.parametrize("read_at", [EARLIER, NOW])
def test_a_success_that_read_polar_no_later_than_the_newest_failure_does_not_end_the_streak(
    read_at: datetime,
) -> None:
    assert update(cursor(9, streak=4, streak_at=NOW), facts(read_at=read(3, at=read_at))).streak == 4


def test_a_success_timed_by_a_clock_that_is_ahead_ends_the_streak_within_a_grain_of_the_clock() -> None:
    def streak(ahead: timedelta) -> int:
        return update(cursor(9, streak=4, streak_at=EARLIER), facts(read_at=read(3, at=NOW + ahead))).streak

    assert [streak(CLOCK_GRAIN), streak(CLOCK_GRAIN + TINY)] == [0, 4]


def test_a_success_ends_the_failing_of_an_hour() -> None:
    failing_since = cursor(9, failing={9: failing(1, since=EARLIER)})

    assert numbers(update(failing_since, facts(read_at=read(9, at=EARLIER - MINUTE))).failing) == [9]
    assert update(failing_since, facts(read_at=read(9))).failing == {}


def test_when_an_hour_that_failed_again_and_again_succeeds_the_others_are_tried_at_once() -> None:
    both = {3: failing(5, since=EARLIER), 4: failing(5, since=EARLIER, retry=NOW + 16 * MINUTE)}

    after = update(cursor(8, failing=both), facts(read_at=read(3)))

    assert numbers(after.failing) == [4]
    assert failed(after, 4).retry_at == NOW


def test_the_watermark_walks_past_hours_that_fail_again_and_again_and_keeps_them() -> None:
    done = {**read(0, 1, 3, 4, 5, 6, 7), **CLOSED}

    after = update(cursor(0, failing={2: failing(2, retry=NOW + MINUTE)}), facts(read_at=done))

    assert after.watermark == hour(8)
    assert numbers(after.failing) == [2]


def test_the_watermark_waits_for_an_hour_that_was_blamed_once() -> None:
    after = update(cursor(0, failing={2: failing(1)}), facts(read_at=read(0, 1, 3, 4, 5, 6, 7, 8, 9)))

    assert after.watermark == hour(2)


def test_the_watermark_does_not_wait_for_ever_where_nothing_else_succeeds() -> None:
    tried = {0: failing(0, attempts=ATTEMPTS_FOR_SURE - 1)}, {0: failing(0, attempts=ATTEMPTS_FOR_SURE)}

    assert [update(cursor(0, failing=one), facts()).watermark for one in tried] == [hour(0), hour(1)]


def test_the_watermark_does_not_pass_a_failing_hour_before_its_last_reading_is_due() -> None:
    after = update(cursor(8, failing={8: failing(2)}), facts(read_at=CLOSED))

    assert after.watermark == hour(8)


def test_the_watermark_passes_a_failing_hour_at_the_moment_when_its_last_reading_is_due() -> None:
    after = update(cursor(7, failing={7: failing(2)}), facts(now=hour(10), read_at={hour(7): hour(8)}))

    assert after.watermark == hour(8)


def test_an_hour_that_the_watermark_has_passed_ends_failing_with_its_last_reading() -> None:
    passed = cursor(8, failing={3: failing(2, since=START)})

    early = update(passed, facts(read_at=read(3, at=hour(6) - MINUTE)))
    last = update(passed, facts(read_at=read(3, at=hour(6))))

    assert numbers(early.failing) == [3]
    assert last.failing == {}


def test_the_watermark_leaves_no_more_failing_hours_behind_than_can_be_stored() -> None:
    now = START + 600 * HOUR
    behind = {number: failing(2) for number in range(MOST_FAILING + 2)}

    after = update(cursor(MOST_FAILING - 1, failing=behind), facts(now=now))

    assert after.watermark == hour(MOST_FAILING)


def test_each_hour_that_the_watermark_passes_takes_one_place() -> None:
    now = START + 600 * HOUR
    behind = {number: failing(2) for number in range(MOST_FAILING + 2)}

    after = update(cursor(MOST_FAILING - 2, failing=behind), facts(now=now))

    assert after.watermark == hour(MOST_FAILING)


def waiting(*ids: str) -> Cursor:
    return cursor(10, waiting={10: Waiting(EARLIER, frozenset(ids))}, seen=ids)


def seen_by(facts: Facts, *ids: str) -> Cursor:
    return update(waiting(*ids), facts)


def test_an_hour_is_done_when_every_customer_seen_in_it_has_an_outcome_or_is_no_longer_in_polar() -> None:
    after = seen_by(facts(read_at=read(10), recorded=["a"], absent={hour(10): frozenset(["b"])}), "a", "b")

    assert after.waiting == {}
    assert after.failing == {}


def test_an_hour_whose_success_did_not_read_a_customer_seen_in_it_waits_on_and_counts_as_failing() -> None:
    after = seen_by(facts(read_at=read(10), recorded=["a"]), "a", "b")

    assert after.waiting == {hour(10): Waiting(NOW + TINY, frozenset("b"))}
    assert failed(after, 10) == failing(1, since=NOW + TINY, retry=NOW + TINY + MINUTE)


def test_an_hour_that_failed_before_keeps_its_count_when_a_success_did_not_read_all_of_its_customers() -> None:
    known = replace(waiting("a"), failing={hour(10): failing(2, since=EARLIER)})

    after = update(known, facts(read_at=read(10)))

    assert failed(after, 10).count == 3


def test_the_same_success_is_held_against_an_hour_once() -> None:
    once = seen_by(facts(read_at=read(10)), "a")

    again = update(once, facts(now=NOW + MINUTE, read_at=read(10)))

    assert again == once


def test_an_id_absent_from_one_hour_says_nothing_about_another() -> None:
    after = seen_by(facts(read_at=read(10), absent={hour(9): frozenset(["a"])}), "a")

    assert numbers(after.waiting) == [10]


def test_without_the_ledger_an_hour_is_done_when_it_was_read() -> None:
    assert seen_by(facts(read_at=read(10), recorded=None), "a").waiting == {}


def test_no_more_than_a_page_of_customers_is_remembered_for_an_hour() -> None:
    newest = [customer(number, NOW - timedelta(seconds=number)) for number in range(IDS_KEPT + 5)]

    after = update(cursor(10), facts(newest=newest))

    assert len(after.waiting[hour(10)].ids) == IDS_KEPT
    assert len(after.seen) == IDS_KEPT + 5


def test_a_customer_noticed_later_makes_the_hour_wait_for_a_later_success() -> None:
    def noticed(at: datetime) -> datetime:
        known = [customer(1, NOW), customer(2, NOW)]
        return update(replace(waiting("customer-1")), facts(now=at, newest=known)).waiting[hour(10)].noticed_at

    assert noticed(NOW) == NOW

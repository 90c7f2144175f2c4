"""The rules of the sensor of changes: a change is done when a pass that read Polar after it has succeeded."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from polar_attio_pipeline.defs.sensors.changes_cursor import (
    BEGUN_ANEW,
    EVERYTHING,
    MOST_SEEN,
    ChangesCursor,
    Pending,
    begun,
    dump,
    load,
)
from polar_attio_pipeline.defs.sensors.changes_requests import (
    HOURS_FIRST,
    LONGEST_PAUSE,
    READ_AHEAD,
    ChangesDecision,
    ChangesFacts,
    decide,
)
from polar_attio_pipeline.polar.events import CREATED, Event, Events
from polar_attio_pipeline_tests.defs.sensors.changes_builders import MINUTE, NOW, OVERLAP, SECOND, event

MOST = 5


def facts(
    now: datetime = NOW,
    *,
    events: Iterable[Event] = (),
    whole: bool = True,
    unreadable: int = 0,
    read_at: Mapping[str, datetime] | None = None,
    in_flight: Collection[str] = (),
    recorded: Collection[str] = (),
) -> ChangesFacts:
    found = Events(list(events), whole=whole, unreadable=unreadable)
    return ChangesFacts(now, found, read_at or {}, in_flight, recorded, OVERLAP, MOST)


def fresh() -> ChangesCursor:
    return begun(NOW - MINUTE, OVERLAP)


def asked(*customers: str) -> ChangesDecision:
    """A tick has asked for these customers."""
    decision = decide(fresh(), facts(events=map(event, customers)))
    assert sorted(decision.customers) == sorted(customers)
    return decision


def test_a_quiet_tick_asks_for_nothing_and_says_so() -> None:
    decision = decide(fresh(), facts())

    assert decision.customers == ()
    assert decision.reason == "No customer has changed that has not been read since."


def test_customers_who_changed_are_asked_for_together_and_each_event_counts_once() -> None:
    decision = asked("ada", "bob")

    again = decide(decision.cursor, facts(NOW + MINUTE, events=[event("ada")], read_at={"ada": NOW, "bob": NOW}))
    assert (again.customers, again.cursor.pending) == ((), {})


def test_a_change_is_done_only_by_a_success_that_read_polar_after_it_was_noticed() -> None:
    decision = asked("ada")

    before = decide(decision.cursor, facts(NOW + SECOND, read_at={"ada": NOW - SECOND}, in_flight={"ada"}))
    assert "ada" in before.cursor.pending
    after = decide(before.cursor, facts(NOW + MINUTE, read_at={"ada": NOW + SECOND}))
    assert after.cursor.pending == {}


def test_a_reconciliation_that_began_after_a_change_covers_it() -> None:
    decision = asked("ada", "bob")

    assert decide(decision.cursor, facts(NOW + MINUTE, read_at={EVERYTHING: NOW + SECOND})).cursor.pending == {}


def test_a_reading_in_the_future_was_timed_by_a_wrong_clock_and_says_nothing() -> None:
    decision = asked("ada")

    later = decide(decision.cursor, facts(NOW + MINUTE, read_at={"ada": NOW + 60 * MINUTE}))
    assert "ada" in later.cursor.pending
    assert decide(decision.cursor, facts(read_at={"ada": NOW + READ_AHEAD})).cursor.pending == {}


def test_a_change_during_the_run_is_asked_for_when_that_run_has_ended() -> None:
    decision = asked("ada")
    second = event("ada", at=NOW + 10 * SECOND, number=2)

    during = decide(decision.cursor, facts(NOW + 30 * SECOND, events=[second], in_flight={"ada"}))
    assert (during.customers, during.reason) == ((), "1 customer changed: the run under way has to end first.")
    after = decide(during.cursor, facts(NOW + MINUTE, read_at={"ada": NOW + SECOND}))
    assert after.customers == ("ada",)
    assert not after.retried
    assert after.cursor.pending == {"ada": Pending(NOW + 30 * SECOND, asked_at=NOW + MINUTE)}


def test_a_late_event_behind_the_watermark_is_taken_note_of() -> None:
    newest = decide(fresh(), facts(events=[event("ada")], read_at={"ada": NOW}))
    late = event("bob", at=NOW - 9 * MINUTE)

    decision = decide(newest.cursor, facts(NOW + MINUTE, events=[event("ada"), late], read_at={"ada": NOW}))

    assert newest.cursor.watermark == NOW
    assert late.at > newest.cursor.since(OVERLAP)
    assert decision.customers == ("bob",)


def test_events_up_to_the_moment_at_which_the_sensor_began_are_left_to_a_reconciliation() -> None:
    floor = fresh().floor

    assert decide(fresh(), facts(events=[event("ada", at=floor)])).cursor.pending == {}
    assert decide(fresh(), facts(events=[event("ada", at=floor + SECOND)])).customers == ("ada",)


def test_an_event_of_the_future_moves_the_watermark_no_further_than_now() -> None:
    decision = decide(fresh(), facts(events=[event("ada", at=NOW + 60 * MINUTE)]))

    assert decision.cursor.watermark == NOW


def test_events_are_remembered_as_long_as_they_come_again() -> None:
    first = asked("ada").cursor
    kept = decide(first, facts(NOW + 9 * MINUTE, events=[event("bob", at=NOW + 9 * MINUTE)]))
    last = decide(kept.cursor, facts(NOW + OVERLAP, events=[event("bob", at=NOW + OVERLAP, number=2)]))
    dropped = decide(last.cursor, facts(NOW + 11 * MINUTE, events=[event("bob", at=NOW + 11 * MINUTE, number=3)]))

    assert event("ada").id in kept.cursor.seen
    assert event("ada").id in last.cursor.seen
    assert event("ada").id not in dropped.cursor.seen


def test_what_failed_is_asked_for_again_after_growing_pauses() -> None:
    cursor, now, waited = asked("ada").cursor, NOW, []
    for _ in range(7):
        failed_at = now = now + SECOND
        cursor = decide(cursor, facts(now)).cursor
        while True:
            now += 30 * SECOND
            decision = decide(cursor, facts(now))
            cursor = decision.cursor
            if decision.customers:
                break
        assert decision.retried
        waited.append(now - failed_at)

    assert waited == [MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_restart_between_tick_and_run_costs_a_pause_and_loses_nothing() -> None:
    restarted, _ = load(dump(asked("ada").cursor), now=NOW + MINUTE, overlap=OVERLAP)

    noticed = decide(restarted, facts(NOW + MINUTE))
    assert noticed.customers == ()
    assert "nothing is asked for before 2026-11-01 10:32 UTC" in noticed.reason
    assert decide(noticed.cursor, facts(NOW + 2 * MINUTE)).customers == ("ada",)


def test_one_who_fails_for_ever_holds_no_other_one_up() -> None:
    cursor = asked("poison").cursor
    failed = decide(cursor, facts(NOW + SECOND, read_at={"bob": NOW + SECOND})).cursor

    others = decide(failed, facts(NOW + 2 * MINUTE, events=[event("eve", at=NOW + MINUTE)], read_at={"bob": NOW}))

    assert others.customers == ("eve",)
    assert others.cursor.pending["poison"].asked_at is None


def test_one_who_makes_every_run_fail_ends_up_alone() -> None:
    """Runs with `d` fail as a whole; all others are done in the end, and `d` is asked for by itself."""
    decision = asked("a", "b", "c", "d", "e")
    cursor, read_at, now = decision.cursor, dict[str, datetime](), NOW
    requests = [decision.customers]
    while len(requests) < 12:
        now += 30 * SECOND
        if requests[-1] and "d" not in requests[-1]:
            read_at |= dict.fromkeys(requests[-1], now - SECOND)
        decision = decide(cursor, facts(now, read_at=read_at))
        cursor = decision.cursor
        requests += [decision.customers] if decision.customers else []

    assert set(read_at) == {"a", "b", "c", "e"}
    assert requests[-1] == ("d",)


def test_while_nothing_succeeds_ever_fewer_are_asked_for_at_once() -> None:
    failed = decide(asked("a", "b", "c", "d").cursor, facts(NOW + SECOND)).cursor

    assert failed.streak == 1
    assert len(decide(failed, facts(NOW + 2 * MINUTE)).customers) == 2


def test_a_success_at_the_very_moment_of_the_request_shows_that_something_succeeds() -> None:
    decision = decide(asked("ada", "bob").cursor, facts(NOW + SECOND, read_at={"bob": NOW}))

    assert decision.cursor.streak == 0
    assert decision.cursor.pending["ada"].attempts == 1


def test_while_nothing_succeeds_it_says_how_many_have_changed() -> None:
    failed = replace(fresh(), streak=3, streak_at=NOW)
    two = replace(failed, pending={"ada": Pending(NOW), "bob": Pending(NOW)})
    many = replace(failed, pending={EVERYTHING: Pending(NOW)})

    assert decide(two, facts()).reason == (
        "What was asked for did not succeed, 3 times in a row; 2 customers changed, and nothing is asked for before "
        "2026-11-01 10:34 UTC. Look at the newest failed run."
    )
    assert "; Very many customers changed, and nothing is asked for before " in decide(many, facts()).reason


def test_a_success_ends_the_streak() -> None:
    failed = decide(asked("a", "b").cursor, facts(NOW + SECOND)).cursor

    assert decide(failed, facts(NOW + MINUTE, read_at={"x": NOW + 2 * SECOND})).cursor.streak == 0


@pytest.mark.parametrize("whole", [True, False])
def test_very_many_changes_are_one_reconciliation(whole: bool) -> None:
    many = [event(f"customer {number}") for number in range(MOST + whole)]
    decision = decide(fresh(), facts(events=many, whole=whole))

    assert decision.customers == (EVERYTHING,)
    assert set(decision.cursor.pending) == {EVERYTHING}
    during = decide(decision.cursor, facts(NOW + MINUTE, events=many, in_flight={EVERYTHING}))
    assert during.reason == "Very many customers changed: a reconciliation is queued or running."
    after = decide(during.cursor, facts(NOW + 5 * MINUTE, events=many, read_at={EVERYTHING: NOW + MINUTE}))
    assert (after.customers, after.cursor.pending) == ((), {})


def test_events_that_were_too_many_to_read_are_not_read_again_for_ever() -> None:
    decision = decide(fresh(), facts(events=[event("ada")], whole=False))

    assert decision.cursor.since(OVERLAP) == NOW
    assert decide(
        decision.cursor, facts(NOW + MINUTE, events=[event("bob", at=NOW - SECOND)])
    ).cursor.pending.keys() == {EVERYTHING}


def test_while_a_reconciliation_keeps_failing_single_customers_are_read() -> None:
    cursor = decide(fresh(), facts(events=[event("ada")], whole=False)).cursor
    failed = decide(cursor, facts(NOW + SECOND, read_at={"bob": NOW + SECOND})).cursor

    decision = decide(failed, facts(NOW + 30 * SECOND, events=[event("eve", at=NOW + SECOND)]))

    assert decision.customers == ("eve",)


def test_a_new_customer_is_left_to_the_run_of_its_hour_for_a_while() -> None:
    waiting = decide(fresh(), facts(events=[event("ada", name=CREATED)]))
    assert waiting.customers == ()
    assert "new ones wait for the run of their hour" in waiting.reason

    assert decide(waiting.cursor, facts(NOW + MINUTE, recorded={"ada"})).cursor.pending == {}
    assert decide(waiting.cursor, facts(NOW + HOURS_FIRST)).customers == ("ada",)


def test_a_new_customer_whose_run_failed_waits_for_its_retry_and_not_for_its_hour() -> None:
    failed = Pending(NOW - MINUTE, is_new=True, attempts=1, retry_at=NOW)

    assert decide(replace(fresh(), pending={"ada": failed}), facts()).customers == ("ada",)


def test_a_new_customer_who_changes_is_asked_for_at_once_although_it_is_on_record() -> None:
    both = [event("ada", name=CREATED), event("ada", name="subscription.created")]

    decision = decide(fresh(), facts(events=both))

    assert decision.customers == ("ada",)
    assert "ada" in decide(decision.cursor, facts(NOW + SECOND, recorded={"ada"}, in_flight={"ada"})).cursor.pending


def test_two_ticks_at_once_ask_for_the_same_customers_and_lose_none() -> None:
    events = [event("ada"), event("bob")]
    one, other = (decide(fresh(), facts(events=events)) for _ in range(2))

    assert one == other
    assert decide(other.cursor, facts(NOW + MINUTE, read_at={"ada": NOW, "bob": NOW})).cursor.pending == {}


def test_a_row_that_cannot_be_shown_is_looked_at_for_the_overlap_and_no_longer() -> None:
    idle = replace(fresh(), watermark=NOW - 60 * MINUTE, floor=NOW - 120 * MINUTE)

    assert decide(idle, facts()).cursor.since(OVERLAP) == NOW - 70 * MINUTE
    assert decide(idle, facts(unreadable=1)).cursor.since(OVERLAP) == NOW - OVERLAP


def test_the_cursor_is_stored_and_read_back_as_it_is() -> None:
    cursor = decide(asked("ada", "bob").cursor, facts(NOW + SECOND, events=[event("eve", name=CREATED)])).cursor

    assert cursor.streak
    assert load(dump(cursor), now=NOW + MINUTE, overlap=OVERLAP) == (cursor, "")


@pytest.mark.parametrize("stored", [None, ""])
def test_without_a_cursor_the_sensor_begins_and_there_is_nothing_to_say(stored: str | None) -> None:
    assert load(stored, now=NOW, overlap=OVERLAP) == (begun(NOW, OVERLAP), "")


def test_of_very_many_events_the_newest_are_remembered_to_the_millisecond() -> None:
    count = MOST_SEEN + 2
    seen = {f"{count - number:05}": NOW + number * timedelta(milliseconds=1) for number in range(count)}

    cursor, _ = load(dump(replace(fresh(), seen=seen)), now=NOW, overlap=OVERLAP)

    assert cursor.seen == dict([*seen.items()][2:])


@pytest.mark.parametrize("stored", ["garbage", "{}", "[]", '{"version": 0}', '{"version": 1, "watermark": 5}'])
def test_a_cursor_that_cannot_be_read_begins_anew_and_says_so(stored: str) -> None:
    assert load(stored, now=NOW, overlap=OVERLAP) == (begun(NOW, OVERLAP), BEGUN_ANEW)
    assert begun(NOW, OVERLAP).since(OVERLAP) == NOW - OVERLAP


def test_a_cursor_ahead_of_the_clock_is_brought_back_to_it() -> None:
    ahead = ChangesCursor(NOW + 60 * MINUTE, NOW + MINUTE, pending={"ada": Pending(NOW + MINUTE)})

    cursor, _ = load(dump(ahead), now=NOW, overlap=OVERLAP)

    assert (cursor.watermark, cursor.floor, cursor.pending["ada"].noticed_at) == (NOW, NOW, NOW)


def test_the_stored_cursor_stays_within_bounds() -> None:
    many = {f"{number:036}": NOW for number in range(50_000)}

    assert len(dump(replace(fresh(), seen=many))) < 150_000


def test_a_further_change_of_one_who_failed_does_not_shorten_its_pause() -> None:
    failed = Pending(NOW - MINUTE, attempts=3, retry_at=NOW + 5 * MINUTE)
    cursor = replace(fresh(), pending={"ada": failed})

    decision = decide(cursor, facts(events=[event("ada")]))

    assert decision.customers == ()
    assert decision.cursor.pending == {"ada": replace(failed, noticed_at=NOW)}


def test_who_has_waited_longest_is_asked_for_first() -> None:
    pending = {"ada": Pending(NOW - SECOND), "zoe": Pending(NOW - MINUTE)}
    cursor = replace(fresh(), pending=pending, streak=1)

    assert decide(cursor, facts()).customers == ("zoe",)


def test_a_success_after_a_streak_leaves_nothing_of_it() -> None:
    cursor = replace(fresh(), streak=4, streak_at=NOW)

    ended = decide(cursor, facts(NOW + MINUTE, read_at={"ada": NOW})).cursor

    assert (ended.streak, ended.streak_at) == (0, None)


def test_very_many_changes_are_noted_anew_and_keep_the_failures_of_the_reconciliation_before() -> None:
    failed = Pending(NOW - 60 * MINUTE, attempts=2, retry_at=NOW + 5 * MINUTE)
    cursor = replace(fresh(), pending={EVERYTHING: failed}, seen={"earlier": NOW - MINUTE})
    many = [event(f"customer{number}") for number in range(MOST + 1)]

    whole = decide(cursor, facts(events=many)).cursor
    cut = decide(cursor, facts(events=many, whole=False)).cursor

    assert whole.pending == cut.pending == {EVERYTHING: replace(failed, noticed_at=NOW)}
    assert "earlier" in whole.seen
    assert whole.floor == cursor.floor
    assert (cut.seen, cut.floor) == ({}, NOW)

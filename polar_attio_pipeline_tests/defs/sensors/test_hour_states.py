"""Hours that fail and hours that are overdue, judged from what an instance of Dagster has on record."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.partitions import range_tags
from polar_attio_pipeline.defs.sensors import hour_states
from polar_attio_pipeline.defs.sensors.hour_states import failing_hours, overdue_hours
from polar_attio_pipeline.defs.sensors.notices import FAILING_HOURS, OVERDUE_HOURS, State
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline.hours import HOUR, between, key

NAMES = Names()
UI = "https://dagster.example.com"
# Runs and materialisations are put on record now, so the look is taken now too.
NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
HERE = NOW.replace(minute=0)
START = HERE - 30 * HOUR


@dg.op
def _nothing() -> None: ...


@dg.job(name=NAMES.people.job)
def _people() -> None:
    _nothing()


class Record:
    """What Dagster has on record, and a look at it."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        watched = Watched(NAMES, START, 3 * HOUR, "35 3 * * *", UI, polar_link=str)
        self.look = Look(instance, watched, NOW)
        self._instance = instance

    def fail(self, first: datetime, last: datetime, because: str = "Attio is down.") -> str:
        """Put a run that has failed on record; return its id."""
        run = self._instance.create_run_for_job(
            _people, tags=range_tags(first, last), status=dg.DagsterRunStatus.STARTED
        )
        self._instance.report_run_failed(run, because)
        return run.run_id

    def succeed(self, hours: Sequence[datetime]) -> None:
        for hour in hours:
            found = dg.AssetMaterialization(NAMES.people.asset, partition=key(hour))
            self._instance.report_runless_asset_event(found)


@pytest.fixture
def record() -> Iterator[Record]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Record(instance)


def test_without_failed_runs_no_hour_fails(record: Record) -> None:
    state, remembered = failing_hours(record.look, {})

    assert (state.name, state.problem) == (FAILING_HOURS, None)
    assert remembered == {}


def test_one_failure_is_none_that_people_hear_of(record: Record) -> None:
    record.fail(HERE, HERE)

    state, remembered = failing_hours(record.look, {})

    assert state.problem is None
    assert remembered == {}


def test_an_hour_that_fails_twice_is_named_with_the_cause_and_the_run(record: Record) -> None:
    record.fail(HERE, HERE, "Polar is down.")
    newest = record.fail(HERE, HERE, "Attio is down.")

    state, remembered = failing_hours(record.look, {})

    assert state == State(
        FAILING_HOURS,
        f"One hour has failed 2 times in a row: {HERE:%Y-%m-%d %H:%M} UTC. The newest of these runs says: Attio is "
        f"down. See {UI}/runs/{newest}",
    )
    assert remembered == {HERE: 0}


def test_a_success_counts_however_many_hours_have_succeeded_since(record: Record) -> None:
    record.fail(HERE, HERE)
    record.fail(HERE, HERE)
    record.succeed([HERE, HERE - HOUR, HERE - 2 * HOUR])

    assert failing_hours(record.look, {}) == (State(FAILING_HOURS, None), {})


def test_several_hours_are_counted_with_the_longest_row(record: Record) -> None:
    record.fail(HERE - 2 * HOUR, HERE)
    record.fail(HERE - 2 * HOUR, HERE)
    record.fail(HERE, HERE)

    state, remembered = failing_hours(record.look, {})

    assert state.problem is not None
    assert state.problem.startswith("3 hours have failed up to 3 times in a row: ")
    assert set(remembered) == {HERE - 2 * HOUR, HERE - HOUR, HERE}


def test_failures_before_a_success_do_not_count(record: Record) -> None:
    record.fail(HERE, HERE)
    record.fail(HERE, HERE)
    record.succeed([HERE])
    record.fail(HERE, HERE)

    assert failing_hours(record.look, {})[0].problem is None

    record.fail(HERE, HERE)
    state, remembered = failing_hours(record.look, {})

    assert (state.problem or "").startswith("One hour has failed 2 times in a row")
    assert remembered[HERE] > 0


def test_a_success_of_one_hour_says_nothing_of_another(record: Record) -> None:
    record.fail(HERE - HOUR, HERE)
    record.fail(HERE - HOUR, HERE)
    record.succeed([HERE])

    assert set(failing_hours(record.look, {})[1]) == {HERE - HOUR}


def test_hours_outside_of_the_partitions_are_not_looked_at(record: Record) -> None:
    for _ in range(2):
        record.fail(START - 5 * HOUR, START - HOUR)
        record.fail(HERE + HOUR, HERE + 2 * HOUR)

    assert failing_hours(record.look, {})[1] == {}


def test_a_known_hour_stays_until_it_succeeds_without_any_run_in_view(record: Record) -> None:
    state, remembered = failing_hours(record.look, {HERE: 0})
    assert state.problem == (
        f"One hour has failed 2 times in a row: {HERE:%Y-%m-%d %H:%M} UTC. Look at the newest failed runs ({UI}/runs)."
    )
    assert remembered == {HERE: 0}

    record.succeed([HERE])
    assert failing_hours(record.look, {HERE: 0})[1] == {}


def test_of_very_many_failing_hours_the_newest_are_judged(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hour_states, "MOST_HOURS", 2)
    record.fail(HERE - 5 * HOUR, HERE)
    record.fail(HERE - 5 * HOUR, HERE)

    assert set(failing_hours(record.look, {})[1]) == {HERE - HOUR, HERE}


def test_when_every_hour_is_done_none_is_overdue_and_the_next_look_begins_at_the_end(record: Record) -> None:
    record.succeed(between(START, HERE))

    state, complete_until = overdue_hours(record.look, START)

    assert state is not None
    assert (state.name, state.problem) == (OVERDUE_HOURS, None)
    assert complete_until == HERE - 3 * HOUR


def test_an_hour_that_ended_long_ago_is_named_with_where_to_look(record: Record) -> None:
    hours = between(START, HERE)
    late = HERE - 4 * HOUR
    record.succeed([hour for hour in hours if hour != late])

    state, complete_until = overdue_hours(record.look, START)

    assert state == State(
        OVERDUE_HOURS,
        f"One hour that ended more than 3 hours ago was never synced: {late:%Y-%m-%d %H:%M} UTC. See that Dagster's "
        f"daemon runs and that the schedule and the sensor of new customers are on ({UI}/automation), and look at the "
        f"newest runs ({UI}/runs).",
    )
    assert complete_until == late


def test_hours_that_wait_for_a_person_are_not_overdue_and_stay_in_sight(record: Record) -> None:
    first, second, late = (HERE - number * HOUR for number in (6, 5, 4))
    record.succeed([hour for hour in between(START, HERE) if hour not in {first, second, late}])
    waiting = {key(first), key(second)}

    named, complete_until = overdue_hours(record.look, START, waiting=waiting)

    assert named is not None
    assert f"was never synced: {late:%Y-%m-%d %H:%M} UTC. " in (named.problem or "")
    assert complete_until == first
    assert overdue_hours(record.look, START, waiting={*waiting, key(late)}) == (State(OVERDUE_HOURS, None), first)


def test_an_hour_that_is_not_late_yet_is_not_overdue(record: Record) -> None:
    record.succeed(between(START, HERE - 4 * HOUR))

    state, _ = overdue_hours(record.look, START)

    assert state is not None
    assert state.problem is None


def test_several_overdue_hours_are_counted(record: Record) -> None:
    record.succeed(between(START, HERE - 8 * HOUR))

    state, complete_until = overdue_hours(record.look, START)

    assert state is not None
    assert (state.problem or "").startswith("4 hours that ended more than 3 hours ago were never synced: ")
    assert complete_until == HERE - 7 * HOUR


def test_where_a_tick_does_not_reach_the_newest_hour_the_count_is_a_lower_bound(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hour_states, "WINDOW", 5)

    state, complete_until = overdue_hours(record.look, START)

    assert state is not None
    assert (state.problem or "").startswith("At least 5 hours that ended more than 3 hours ago were never synced: ")
    assert complete_until == START

    monkeypatch.setattr(hour_states, "WINDOW", 1)
    state, _ = overdue_hours(record.look, START)
    assert state is not None
    assert (state.problem or "").startswith("At least 1 hours that ended more than 3 hours ago were never synced: ")


def test_more_hours_than_a_tick_looks_at_are_left_to_the_next_ones(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hour_states, "WINDOW", 5)
    monkeypatch.setattr(hour_states, "WINDOWS", 2)
    record.succeed(between(START, HERE))

    assert overdue_hours(record.look, START) == (None, START + 10 * HOUR)
    assert overdue_hours(record.look, START + 10 * HOUR) == (None, START + 20 * HOUR)
    state, complete_until = overdue_hours(record.look, START + 22 * HOUR)
    assert state is not None
    assert state.problem is None
    assert complete_until == HERE - 3 * HOUR


def test_the_allowance_is_the_setting(record: Record) -> None:
    record.succeed(between(START, HERE - 4 * HOUR))
    strict = replace(record.look, watched=replace(record.look.watched, overdue=timedelta(minutes=90)))

    state, _ = overdue_hours(strict, START)

    assert state is not None
    assert (state.problem or "").startswith("2 hours that ended more than 1.5 hours ago were never synced: ")

"""When the sensor of new customers counts as unable to look."""

from datetime import timedelta

import dagster as dg
import pytest

from polar_attio_pipeline.defs.dagster_private import Tick
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.defs.sensors.notices import CHANGES, SENSOR, State
from polar_attio_pipeline.defs.sensors.tick_states import sensor_ticks
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import MINUTE, NOW, START

DOWN = f"Polar is failing (503) for ada@example.com. {CURSOR_KEPT}"


def ticks(*said: str | None, every: timedelta = MINUTE) -> list[Tick]:
    """Ticks a minute apart, the newest first; None for one that failed."""
    return [Tick(NOW - number * every, failed=text is None, said=text) for number, text in enumerate(said)]


def judge(found: list[Tick], instance: dg.DagsterInstance) -> State | None:
    watched = Watched(Names(), START, timedelta(hours=3), "35 3 * * *", "http://ui", str)
    return sensor_ticks(Look(instance, watched, NOW), found, name=SENSOR, looks_for="new customers")


def test_a_sensor_that_could_not_read_polar_for_a_quarter_of_an_hour_is_told_of(instance: dg.DagsterInstance) -> None:
    state = judge(ticks(*[DOWN] * 16, "Nothing is missing."), instance)

    assert state == State(
        SENSOR,
        "The sensor new_polar_customers has not been able to look for new customers at least since 2026-11-01 10:15 "
        "UTC. Polar is failing (503) for <email>. See its ticks (http://ui/automation).",
    )


def test_the_newest_of_its_words_are_quoted(instance: dg.DagsterInstance) -> None:
    state = judge(ticks(f"Polar throttles. {CURSOR_KEPT}", *[DOWN] * 16), instance)

    assert " UTC. Polar throttles. See its ticks" in ((state and state.problem) or "")


def test_a_sensor_that_raises_is_told_of_too(instance: dg.DagsterInstance) -> None:
    state = judge(ticks(*[None] * 16), instance)

    assert state is not None
    assert "Its evaluation raises an error." in (state.problem or "")


@pytest.mark.parametrize(
    "found",
    [
        ticks(*[DOWN] * 14, "Nothing is missing."),
        ticks("Nothing is missing.", *[DOWN] * 30),
        ticks("Not done, because they failed.", *[None] * 30),
        [Tick(NOW, failed=False, said=None), *ticks(*[None] * 30)[1:]],
    ],
)
def test_a_short_time_is_no_news_and_one_good_tick_ends_it(found: list[Tick], instance: dg.DagsterInstance) -> None:
    assert judge(found, instance) == State(SENSOR, None)


def test_a_sensor_that_was_never_evaluated_is_not_judged(instance: dg.DagsterInstance) -> None:
    assert judge([], instance) is None


def test_the_sensor_of_changes_is_told_of_by_its_own_name(instance: dg.DagsterInstance) -> None:
    watched = Watched(Names("acme"), START, timedelta(hours=3), "35 3 * * *", "http://ui", str)
    look = Look(instance, watched, NOW)

    state = sensor_ticks(look, ticks(*[DOWN] * 16), name=CHANGES, looks_for="changes of customers")

    assert state is not None
    assert state.name == CHANGES
    assert "The sensor acme_polar_changes has not been able to look for changes of customers" in (state.problem or "")

"""Every state is judged in every tick, each by itself: what cannot be judged is named and harms no other."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from polar_attio_pipeline.defs import dagster_private
from polar_attio_pipeline.defs.dagster_private import Tick
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.options import PassOptions
from polar_attio_pipeline.defs.resources import LedgerResource
from polar_attio_pipeline.defs.sensors import hour_states, judging, ledger_states, run_states, service_states
from polar_attio_pipeline.defs.sensors.alert_cursor import AlertCursor, dump
from polar_attio_pipeline.defs.sensors.judging import Judge
from polar_attio_pipeline.defs.sensors.ledger_states import Count
from polar_attio_pipeline.defs.sensors.new_polar_customers import CURSOR_KEPT
from polar_attio_pipeline.defs.sensors.notices import (
    CHANGES,
    COMPANIES,
    FAILING_HOURS,
    LEDGER,
    MANY_CHANGES,
    OVERDUE_HOURS,
    RECONCILIATION,
    SENSOR,
    SERVICES,
    STATES,
    UNRESOLVED_CUSTOMERS,
    State,
)
from polar_attio_pipeline.defs.sensors.watching import Look, Watched
from polar_attio_pipeline.passes.approvals import MANY_CHANGES as CONFIRMABLE
from polar_attio_pipeline.passes.approvals import Scope, StoppedPass
from polar_attio_pipeline.passes.hourly import HOURLY
from polar_attio_pipeline.sync.outcomes import Result
from polar_attio_pipeline_tests.defs.sensors.cursor_builders import MINUTE, NOW, START, hour

NO_CUSTOMERS = dict.fromkeys(Result, 0)
OPTIONS = PassOptions()


class Scene:
    """One tick on an instance that has nothing on record."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.instance = instance
        self.watched = Watched(Names("acme"), START, timedelta(hours=30), "35 3 * * *", "http://ui", str)
        self.ledger = LedgerResource.at(SecretStr(str(folder / "ledger.db")))
        self.logged: list[str] = []

    def judge(self, cursor: AlertCursor | None = None) -> Judge:
        context = dg.build_sensor_context(instance=self.instance, cursor=dump(cursor) if cursor else None)
        self.patch.setattr(context.log, "warning", lambda text, *given: self.logged.append(text % given))
        return Judge(context, Look(self.instance, self.watched, NOW))

    def problems(self, judge: Judge, options: PassOptions = OPTIONS) -> dict[str, str | None]:
        return {state.name: state.problem for state in judge.states(self.ledger, options)}

    def ledger_says(self, answer: Count | State) -> None:
        self.patch.setattr(ledger_states, "ask", lambda *_: answer)


@pytest.fixture
def scene(instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(instance, tmp_path, monkeypatch)


def test_every_state_is_judged_or_named_as_not_judged(scene: Scene) -> None:
    judge = scene.judge()

    found = scene.problems(judge)

    assert found == dict.fromkeys(
        [LEDGER, FAILING_HOURS, OVERDUE_HOURS, RECONCILIATION, COMPANIES, UNRESOLVED_CUSTOMERS, MANY_CHANGES]
    )
    assert judge.unjudged == [SENSOR, CHANGES, SERVICES]
    assert {*found, *judge.unjudged} == set(STATES)


def test_the_ledger_is_asked_once_for_this_moment(scene: Scene) -> None:
    asked: list[tuple[object, object]] = []

    def ask(resource: LedgerResource, now: object) -> Count:
        asked.append((resource, now))
        return Count(NO_CUSTOMERS, [])

    scene.patch.setattr(ledger_states, "ask", ask)

    scene.problems(scene.judge())

    assert asked == [(scene.ledger, NOW)]


def test_where_the_ledger_cannot_be_read_that_is_told_and_what_it_would_say_is_not_judged(scene: Scene) -> None:
    scene.ledger_says(State(LEDGER, "It is locked."))
    judge = scene.judge()

    found = scene.problems(judge)

    assert found == {
        LEDGER: "It is locked.",
        **dict.fromkeys([FAILING_HOURS, OVERDUE_HOURS, RECONCILIATION, COMPANIES]),
    }
    assert judge.unjudged == [UNRESOLVED_CUSTOMERS, SENSOR, CHANGES, SERVICES, MANY_CHANGES]
    assert scene.logged == []


def test_one_rule_that_raises_harms_no_other_and_the_log_says_so_without_addresses(scene: Scene) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("nobody foresaw ada@example.com")

    scene.patch.setattr(hour_states, "failing_hours", fail)
    judge = scene.judge()

    found = scene.problems(judge)

    assert FAILING_HOURS not in found
    assert list(found)[1:4] == [OVERDUE_HOURS, RECONCILIATION, COMPANIES]
    assert judge.unjudged[0] == FAILING_HOURS
    assert scene.logged == ["failing hours: not judged, RuntimeError: nobody foresaw <email>"]


def test_the_hours_that_fail_are_remembered_from_tick_to_tick(scene: Scene) -> None:
    given: list[object] = []

    def failing(look: Look, known: object) -> tuple[State, dict[Any, int]]:
        given.append((look.now, known))
        return State(FAILING_HOURS, "One hour has failed."), {hour(2): 7}

    scene.patch.setattr(hour_states, "failing_hours", failing)
    judge = scene.judge(AlertCursor(START, START, START, failing={hour(1): 3}))

    assert scene.problems(judge)[FAILING_HOURS] == "One hour has failed."
    assert given == [(NOW, {hour(1): 3})]
    assert judge.cursor == AlertCursor(START, START, judge.cursor.complete_until, failing={hour(2): 7})


def overdue(scene: Scene, state: State | None) -> list[tuple[object, object]]:
    """Let the hours be judged so; return what is asked for: from which hour on, and which hours wait."""
    asked: list[tuple[object, object]] = []

    def judged(_: Look, complete_until: object, *, waiting: object) -> tuple[State | None, Any]:
        asked.append((complete_until, waiting))
        return state, hour(5)

    scene.patch.setattr(hour_states, "overdue_hours", judged)
    return asked


LATE = State(OVERDUE_HOURS, "One hour is overdue.")


def test_up_to_which_hour_all_is_complete_is_remembered_and_hours_that_wait_are_left_out(scene: Scene) -> None:
    waits = StoppedPass(CONFIRMABLE.name, Scope(HOURLY, frozenset({"2026-11-01-08:00"})), "a pass", NOW, "Why.")
    scene.ledger_says(Count(NO_CUSTOMERS, [], stopped=[waits]))
    asked = overdue(scene, LATE)
    judge = scene.judge(AlertCursor(START, START, hour(3)))

    assert scene.problems(judge)[OVERDUE_HOURS] == "One hour is overdue."
    assert asked == [(hour(3), frozenset({"2026-11-01-08:00"}))]
    assert judge.cursor.complete_until == hour(5)


def test_without_a_ledger_no_hour_waits(scene: Scene) -> None:
    scene.ledger_says(State(LEDGER, "It is locked."))
    asked = overdue(scene, LATE)

    scene.problems(scene.judge(AlertCursor(START, START, hour(3))))

    assert asked == [(hour(3), frozenset())]


@pytest.mark.parametrize(
    ("minutes", "state", "is_judged"),
    [
        (14, LATE, False),
        (15, LATE, True),
        (14, State(OVERDUE_HOURS, None), True),
        (15, State(OVERDUE_HOURS, None), True),
        (14, None, False),
        (15, None, False),
    ],
)
def test_in_its_first_quarter_of_an_hour_hours_that_lie_behind_are_no_news(
    scene: Scene, minutes: int, state: State | None, is_judged: bool
) -> None:
    overdue(scene, state)
    judge = scene.judge(AlertCursor(NOW - minutes * MINUTE, START, START))

    found = scene.problems(judge)

    assert (OVERDUE_HOURS in found, OVERDUE_HOURS not in judge.unjudged) == (is_judged, is_judged)


def test_the_reconciliation_is_late_by_how_long_it_is_watched(scene: Scene) -> None:
    given: list[object] = []
    scene.patch.setattr(run_states, "reconciliation", lambda look, since: given.append((look.now, since)))

    judge = scene.judge(AlertCursor(hour(4), START, START))
    scene.problems(judge)

    assert given == [(NOW, hour(4))]
    assert RECONCILIATION in judge.unjudged


@pytest.mark.parametrize(("share", "is_bad"), [(0.5, False), (0.4, True)])
def test_how_many_customers_may_be_left_out_is_the_setting(scene: Scene, share: float, is_bad: bool) -> None:
    scene.ledger_says(Count({**NO_CUSTOMERS, Result.REJECTED: 1, Result.CREATED: 1}, []))

    found = scene.problems(scene.judge(), PassOptions(failed_error_share=share))

    assert (found[UNRESOLVED_CUSTOMERS] is not None) is is_bad


def test_a_pass_that_waits_for_an_approval_is_told_of(scene: Scene) -> None:
    waits = StoppedPass(CONFIRMABLE.name, Scope("all"), "a pass", NOW, "It would change everybody.")
    scene.ledger_says(Count(NO_CUSTOMERS, [], stopped=[waits]))

    assert "It would change everybody." in (scene.problems(scene.judge())[MANY_CHANGES] or "")


def test_a_service_that_cannot_be_used_is_told_of(scene: Scene) -> None:
    scene.patch.setattr(service_states, "services", lambda look: State(SERVICES, f"Denied at {look.now:%H:%M}."))

    assert scene.problems(scene.judge())[SERVICES] == "Denied at 10:30."


def test_each_sensor_that_looks_at_polar_is_judged_by_its_own_ticks(scene: Scene) -> None:
    asked: list[object] = []

    def ticks(instance: dg.DagsterInstance, name: str, **given: object) -> Sequence[Tick]:
        asked.append((instance, name, given))
        blind = [Tick(NOW - number * MINUTE, failed=False, said=f"Down. {CURSOR_KEPT}") for number in range(20)]
        return blind if name == "acme_new_polar_customers" else []

    scene.patch.setattr(dagster_private, "sensor_ticks", ticks)
    scene.patch.setattr(dagster_private, "location_name", lambda _: "here")
    judge = scene.judge()

    found = scene.problems(judge)

    bounds = {"location": "here", "limit": judging.TICKS_LOOKED_AT}
    assert asked == [
        (scene.instance, "acme_new_polar_customers", bounds),
        (scene.instance, "acme_polar_changes", bounds),
    ]
    assert (found[SENSOR] or "").startswith(
        "The sensor acme_new_polar_customers has not been able to look for new customers at least since"
    )
    assert judge.unjudged == [CHANGES, SERVICES]


def test_the_sensor_of_changes_is_told_of_by_what_it_looks_for(scene: Scene) -> None:
    blind = [Tick(NOW - number * MINUTE, failed=True, said=None) for number in range(20)]
    scene.patch.setattr(dagster_private, "sensor_ticks", lambda *_, **__: blind)

    found = scene.problems(scene.judge())

    assert (found[CHANGES] or "").startswith(
        "The sensor acme_polar_changes has not been able to look for changes of customers at least since"
    )

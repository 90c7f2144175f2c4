"""The short form of the fault suite; `make faults` runs the long one and prints its table."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from polar_attio_pipeline.http.limits import RateLimiter
from polar_attio_pipeline.ledger import intents
from polar_attio_pipeline.passes import hourly, reconciliation, settling_earlier
from polar_attio_pipeline.sync import planning
from polar_attio_pipeline.sync.health import Health, ServiceDownError
from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.matching import PeopleIndex
from polar_attio_pipeline.sync.records import Person
from polar_attio_pipeline.sync.writes import Write
from polar_attio_pipeline_tests.faults import crash_points, dagster_kills, report, schedule
from polar_attio_pipeline_tests.faults.account import Account
from polar_attio_pipeline_tests.faults.failing_hour import Span, live_through
from polar_attio_pipeline_tests.faults.life import LEDGER_WRITES
from polar_attio_pipeline_tests.faults.pipeline import Pipeline
from polar_attio_pipeline_tests.faults.schedule import run
from polar_attio_pipeline_tests.faults.wide_outage import day_without_attio

SEED = 1


@pytest.mark.parametrize("number", range(1, 21))
def test_after_the_faults_one_round_makes_everything_true(number: int) -> None:
    account = run(SEED, number)

    assert account.is_good, report.details(account)


def test_a_schedule_can_be_run_again() -> None:
    first, second = run(SEED, 3), run(SEED, 3)

    assert first.diary == second.diary
    assert first.injected == second.injected


def found(count: Callable[[Account], int]) -> bool:
    return any(count(run(SEED, number)) for number in range(1, 16))


def test_a_pipeline_that_writes_over_typing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "may_write", lambda *_, **__: True)

    assert found(lambda account: len(account.verdict.overwritten))


def test_a_pipeline_that_forgets_who_somebody_is_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PeopleIndex, "holders_of_id", lambda *_: ())

    assert found(lambda account: len(account.verdict.doubled))


def test_a_pipeline_that_finds_a_name_good_enough_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "same_value", lambda old, _, **__: old is not None)

    assert found(lambda account: len(account.verdict.wrong))


def test_a_pipeline_that_forgets_what_it_was_about_to_write_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intents, "left", lambda _: [])

    assert found(lambda account: len(account.unrecorded))


def test_a_pipeline_that_takes_every_intended_write_for_made_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_it(intent: Intent, person: Person, _: object) -> Write:
        return Write(intent.customer_id, person.record_id, intent.values)

    monkeypatch.setattr(settling_earlier, "seen_of_person", all_of_it)

    assert found(lambda account: len(account.made_up))


def test_a_pipeline_that_does_not_wait_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimiter, "pause_until", lambda *_: None)

    assert found(lambda account: account.early_retries)


def test_a_pipeline_in_which_one_failed_search_stops_the_pass_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def always_down(health: Health, error: Exception) -> None:
        raise ServiceDownError(str(error))

    monkeypatch.setattr(Health, "insist", always_down)

    assert found(lambda account: len(account.harmed) + len(account.unexplained))


def test_a_pipeline_that_does_not_ask_whose_token_it_has_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def approve(*_: object, **__: object) -> None:
        """Let every owner pass."""

    for module in (hourly, reconciliation):
        monkeypatch.setattr(module, "check_owner", approve)
    monkeypatch.setattr(Pipeline, "knows_its_organization", lambda _: True)

    assert found(lambda account: len(account.foreign))


def test_a_pipeline_that_has_more_time_than_it_may_take_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "bound", lambda *_: 60)

    assert found(lambda account: len(account.over_time))


def test_a_day_without_attio_causes_no_storm_of_runs_and_then_everybody_arrives() -> None:
    toll = day_without_attio(SEED, "503")

    assert toll.is_good, toll
    assert toll.customers == 144
    # One for each hour, the daily reconciliation, and that again after each failure, with pauses that grow.
    assert 24 < toll.scheduled <= 24 + 10
    assert toll.asked <= 60
    assert toll.attio <= 10 * (toll.asked + toll.scheduled)
    assert toll.polar <= 24 * 60 * 2 + 10 * (toll.asked + toll.scheduled)


def test_a_killed_process_costs_nothing_but_its_place(tmp_path: Path) -> None:
    new_database = crash_points.in_folder(tmp_path)
    crashes = list(
        crash_points.sweep(new_database, writes=range(30, 31), ledger_writes=range(1, 2), moments=1, seed=SEED)
    )

    assert all(crash.is_good for crash in crashes), crashes


@pytest.mark.slow
def test_many_kills_cost_nothing_either(tmp_path: Path) -> None:
    crashes = list(
        crash_points.sweep(
            crash_points.in_folder(tmp_path),
            writes=range(1, 61, 10),
            ledger_writes=range(1, LEDGER_WRITES + 1),
            moments=5,
            seed=SEED,
        )
    )

    assert all(crash.is_good for crash in crashes), crashes


@pytest.mark.slow
def test_dagsters_own_process_can_be_killed(tmp_path: Path) -> None:
    crashes = list(dagster_kills.kill_runs(tmp_path, 1))

    assert all(crash.is_good for crash in crashes), crashes


@pytest.mark.parametrize("failing", [False, True])
def test_an_hour_that_fails_for_ever_keeps_nobody_else_waiting_and_is_told_of_once(*, failing: bool) -> None:
    span = Span(customers=5, days=timedelta(hours=12), quiet=timedelta(days=1), outage=timedelta(hours=4))
    life = live_through(SEED, failing=failing, span=span)

    assert life.is_good, life
    assert life.worst <= 1
    assert life.filled is not None
    assert life.filled <= 30

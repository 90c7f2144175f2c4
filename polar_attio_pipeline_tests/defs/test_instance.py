"""What the pipeline relies on in an instance of Dagster."""

from pathlib import Path

import dagster as dg
import pytest

from polar_attio_pipeline.defs.instance import Condition, InstanceUnknownError, conditions_of
from polar_attio_pipeline.defs.names import Names

ROOT = Path(__file__).parents[2]
ACME = Names("acme")


def conditions(home: Path, config: str, names: Names = ACME) -> dict[str, Condition]:
    (home / "dagster.yaml").write_text(config)
    return {condition.subject: condition for condition in conditions_of(str(home), names)}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_instance_of_this_project_has_all_of_it(home: Path) -> None:
    found = conditions(home, (ROOT / "dagster.yaml").read_text(), Names())

    assert {subject: condition.holds for subject, condition in found.items()} == {
        "Dagster pool": True,
        "Dagster monitoring": True,
    }
    assert found["Dagster pool"].text == "The pool attio has the limit 1, and runs wait for it in the queue."
    assert found["Dagster monitoring"].text == "Runs that died are ended, at the latest after 48 hours."


@pytest.mark.parametrize(
    ("config", "holds", "said"),
    [
        ("{}", False, "The pool acme_attio has no limit, and should have 1."),
        ("concurrency: {pools: {default_limit: 3}}", False, "The pool acme_attio has the limit 3, and should have 1."),
        ("concurrency: {pools: {default_limit: 0}}", False, "has the limit 0, so no pass ever begins."),
        ("concurrency: {pools: {default_limit: 1}}", True, "A run that waits is a process that waits"),
        (
            "concurrency: {pools: {default_limit: 1, granularity: run}}\n"
            "run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}",
            False,
            "has a run coordinator without a queue",
        ),
    ],
)
def test_a_pool_without_the_limit_1_is_said_with_what_follows(home: Path, config: str, holds: bool, said: str) -> None:
    pool = conditions(home, config)["Dagster pool"]

    assert pool.holds is holds
    assert said in pool.text


def test_a_limit_that_was_set_by_command_counts(home: Path) -> None:
    (home / "dagster.yaml").write_text("concurrency: {pools: {granularity: run}}")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.event_log_storage.set_concurrency_slots("acme_attio", 1)

    (pool, _) = conditions_of(str(home), ACME)

    assert pool.holds
    assert not conditions_of(str(home), Names("globex"))[0].holds


@pytest.mark.parametrize(
    ("config", "holds", "said"),
    [
        ("{}", False, "Run monitoring is off"),
        ("run_monitoring: {enabled: true}", False, "has no max_runtime_seconds"),
        ("run_monitoring: {enabled: true, max_runtime_seconds: 9}", False, "has no free_slots_after_run_end_seconds"),
        (
            "run_monitoring: {enabled: true, max_runtime_seconds: 7200, free_slots_after_run_end_seconds: 60}",
            True,
            "at the latest after 2 hours",
        ),
    ],
)
def test_what_ends_runs_that_died_is_said(home: Path, config: str, holds: bool, said: str) -> None:
    monitoring = conditions(home, config)["Dagster monitoring"]

    assert monitoring.holds is holds
    assert said in monitoring.text


def test_retries_of_dagster_are_said_and_do_no_harm(home: Path) -> None:
    retries = conditions(home, "run_retries: {enabled: true, max_retries: 2}")["Dagster retries"]

    assert retries.holds
    assert "2 times at most" in retries.text


def test_an_instance_that_cannot_be_read_is_said(home: Path) -> None:
    (home / "dagster.yaml").write_text("nonsense: {}")

    with pytest.raises(InstanceUnknownError, match=r"cannot be read \(\w+\): set DAGSTER_HOME to the absolute path"):
        conditions_of(str(home), ACME)

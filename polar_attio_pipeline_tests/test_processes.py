"""A run's process is known again, and known to be gone."""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

from polar_attio_pipeline.processes import is_gone, is_here, process_identity, run_identity


def test_this_process_is_there() -> None:
    assert not is_gone(process_identity())


def test_a_process_that_has_ended_is_gone() -> None:
    asked = [
        sys.executable,
        "-c",
        "from polar_attio_pipeline.processes import process_identity; print(process_identity())",
    ]
    ended = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert is_gone(ended)


def test_another_process_that_was_given_the_same_number_does_not_pass_for_it() -> None:
    earlier = json.loads(process_identity())
    earlier["started"] -= 3600
    assert is_gone(json.dumps(earlier))


def test_a_process_of_another_machine_is_never_judged() -> None:
    elsewhere = json.loads(process_identity()) | {"host": "elsewhere", "pid": 1}
    assert not is_gone(json.dumps(elsewhere))


def test_a_process_of_another_machine_that_has_the_same_name_is_never_judged() -> None:
    earlier = json.loads(run_identity("a run"))
    elsewhere = earlier | {"machine": "another", "started": earlier["started"] - 3600}

    assert not is_gone(json.dumps(elsewhere), "a run")


def test_a_process_of_another_container_is_never_judged_though_the_host_has_the_same_name() -> None:
    beside = json.loads(process_identity())
    beside |= {"namespace": "pid:[1]", "started": beside["started"] - 3600}

    assert not is_here(json.dumps(beside))
    assert not is_gone(json.dumps(beside))


def test_a_run_of_a_container_that_was_started_again_is_gone() -> None:
    earlier = json.loads(run_identity("a run"))
    earlier["started"] -= 3600

    assert "namespace" not in earlier
    assert is_gone(json.dumps(earlier), "a run")


def test_a_process_that_another_run_lived_in_is_never_judged() -> None:
    earlier = json.loads(run_identity("a run"))
    earlier["started"] -= 3600

    assert is_gone(json.dumps(earlier), "a run")
    assert not is_gone(json.dumps(earlier), "the run that executes it again")


STEP = """
import multiprocessing
from polar_attio_pipeline.processes import run_identity

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as steps:
        print(steps.apply(run_identity, ("a run",)))
"""


def test_a_run_outlives_the_process_of_its_step_as_long_as_the_process_that_started_it_lives() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as steps:
        tag = steps.apply(run_identity, ("a run",))
        steps.close()
        steps.join()

    assert json.loads(tag)["pid"] != json.loads(process_identity())["pid"]
    assert not is_gone(tag, "a run")


def test_it_is_gone_when_both_have_ended(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(STEP)

    ended = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "starter" in json.loads(ended)
    assert is_gone(ended, "a run")

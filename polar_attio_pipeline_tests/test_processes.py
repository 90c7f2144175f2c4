"""A run's process is known again, and known to be gone."""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

from polar_attio_pipeline.processes import identity, is_gone


def test_this_process_is_there() -> None:
    assert not is_gone(identity())


def test_a_process_that_has_ended_is_gone() -> None:
    asked = [sys.executable, "-c", "from polar_attio_pipeline.processes import identity; print(identity())"]
    ended = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert is_gone(ended)


def test_another_process_that_was_given_the_same_number_does_not_pass_for_it() -> None:
    earlier = json.loads(identity())
    earlier["started"] -= 3600
    assert is_gone(json.dumps(earlier))


def test_a_process_of_another_machine_is_never_judged() -> None:
    elsewhere = json.loads(identity()) | {"host": "elsewhere", "pid": 1}
    assert not is_gone(json.dumps(elsewhere))


STEP = """
import multiprocessing
from polar_attio_pipeline.processes import identity

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as steps:
        print(steps.apply(identity))
"""


def test_a_run_outlives_the_process_of_its_step_as_long_as_the_process_that_started_it_lives() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as steps:
        tag = steps.apply(identity)
        steps.close()
        steps.join()

    assert json.loads(tag)["pid"] != json.loads(identity())["pid"]
    assert not is_gone(tag)


def test_it_is_gone_when_both_have_ended(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(STEP)

    ended = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "starter" in json.loads(ended)
    assert is_gone(ended)

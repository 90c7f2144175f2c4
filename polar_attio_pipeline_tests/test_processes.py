"""A run's process is known again, and known to be gone."""

import json
import subprocess
import sys

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


def test_a_process_that_another_run_lived_in_is_never_judged() -> None:
    earlier = json.loads(identity("a run"))
    earlier["started"] -= 3600

    assert is_gone(json.dumps(earlier), "a run")
    assert not is_gone(json.dumps(earlier), "the run that executes it again")

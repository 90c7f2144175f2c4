"""One instance for each folder of state."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polar_attio_pipeline.cli.dev_lock import LockedError, locked

LOCKING = """
import sys
from pathlib import Path
from polar_attio_pipeline.cli.dev_lock import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_lock_that_another_process_has_is_refused_with_its_number_and_free_when_that_is_killed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "state" / "dev.lock"
    other = subprocess.Popen(
        [sys.executable, "-c", LOCKING, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LockedError, match=rf"runs in this folder already \(process {other.pid}\)"), locked(file):
            pass
        other.kill()
        other.wait()

        with locked(file):
            assert file.read_text() == f"{os.getpid()}\n"


def test_a_lock_whose_process_has_ended_but_not_all_that_it_started_says_to_wait(tmp_path: Path) -> None:
    file = tmp_path / "dev.lock"
    with locked(file):
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        file.write_text(f"{ended.pid}\n")
        with pytest.raises(LockedError, match="is just ending: try again in some seconds"), locked(file):
            pass


def test_two_folders_can_be_locked_at_once(tmp_path: Path) -> None:
    with locked(tmp_path / "live.lock"), locked(tmp_path / "sandbox.lock"):
        pass


def test_a_lock_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    file = tmp_path / "state" / "dev.lock"

    with pytest.raises(LockedError, match=r"cannot be written .* give this user the right"), locked(file):
        pass

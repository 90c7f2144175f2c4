"""Processes end with the one that has started them, with all that they have started, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""

# A shell that starts tests in the background has its children ignore SIGINT; this one is to heed it all the same.
PARENT = f"""
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from polar_attio_pipeline.cli import dev_watchdog
from polar_attio_pipeline.cli.dev_processes import processes
dev_watchdog.GRACE_SECONDS = 0.5
with processes(keep_open=int(sys.argv[1])) as started:
    stubborn = started.start(
        "one", [sys.executable, "-c", {STUBBORN!r}], folder=Path(), environment=os.environ, read=True
    )
    print(stubborn.pid, stubborn.stdout.readline().strip(), flush=True)
    if sys.argv[2] == "stay":
        time.sleep(600)
"""


@pytest.fixture
def parent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with (tmp_path / "lock").open("w") as lock:
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(lock.fileno()), request.param],
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[lock.fileno()],
        )
        with process:
            yield process
            process.kill()


def started_by(parent: subprocess.Popen[str]) -> list[psutil.Process]:
    assert parent.stdout is not None
    return [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]


def wait_for_the_end(processes: list[psutil.Process], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(_lives(process) for process in processes):
        assert time.monotonic() < deadline, "they are still there"
        time.sleep(0.05)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("parent", ["stay"], indirect=True)
def test_when_their_parent_is_killed_they_end_even_those_that_ignore_being_asked(
    parent: subprocess.Popen[str],
) -> None:
    processes = started_by(parent)
    assert len(processes) == 2

    parent.kill()

    wait_for_the_end(processes, seconds=30)


@pytest.mark.parametrize("parent", ["go"], indirect=True)
def test_when_their_parent_is_done_they_end_before_it(parent: subprocess.Popen[str]) -> None:
    processes = started_by(parent)
    watchdogs = psutil.Process(parent.pid).children()

    parent.wait(timeout=30)

    wait_for_the_end(processes, seconds=0.1)
    wait_for_the_end(watchdogs, seconds=0.1)
    assert parent.returncode == 0


@pytest.mark.parametrize("parent", ["stay"], indirect=True)
def test_ctrl_c_in_the_terminal_reaches_none_of_them_directly(parent: subprocess.Popen[str]) -> None:
    (stubborn, child) = started_by(parent)

    groups = {os.getpgid(stubborn.pid), os.getpgid(child.pid)}

    assert groups == {stubborn.pid}
    assert os.getpgid(parent.pid) not in groups
    parent.send_signal(signal.SIGINT)
    wait_for_the_end([stubborn, child], seconds=30)

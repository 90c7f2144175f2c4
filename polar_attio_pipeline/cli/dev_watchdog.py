"""Ends the processes of `polar-attio dev` when that has died without ending them itself, as by SIGKILL.

It runs as a process of its own and reads the numbers of process groups from a pipe, whose other end closes when its
writer dies, however it dies. It is started as a file, so that it imports nothing but what it needs.
"""

import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress

import psutil

DONE = "done"
"""What is written when there is nothing left to end."""

GRACE_SECONDS = 8.0
"""For a run to note that it was interrupted, and for servers to close."""

_KILLED_SECONDS = 3.0
_LOOK_EVERY_SECONDS = 0.1


def end(groups: Collection[int]) -> None:
    """End all processes of some process groups: by SIGTERM, and what is left after a grace by SIGKILL."""
    for ending, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, _KILLED_SECONDS)):
        for group in {group for group, _ in _alive(groups)}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, ending)
        deadline = time.monotonic() + seconds
        while _alive(groups) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)


def _alive(groups: Collection[int]) -> list[tuple[int, int]]:
    """Return the group and the number of each process that has not ended; a zombie has."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            group = os.getpgid(process.pid)
            if group in groups and process.status() != psutil.STATUS_ZOMBIE:
                found.append((group, process.pid))
    return found


def main() -> None:
    """Read the groups, and end them when the pipe closes before it said that all is done."""
    lines = [line.strip() for line in sys.stdin]
    if DONE not in lines:
        end({int(line) for line in lines})


if __name__ == "__main__":
    main()

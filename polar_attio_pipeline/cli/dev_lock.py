"""One `polar-attio dev` for each folder of state."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


class LockedError(Exception):
    """Another process has the lock; the text says which."""


@contextmanager
def locked(file: Path) -> Iterator[int]:
    """Hold a lock; yield its file descriptor. The lock ends with the last process that has that open.

    Args:
        file: Made if it is not there. It holds the number of the process that has the lock.

    Raises:
        LockedError: another process has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.seek(0)
            raise LockedError(_taken(opened.read().strip())) from None
        opened.truncate(0)
        opened.write(f"{psutil.Process().pid}\n")
        opened.flush()
        yield opened.fileno()


def _taken(pid: str) -> str:
    if pid.isdigit() and psutil.pid_exists(int(pid)):
        return f"`polar-attio dev` runs in this folder already (process {pid}): use its UI, or end it first."
    return "The `polar-attio dev` that ran in this folder is just ending: try again in some seconds."

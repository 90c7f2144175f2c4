"""One `polar-attio dev` for each folder of state."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


class LockedError(Exception):
    """The lock cannot be had: another process has it, and the text says which, or the file cannot be written."""


@contextmanager
def locked(file: Path) -> Iterator[int]:
    """Hold a lock; yield its file descriptor. The lock ends with the last process that has that open.

    Args:
        file: Made if it is not there. It holds the number of the process that has the lock.

    Raises:
        LockedError: another process has it, or the file cannot be written.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = file.open("a+")
    except OSError as error:
        raise LockedError(
            f"{file} cannot be written ({error.strerror}): give this user the right to write to the folder, or start "
            "in another one."
        ) from None
    with opened:
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

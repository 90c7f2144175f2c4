"""The processes that `polar-attio dev` starts: all of them end with it, however it ends."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

from polar_attio_pipeline.cli import dev_watchdog

_LOOK_EVERY_SECONDS = 0.2


class EndedError(Exception):
    """A process has ended by itself, or does not answer.

    Args:
        name: What it is.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"The {name} has ended or does not answer, so all are ended: its messages above say why.")


class Processes:
    """Starts processes, each the leader of a process group: Ctrl-C in the terminal reaches none of them directly.

    Args:
        watchdog: Takes the number of each group, to end it when this process cannot.
    """

    def __init__(self, watchdog: IO[str]) -> None:
        self._watchdog = watchdog
        self._started: dict[str, subprocess.Popen[str]] = {}

    def start(
        self, name: str, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], read: bool = False
    ) -> subprocess.Popen[str]:
        """Start a process.

        Args:
            name: What it is, for messages.
            command: The program and its arguments.
            folder: Its working directory.
            environment: All of its environment.
            read: Whether its standard output is to be read.
        """
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if read else None,
            text=True,
            process_group=0,
        )
        self._started[name] = process
        with suppress(BrokenPipeError):
            self._watchdog.write(f"{process.pid}\n")
            self._watchdog.flush()
        return process

    def ended(self) -> str | None:
        """Return the name of a process that has ended by itself; None while all run."""
        return next((name for name, process in self._started.items() if process.poll() is not None), None)

    def wait(self) -> NoReturn:
        """Wait until one of them has ended by itself.

        Raises:
            EndedError: when that has happened.
        """
        while not (name := self.ended()):
            time.sleep(_LOOK_EVERY_SECONDS)
        raise EndedError(name)

    def end(self) -> None:
        """End all of them, and all that they have started."""
        dev_watchdog.end({process.pid for process in self._started.values()})
        for process in self._started.values():
            process.poll()
            if process.stdout:
                process.stdout.close()


@contextmanager
def processes(keep_open: int) -> Iterator[Processes]:
    """Yield what starts processes; end all of them at the end, also when this process is killed.

    Args:
        keep_open: A file descriptor, such as that of a lock, that stays open until all have ended.
    """
    # By its file and without the folder of that: it is to import nothing of ours, and to run in no signal's way.
    watchdog = subprocess.Popen(
        [sys.executable, "-P", dev_watchdog.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        pass_fds=[keep_open],
        start_new_session=True,
    )
    assert watchdog.stdin is not None, "it was asked for"
    started = Processes(watchdog.stdin)
    try:
        yield started
    finally:
        started.end()
        with suppress(BrokenPipeError):
            watchdog.communicate(f"{dev_watchdog.DONE}\n")

"""Dagster's own programs, one process each: the code server, the webserver, the daemon."""

import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from polar_attio_pipeline.cli.dev_ports import HOST
from polar_attio_pipeline.cli.dev_processes import EndedError, Processes

READY_SECONDS = 180
"""So long each of them may take until it answers."""

_LOCATION = "polar_attio_pipeline"
"""As in workspace.yaml: Dagster keeps what is switched on by this name."""

_WORKSPACE = """load_from:
  - grpc_server:
      socket: {socket}
      location_name: {location}
"""
_LOOK_EVERY_SECONDS = 0.1
_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Dagster finds what.

    Attributes:
        home: Where dagster.yaml is, and what its paths start from.
        private: For the code server's socket; a short path, since that of a socket has some 100 characters at most.
    """

    home: Path
    private: Path


def start_dagster(started: Processes, folders: Folders, *, environment: Mapping[str, str], port: int) -> None:
    """Start them, one when the one before answers: two that open a new instance at once can collide (measured).

    Args:
        started: Starts the processes.
        folders: Where it finds what.
        environment: Variables beside those of this process.
        port: Of the UI, on loopback.

    Raises:
        EndedError: one of them has ended, or does not answer.
    """
    variables = {**os.environ, **environment, "DAGSTER_HOME": str(folders.home)}
    server, workspace = folders.private / "code.sock", folders.private / "workspace.yaml"
    workspace.write_text(_WORKSPACE.format(socket=server, location=_LOCATION))

    def start(name: str, command: list[str], is_ready: Callable[[], bool]) -> None:
        started.start(name, command, folder=folders.home, environment=variables)
        _wait(started, name, is_ready)

    code = [sys.executable, "-m", "dagster", "code-server", "start", "--socket", str(server), "--log-level", "warning"]
    code += ["--module-name", f"{_LOCATION}.definitions", "--use-python-environment-entry-point"]
    start("code server", code, lambda: _accepts(socket.AF_UNIX, str(server)))
    web = [str(_BIN / "dagster-webserver"), "--workspace", str(workspace), "--host", HOST, "--port", str(port)]
    start("webserver", web, lambda: _accepts(socket.AF_INET, (HOST, port)))
    start("daemon", [str(_BIN / "dagster-daemon"), "run", "--workspace", str(workspace)], lambda: True)


def _wait(started: Processes, name: str, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        ended = started.ended()
        if ended or time.monotonic() > deadline:
            raise EndedError(ended or name)
        time.sleep(_LOOK_EVERY_SECONDS)


def _accepts(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        return connection.connect_ex(address) == 0

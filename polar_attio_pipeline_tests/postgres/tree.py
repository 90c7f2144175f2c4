"""Dagster as it runs on Postgres: code server, webserver, daemon, each a process; runs live below the code server."""

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dagster as dg

from polar_attio_pipeline_tests.browser.stack import BIN, HOST, Stack, answers, free_port, process, until
from polar_attio_pipeline_tests.faults.dagster_kills import hasty_instance, kill_at_once

_LOCATION = "polar_attio_pipeline"
_SQLITE = """storage:
  sqlite:
    base_dir: {home}/dagster
"""
_WORKSPACE = """load_from:
  - grpc_server:
      socket: {socket}
      location_name: {location}
"""
_PATIENCE = 120


class Tree:
    """The processes.

    Args:
        home: Where the instance is described, and where the processes leave what they say.
        storage: The part of dagster.yaml that says where Dagster keeps its state.
        environment: Of the processes.
    """

    def __init__(self, home: Path, *, storage: str, environment: Mapping[str, str]) -> None:
        self.home = home
        self.url = f"http://{HOST}:{free_port()}"
        self._socket = home / "code.sock"
        self._environment = {**environment, "DAGSTER_HOME": str(home)}
        self._left = ExitStack()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._starts = 0
        config, usual = hasty_instance(home), _SQLITE.format(home=home)
        assert usual in config
        (home / "dagster.yaml").write_text(config.replace(usual, storage))
        (home / "workspace.yaml").write_text(_WORKSPACE.format(socket=self._socket, location=_LOCATION))

    def start(self) -> None:
        """Start the code server and then, at the same moment, the others; wait until they answer."""
        self._starts += 1
        self._socket.unlink(missing_ok=True)
        workspace = ["--workspace", str(self.home / "workspace.yaml")]
        code = [sys.executable, "-m", "dagster", "code-server", "start", "--socket", str(self._socket)]
        code += ["--module-name", f"{_LOCATION}.definitions", "--use-python-environment-entry-point"]
        code_server = self._open("code-server", code)
        until(lambda: _accepts(self._socket), code_server, seconds=_PATIENCE)
        port = self.url.rpartition(":")[2]
        web = self._open("webserver", [str(BIN / "dagster-webserver"), *workspace, "--host", HOST, "--port", port])
        self._open("daemon", [str(BIN / "dagster-daemon"), "run", *workspace])
        until(lambda: answers(self.url), web, seconds=_PATIENCE)

    def kill(self) -> None:
        """End all of them, and the runs, at once and without a word."""
        kill_at_once(*self._processes)
        self.close()

    def close(self) -> None:
        """End all of them."""
        self._left.close()
        self._processes.clear()

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Yield the instance."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    @property
    def stack(self) -> Stack:
        """What asks the webserver."""
        return Stack("", self.url, self._environment)

    def _open(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        started = self._left.enter_context(process(command, self._environment, self.home / f"{name}-{self._starts}"))
        self._processes.append(started)
        return started


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0

"""Everything that `polar-attio dev` starts, as real processes on free loopback ports, with all state in one folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
HOST = "127.0.0.1"

Found = TypeVar("Found")

_AUTOMATIONS = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
  schedules { scheduleState { id } } sensors { sensorState { id } } } } } }"""
_STOP_SCHEDULE = "mutation($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
_STOP_SENSOR = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"


@dataclass(frozen=True, slots=True)
class Stack:
    """Where things are.

    Attributes:
        sandbox: Of both services, and of the sandbox's page.
        dagster: Of the Dagster UI.
        environment: Of every process.
    """

    sandbox: str
    dagster: str
    environment: Mapping[str, str]

    def graphql(self, query: str, **variables: Any) -> Any:
        """Ask Dagster."""
        response = httpx.post(
            f"{self.dagster}/graphql", json={"query": query, "variables": variables}, timeout=30
        ).raise_for_status()
        answer = response.json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def rest(self) -> None:
        """Stop every schedule and sensor, so that nothing runs but what is asked for."""
        for repository in self.graphql(_AUTOMATIONS)["repositoriesOrError"]["nodes"]:
            for schedule in repository["schedules"]:
                self.graphql(_STOP_SCHEDULE, id=schedule["scheduleState"]["id"])
            for sensor in repository["sensors"]:
                self.graphql(_STOP_SENSOR, id=sensor["sensorState"]["id"])


@contextmanager
def running(folder: Path, *, customers: int, start: date) -> Iterator[Stack]:
    """Start a sandbox with a book, set Attio up, start the webserver, put automation to rest, start the daemon."""
    home = folder / "home"
    home.mkdir()
    instance = (ROOT / "dagster.yaml").read_text().replace(".state/", f"{folder}/")
    (home / "dagster.yaml").write_text(instance)
    with ExitStack() as processes:
        arguments = ["--customers", str(customers), "--limits", "off"]
        sandbox = processes.enter_context(
            process([sys.executable, "-m", "polar_attio_pipeline.sandbox", *arguments], os.environ, folder / "sandbox")
        )
        url, *tokens = until(lambda: first_line(folder / "sandbox.out"), sandbox).split()
        environment = {
            **os.environ,
            **dict(token.split("=", 1) for token in tokens),
            "POLAR_API_URL": url,
            "ATTIO_API_URL": url,
            "POLAR_ATTIO_START_DATE": start.isoformat(),
            "POLAR_ATTIO_DATABASE_URL": str(folder / "ledger.db"),
            "POLAR_ATTIO_OWNERS": "team:growth",
            "DAGSTER_HOME": str(home),
        }
        subprocess.run([BIN / "polar-attio", "setup"], env=environment, cwd=ROOT, check=True, capture_output=True)
        port = free_port()
        stack = Stack(url, f"http://{HOST}:{port}", environment)
        serve = [str(BIN / "dagster-webserver"), "-w", "workspace.yaml", "-h", HOST, "-p", str(port)]
        webserver = processes.enter_context(process(serve, environment, folder / "webserver"))
        until(lambda: answers(stack.dagster), webserver)
        stack.rest()
        daemon = [str(BIN / "dagster-daemon"), "run", "-w", "workspace.yaml"]
        processes.enter_context(process(daemon, environment, folder / "daemon"))
        yield stack


def until(look: Callable[[], Found], process: subprocess.Popen[bytes] | None = None, *, seconds: float = 60) -> Found:
    """Look again and again until there is something to see.

    Raises:
        AssertionError: the process that was to show it has ended, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        assert process is None or process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        time.sleep(0.1)
    raise AssertionError(f"nothing to see after {seconds} s")


@contextmanager
def process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command from the repository's root in a session of its own, and end all of that session afterwards."""
    with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=out, stderr=err, start_new_session=True
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for ending in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, ending)
            process.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def first_line(path: Path) -> str:
    text = path.read_text()
    return text.partition("\n")[0] if "\n" in text else ""


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=2).is_success
    except httpx.TransportError:
        return False

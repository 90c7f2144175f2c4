"""The lines that systemd would start are started: in folders of their own, with the environment that the units give."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import psutil
import pytest

from polar_attio_pipeline.cli.dagster_ui import DagsterError, DagsterUi
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.conftest import set_up
from polar_attio_pipeline_tests.deploy import files

READY_SECONDS = 240
ENDED_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A server of its own: what the installer lays, below a folder of the test.

    Attributes:
        folder: Short, for the path of a socket has some 100 characters at most.
        port: Of the UI.
    """

    folder: Path
    port: int

    @classmethod
    def installed(cls, folder: Path, *, sandbox: str) -> Self:
        """Lay the files, and as settings the address of a sandbox beside those that are given."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            made = cls(folder, int(free.getsockname()[1]))
        for name in ("etc", "var", "run", "credentials"):
            (folder / name).mkdir()
        for name in ("dagster.yaml", "workspace.yaml"):
            (folder / "etc" / name).write_text(made.here((files.SYSTEMD / name).read_text()))
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
        settings = made.here((files.SYSTEMD / "settings.env").read_text())
        settings += f"POLAR_API_URL={sandbox}\nATTIO_API_URL={sandbox}\nPOLAR_ATTIO_START_DATE={yesterday}\n"
        (folder / "etc" / ".env").write_text(settings)
        for name, secret in (("polar_access_token", POLAR_TOKEN), ("attio_api_key", ATTIO_TOKEN)):
            (folder / "credentials" / name).write_text(f"{secret}\n")
        return made

    def here(self, text: str) -> str:
        """A text with the folders of the server, and its port, replaced."""
        for there, here in (
            ("/opt/polar-attio/bin", Path(sys.executable).parent),
            ("/etc/polar-attio", self.folder / "etc"),
            ("/var/lib/polar-attio", self.folder / "var"),
            ("/run/polar-attio", self.folder / "run"),
            ("%d", self.folder / "credentials"),
            ("--port 3000", f"--port {self.port}"),
            ("%%", "%"),
        ):
            text = text.replace(there, str(here))
        return text

    @contextmanager
    def service(self, name: str) -> Iterator[psutil.Process]:
        """Start a service as systemd does, with what comes before it and after it; end it as systemd does."""
        unit = files.unit(files.SYSTEMD / f"{name}.service")
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(files.REPOSITORY)}
        environment |= dict(self.here(one).split("=", 1) for one in unit.get("Environment", []))
        (folder,) = (Path(self.here(one)) for one in unit["WorkingDirectory"])
        before, (main,), after = (unit.get(f"ExecStart{when}", []) for when in ("Pre", "", "Post"))

        def once(line: str) -> None:
            subprocess.run(
                ["/bin/sh", "-c", self.here(line)], cwd=folder, env=environment, check=True, timeout=READY_SECONDS
            )

        for line in before:
            once(line)
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                self.here(main).split(), cwd=folder, env=environment, stdout=log, stderr=log, process_group=0
            )
        try:
            for line in after:
                once(line)
            yield psutil.Process(process.pid)
        finally:
            # Every process of the service, as KillMode=control-group says.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=ENDED_SECONDS)

    def said(self) -> str:
        """What all services have written."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


def until(look: Callable[[], object], *, seconds: float, told: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, told()
        time.sleep(0.2)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="server-"))
    yield path
    shutil.rmtree(path)


@pytest.mark.slow
def test_the_services_start_one_after_the_other_and_a_first_import_arrives(folder: Path) -> None:
    sandbox = Sandbox(scale=OFF)
    sandbox.fill(customers=20, seed=1)
    set_up(sandbox)
    with serving(sandbox) as url, ExitStack() as services:
        server = Server.installed(folder, sandbox=url)
        started = {
            name: services.enter_context(server.service(f"polar-attio-{name}"))
            for name in ("code", "webserver", "daemon")
        }
        ui = DagsterUi(f"http://127.0.0.1:{server.port}")
        services.enter_context(ui._client)

        def launched() -> bool:
            try:
                return bool(ui.launch("full_reconciliation"))
            except DagsterError:
                return False

        until(launched, seconds=READY_SECONDS, told=server.said)
        until(
            lambda: sum(person.values.get("polar_customer") is True for person in sandbox.attio.people()) >= 15,
            seconds=READY_SECONDS,
            told=server.said,
        )

        for name in ("webserver", "daemon"):
            assert not [key for key in started[name].environ() if key.startswith(("POLAR", "ATTIO"))]
        assert POLAR_TOKEN not in str(started["code"].environ())
    assert [token for token in (POLAR_TOKEN, ATTIO_TOKEN) if token in server.said()] == []
    assert (folder / "var" / "ledger.db").stat().st_mode & 0o777 == 0o600
    assert not list((folder / "etc").glob("**/*.db"))

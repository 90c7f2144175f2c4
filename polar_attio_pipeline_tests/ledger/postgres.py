"""A Postgres server of Debian's, for as long as the tests run."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

HOST = "127.0.0.1"
USER = "tester"
WITH_PASSWORD = "with_password"
"""Members of this role have to give their password; everybody else is trusted."""

_PATIENCE = 30


def why_not() -> str | None:
    """Return what is missing for a server of our own, None if nothing is."""
    if not _programs():
        return "Postgres is not installed: the ledger is tested on SQLite only (Debian: apt install postgresql)"
    if find_spec("psycopg") is None:
        return "Postgres' driver is not installed"
    return None


def account() -> str | None:
    """Return the user that servers run as, which refuse to run as root; None for the tests' own."""
    return "postgres" if os.geteuid() == 0 else None


class Server:
    """A server on loopback, with its data in a folder; it can be stopped and started again.

    Args:
        folder: Of the account that it runs as.
    """

    def __init__(self, folder: Path) -> None:
        programs = _programs()
        assert programs, why_not()
        self._programs, self._folder = programs, folder
        self._data = folder / "data"
        self.port = free_port()
        self._run([programs / "initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"])
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all +{WITH_PASSWORD} {HOST}/32 scram-sha-256\n{rules.read_text()}")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-h", HOST, "-p", str(self.port)]
        self._process = subprocess.Popen(
            [*command, "-k", str(self._folder), "-F"],
            user=account(),
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait(url(self.port, "postgres"))

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it.

        Args:
            how: By SIGINT it cuts every connection and saves what it has; by SIGQUIT it does not save, and recovers
                when it is started again.
        """
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None

    def ensure(self) -> None:
        """Start it if it does not run."""
        if self._process is None:
            self.start()

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def _run(self, command: list[str | Path]) -> None:
        subprocess.run(command, user=account(), cwd=self._folder, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def running() -> Iterator[Server]:
    """Run a server that trusts everybody but the members of one role."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if user := account():
            shutil.chown(folder, user)
        server = Server(folder)
        server.start()
        try:
            # Roles and databases are the server's, so each test names its own.
            run_sql(server.port, f"CREATE ROLE {WITH_PASSWORD} NOLOGIN")
            yield server
        finally:
            # At once: it would wait for connections to be closed, and then save what nobody reads any more.
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server() -> Iterator[int]:
    """Run a server on loopback; yield its port."""
    with running() as found:
        yield found.port


def url(port: int, database: str, *, user: str = USER, password: str = "") -> str:
    """Return the URL of a database."""
    secret = f":{password}" if password else ""
    return f"postgresql+psycopg://{user}{secret}@{HOST}:{port}/{database}"


def create_database(port: int, name: str) -> str:
    """Make a database; return its URL."""
    run_sql(port, f'CREATE DATABASE "{name}"')
    return url(port, name)


def run_sql(port: int, *statements: str, database: str = "postgres") -> None:
    """Run statements as the superuser, each in a transaction of its own."""
    engine = sa.create_engine(url(port, database), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    is_there = bool(found) and (os.geteuid() != 0 or any(entry.pw_name == "postgres" for entry in pwd.getpwall()))
    return found[-1].parent if is_there else None


def _wait(database: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    engine = sa.create_engine(database)
    while True:
        try:
            with engine.connect():
                break
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    engine.dispose()

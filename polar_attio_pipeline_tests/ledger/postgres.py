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
_PATIENCE = 30


def why_not() -> str | None:
    """Return what is missing for a server of our own, None if nothing is."""
    if not _programs():
        return "Postgres is not installed: the ledger is tested on SQLite only (Debian: apt install postgresql)"
    if find_spec("psycopg") is None:
        return "Postgres' driver is not installed"
    return None


@contextmanager
def server() -> Iterator[int]:
    """Run a server on loopback that trusts everybody; yield its port."""
    programs = _programs()
    assert programs, why_not()
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if user:
            shutil.chown(folder, user)
        data = folder / "data"
        made: list[str | Path] = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        with socket.socket() as free:
            free.bind((HOST, 0))
            port = int(free.getsockname()[1])
        command: list[str | Path] = [programs / "postgres", "-D", data, "-h", HOST, "-p", str(port), "-k", folder, "-F"]
        with subprocess.Popen(
            command, user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                _wait(url(port, "postgres"))
                yield port
            finally:
                # At once: it would wait for connections to be closed, and then save what nobody reads any more.
                process.send_signal(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def url(port: int, database: str) -> str:
    """Return the URL of a database."""
    return f"postgresql+psycopg://{USER}@{HOST}:{port}/{database}"


def create_database(port: int, name: str) -> str:
    """Make a database; return its URL."""
    engine = sa.create_engine(url(port, "postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    engine.dispose()
    return url(port, name)


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

"""PgBouncer as Debian has it, which lends the server's connections for one transaction each."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polar_attio_pipeline_tests.ledger.postgres import HOST, USER, Server, account, create_database, free_port, url

_CONFIGURATION = """
[databases]
* = host={host} port={server} user={user}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""


def program() -> str | None:
    """Return where it is; None if it is not installed."""
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")


@contextmanager
def pooling(server: Server) -> Iterator[int]:
    """Run one before a server, with two connections to each database; yield its port."""
    found = program()
    assert found
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pgbouncer.ini")
        file.write_text(_CONFIGURATION.format(host=HOST, server=server.port, user=USER, port=port))
        if user := account():
            shutil.chown(folder, user)
        process = subprocess.Popen([found, "-q", file], user=user, cwd=folder, stderr=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def new_database(server: Server, pooler: int, name: str) -> str:
    """Make a database; return its URL by way of the pooler."""
    create_database(server.port, name)
    return url(pooler, name)

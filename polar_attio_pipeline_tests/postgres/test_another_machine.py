"""Passes on two machines that have nothing in common but Postgres: one of them writes, the other one waits.

A machine is made of namespaces: it has a host name and processes of its own. The second one has another user, too.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline_tests.faults.crash_points import (
    CUSTOMERS,
    PATIENCE,
    NewDatabase,
    Shop,
    Trap,
    inspect,
    is_write,
    open_shop,
)
from polar_attio_pipeline_tests.faults.dagster_kills import ROOT, kill_at_once, settings_of
from polar_attio_pipeline_tests.postgres.elsewhere import TIMING
from polar_attio_pipeline_tests.postgres.interrupting import Pause

pytestmark = pytest.mark.slow

STRANGER = "nobody"
_SEPARATE = ["unshare", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child"]
_NAMED = ["sh", "-c", 'hostname "$0" && exec "$@"']
_PASS = [sys.executable, "-m", "polar_attio_pipeline_tests.postgres.elsewhere"]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine on which a pass runs."""

    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        return self.output.read_text()

    def ended(self) -> int:
        """How the pass ended."""
        return self.process.wait(PATIENCE)


@pytest.fixture(scope="module", autouse=True)
def _can_make_machines() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give processes a host name and a user of their own")
    if subprocess.run([*_SEPARATE, *_NAMED, "elsewhere", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make namespaces, so no other machine can be made")


def as_stranger() -> list[str]:
    """The command that runs the rest of it as another user."""
    entry = pwd.getpwnam(STRANGER)
    command = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    tried = [*command, sys.executable, "-c", "import polar_attio_pipeline_tests.postgres.elsewhere"]
    if subprocess.run(tried, cwd=ROOT, check=False, capture_output=True).returncode:
        pytest.skip("another user may not read the folders of Python or of these tests")
    return command


@contextmanager
def machine(name: str, output: Path, shop: Shop, url: str, *, stranger: bool = False) -> Iterator[Machine]:
    """Run a pass on a machine.

    Args:
        name: Its host name.
        output: What the pass says.
        shop: Has the ledger.
        url: Where the sandbox is served.
        stranger: Whether it has another user.
    """
    user = as_stranger() if stranger else []
    with tempfile.TemporaryDirectory() as home, output.open("wb") as out:
        if stranger:
            shutil.chown(home, STRANGER)
        environment = {
            **os.environ,
            **settings_of(shop, url),
            "HOME": home,
            "DAGSTER_HOME": home,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = subprocess.Popen(
            [*_SEPARATE, *_NAMED, name, *user, *_PASS], cwd=home, env=environment, stdout=out, stderr=out
        )
        try:
            yield Machine(process, output)
        finally:
            if process.poll() is None:
                kill_at_once(process)


def test_when_the_writer_has_died_another_machine_takes_over_after_its_time_and_goes_on(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    shop = open_shop(new_database())
    trap = shop.sandbox.faults = Trap(is_write, 20, after=True)
    with serving(shop.sandbox) as url:
        with machine("first", tmp_path / "first", shop, url) as first:
            assert trap.sprung.wait(PATIENCE), first.said()
            kill_at_once(first.process)
        began = time.monotonic()
        with machine("second", tmp_path / "second", shop, url, stranger=True) as second:
            ended = second.ended()
        took = time.monotonic() - began

    crash = inspect(shop, "a pass on another machine", "write 20", ended)
    assert crash.is_good, (crash, second.said())
    assert took > TIMING.dead
    assert "on first), so this one waits" in second.said()
    assert "The other writer has ended without a word" in second.said()
    assert Ledger(shop.database).lease_holder().owner is None


def test_while_the_writer_lives_another_container_waits_even_if_it_has_the_same_host_name(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    shop = open_shop(new_database())
    pause = shop.sandbox.faults = Pause()
    with serving(shop.sandbox) as url, machine("server", tmp_path / "first", shop, url) as first:
        assert pause.sprung.wait(PATIENCE), first.said()
        with machine("server", tmp_path / "second", shop, url, stranger=True) as second:
            assert (first.ended(), second.ended()) == (0, 0), first.said() + second.said()

    crash = inspect(shop, "two passes at once", "while one writes", 0)
    assert crash.is_good, crash
    assert "on server), so this one waits" in second.said()
    assert "without a word" not in second.said()
    assert f"{CUSTOMERS} customers: 0 created" in second.said()

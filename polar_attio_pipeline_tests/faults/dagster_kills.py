"""Dagster itself, killed: the process of a run, the whole tree during a run, and during a tick."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import psutil

from polar_attio_pipeline.hours import key
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline_tests.faults.crash_points import (
    CUSTOMERS,
    PATIENCE,
    REQUESTS_PER_MINUTE,
    WRITES_PER_SECOND,
    Crash,
    Shop,
    Trap,
    in_folder,
    inspect,
    is_polar,
    is_write,
    open_shop,
)

ROOT = Path(__file__).parents[2]
DAEMON_PATIENCE = 480
"""Seconds: a daemon's start, ticks every 30 s, the discovery of the run that died, and a run."""

_DAEMON = ["dagster._daemon", "run", "-m", "polar_attio_pipeline.definitions"]
_DAY = timedelta(days=1)


def kill_runs(folder: Path, times: int) -> Iterator[Crash]:
    """Kill the process of a run over 60 customers, at writes spread over the pass, and see what the next one makes."""
    for number in range(times):
        write = 1 + number * (CUSTOMERS - 1) // max(1, times - 1)
        yield _run_killed(folder, write=write, after=number % 2 == 1)


def kill_trees(folder: Path) -> Iterator[Crash]:
    """Kill the daemon and all that it has started, start it again, and see what it makes of it by itself."""
    for write in (20, 45):
        trap = Trap(is_write, write, after=False)
        yield _tree_killed(folder, trap, "the whole tree, in the middle of a run", f"write {write}")
    yield _tree_killed(folder, Trap(is_polar, 1, after=False), "the whole tree, in the middle of a tick", "first tick")


def _run_killed(folder: Path, *, write: int, after: bool) -> Crash:
    shop = open_shop(in_folder(folder)())
    trap = shop.sandbox.faults = Trap(is_write, write, after=after)
    materialize = ["dagster", "asset", "materialize", "-m", "polar_attio_pipeline.definitions"]
    materialize += ["--select", "polar_customers,attio_people"]
    materialize += ["--partition-range", f"{key(shop.hours[0])}...{key(shop.hours[-1])}"]
    # The process is started by hand and by no daemon, so nobody would free the place that it had in a pool.
    with serving(shop.sandbox) as url, _home(folder, shop, url, pools=False) as environment:
        with _process(materialize, environment) as process:
            assert trap.sprung.wait(PATIENCE), f"there is no write number {write}"
            kill_at_once(process)
        with _process(materialize, environment) as process:
            ended = process.wait(PATIENCE)
        return inspect(shop, "a run, in a process of Dagster's", f"write {write}", ended)


def _tree_killed(folder: Path, trap: Trap, kind: str, where: str) -> Crash:
    shop = open_shop(in_folder(folder)())
    shop.sandbox.faults = trap
    with serving(shop.sandbox) as url, _home(folder, shop, url, pools=True) as environment:
        with _process(_DAEMON, environment) as daemon:
            assert trap.sprung.wait(DAEMON_PATIENCE), f"it never came to {where}"
            kill_at_once(daemon)
        with _process(_DAEMON, environment) as daemon:
            came = _until(lambda: shop.sandbox.attio.writes >= CUSTOMERS and _is_quiet(environment))
            kill_at_once(daemon)
        return inspect(shop, kind, where, 0 if came else None)


@contextmanager
def _home(folder: Path, shop: Shop, url: str, *, pools: bool) -> Iterator[Mapping[str, str]]:
    """Yield the environment of Dagster's processes, with an instance that gives a run up sooner than ours does."""
    home = folder / f"home-{uuid4()}"
    home.mkdir()
    config = hasty_instance(home)
    (home / "dagster.yaml").write_text(config if pools else config.replace("default_limit: 1", "default_limit: 9"))
    yield {**os.environ, **settings_of(shop, url), "DAGSTER_HOME": str(home)}


def hasty_instance(home: Path) -> str:
    """Return our dagster.yaml, its state in a folder, changed so that it gives a run up sooner."""
    config = (ROOT / "dagster.yaml").read_text().replace(".state/", f"{home}/")
    changed = config.replace("start_timeout_seconds: 180", "start_timeout_seconds: 60\n  poll_interval_seconds: 15")
    assert changed != config
    return changed


def settings_of(shop: Shop, url: str) -> dict[str, str]:
    """Return what the pipeline is to find in its environment.

    Args:
        shop: Has the ledger.
        url: Where the sandbox is served.
    """
    return {
        "POLAR_ACCESS_TOKEN": POLAR_TOKEN,
        "POLAR_API_URL": url,
        "POLAR_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
        "ATTIO_API_KEY": ATTIO_TOKEN,
        "ATTIO_API_URL": url,
        "ATTIO_WRITES_PER_SECOND": str(WRITES_PER_SECOND),
        "POLAR_ATTIO_DATABASE_URL": shop.database,
        "POLAR_ATTIO_START_DATE": (datetime.now(UTC) - _DAY).date().isoformat(),
    }


@contextmanager
def _process(module_and_arguments: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module in a session of its own, and leave nothing of it behind."""
    home = environment["DAGSTER_HOME"]
    with Path(home, "output").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module_and_arguments],
            cwd=home,
            env=dict(environment),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            kill_at_once(process)


def kill_at_once(*processes: subprocess.Popen[bytes]) -> None:
    """End processes that run and all that they have started, at once, as a power cut does."""
    found = [psutil.Process(process.pid) for process in processes]
    tree = [one for process in found for one in (process, *process.children(recursive=True))]
    for one in tree:
        one.send_signal(signal.SIGSTOP)
    for one in tree:
        one.kill()
    for process in processes:
        process.wait()


def _is_quiet(environment: Mapping[str, str]) -> bool:
    """Tell whether there have been runs and all of them have ended."""
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        runs = instance.get_runs()
    return bool(runs) and all(run.is_finished for run in runs)


def _until(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DAEMON_PATIENCE
    while time.monotonic() < deadline:
        if look():
            return True
        time.sleep(0.5)
    return False

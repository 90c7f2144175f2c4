"""The fault suite as a program: `python -m polar_attio_pipeline_tests.faults`; exits 1 if anything is not zero."""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from polar_attio_pipeline_tests.faults import crash_points, dagster_kills, failing_hour, report, wide_outage
from polar_attio_pipeline_tests.faults.account import Account
from polar_attio_pipeline_tests.faults.crash_points import Crash
from polar_attio_pipeline_tests.faults.failing_hour import Waits
from polar_attio_pipeline_tests.faults.life import LEDGER_WRITES
from polar_attio_pipeline_tests.faults.schedule import run
from polar_attio_pipeline_tests.faults.wide_outage import OUTAGES, Toll

CHUNK = 5
MOMENTS = 40
RUN_KILLS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for and print the tables.

    Returns:
        The exit code: 0 if there is nothing to complain of.
    """
    given = _parse(arguments)
    # Sets of strings come in another order in each process unless told otherwise; and all work is done in new ones.
    os.environ["PYTHONHASHSEED"] = "0"
    began = time.monotonic()
    accounts = list(_schedules(given))
    if given.only is not None:
        _say(report.details(accounts[0]))
        return int(not accounts[0].is_good)
    if accounts:
        _say(f"Schedules, seed {given.seed}, {time.monotonic() - began:.0f} s\n\n{report.schedules_table(accounts)}")
        _say(report.lengths_table(accounts))
        _say(report.faults_table(accounts))
    tolls = _outages(given)
    _say(f"A day without Attio, seed {given.seed}\n\n{report.outages_table(tolls)}")
    waits = _waits(given)
    _say(f"One hour that fails for ever, seed {given.seed}\n\n{report.waits_table(waits)}")
    _say(report.notices_table(waits))
    crashes = list(_kills(given))
    if crashes:
        _say(f"Kills, seed {given.seed}, {time.monotonic() - began:.0f} s in all\n\n{report.crashes_table(crashes)}")
    if given.json:
        given.json.write_text(json.dumps([report.as_json(account) for account in accounts], indent=1))
    bad = [
        *(f"--seed {given.seed} --only {account.number}" for account in accounts if not account.is_good),
        *(str(toll) for toll in tolls if not toll.is_good),
        *(str(life) for life in waits if not life.is_good),
        *(str(crash) for crash in crashes if not crash.is_good),
    ]
    for line in bad:
        _say(f"not as it should be: {line}")
    return 1 if bad else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m polar_attio_pipeline_tests.faults", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000, help="how many; 0 for none")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same schedules")
    parser.add_argument("--only", type=int, help="run this one schedule alone, and tell all about it")
    parser.add_argument("--kills", choices=("all", "sweep", "none"), default="all", help="kills of real processes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="schedules at the same time")
    parser.add_argument("--json", type=Path, help="where to write every schedule's account")
    return parser.parse_args(arguments)


def _schedules(given: argparse.Namespace) -> Iterator[Account]:
    numbers = range(1, given.schedules + 1) if given.only is None else [given.only]
    with _processes(given) as pool:
        for account in pool.map(run, [given.seed] * len(numbers), numbers, chunksize=CHUNK):
            yield account
            if account.number % report.LINE == 0:
                sys.stderr.write(f"{account.number} schedules\n")


def _outages(given: argparse.Namespace) -> list[Toll]:
    with _processes(given) as pool:
        return list(pool.map(wide_outage.day_without_attio, [given.seed] * len(OUTAGES), OUTAGES))


def _waits(given: argparse.Namespace) -> list[Waits]:
    with _processes(given) as pool:
        lives = [pool.submit(failing_hour.live_through, given.seed, failing=failing) for failing in (False, True)]
        return [life.result() for life in lives]


def _processes(given: argparse.Namespace) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crash_points.__name__, run.__module__])
    return ProcessPoolExecutor(given.jobs, mp_context=context)


def _kills(given: argparse.Namespace) -> Iterator[Crash]:
    if given.kills == "none":
        return
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor() as pool:
        folder = Path(name)
        writes = range(1, crash_points.CUSTOMERS + 1)
        ledger_writes = range(1, LEDGER_WRITES + 1)
        new_database = crash_points.in_folder(folder)
        kinds = [
            crash_points.sweep(
                new_database, writes=writes, ledger_writes=ledger_writes, moments=MOMENTS, seed=given.seed
            )
        ]
        if given.kills == "all":
            # Daemons are waited for most of the time.
            kinds += [dagster_kills.kill_runs(folder, RUN_KILLS), dagster_kills.kill_trees(folder)]
        done = [pool.submit(list[Crash], kind) for kind in kinds]
        for crashes in done:
            yield from crashes.result()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

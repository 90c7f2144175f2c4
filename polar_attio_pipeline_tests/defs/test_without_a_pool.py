"""An instance of Dagster that limits no pool: the lease in the ledger lets one run write at a time."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.conftest import set_up

PATIENCE = 180
CUSTOMERS = 5
HELD = Fault(
    kind=Kind.TOO_MANY,
    service="attio",
    path="/v2/objects/people/records",
    contains=f"customer{CUSTOMERS - 1}@example.com",
    retry_after="seconds",
    retry_after_seconds=5,
)
"""Keeps the first run at work until it is switched off: one customer is refused, and tried again."""

JOB = ["-m", "dagster", "job", "execute", "-m", "polar_attio_pipeline.definitions", "-j", "full_reconciliation"]

pytestmark = pytest.mark.slow


def environment_of(home: Path, url: str) -> Mapping[str, str]:
    """An instance that says nothing of pools; it is there before two processes open it at once."""
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.get_runs(limit=1)
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "POLAR_ACCESS_TOKEN": POLAR_TOKEN,
        "POLAR_API_URL": url,
        "ATTIO_API_KEY": ATTIO_TOKEN,
        "ATTIO_API_URL": url,
        "POLAR_ATTIO_DATABASE_URL": str(home / "ledger.db"),
        "POLAR_ATTIO_START_DATE": "2026-11-01",
    }


def spans(ledger: Ledger) -> list[tuple[datetime, datetime]]:
    """When each pass has written for the first and for the last time, the earliest pass first."""
    moments = defaultdict(list)
    for change in ledger.all_changes():
        moments[change.pass_id].append(change.written_at)
    return sorted((min(written), max(written)) for written in moments.values())


def wait_until(happened: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.2)


def says_whom_it_waits_for(home: Path) -> bool:
    """Whether the log of a run says that it waits for another one."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        said = [entry.user_message for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]
    return any("another pass is at work (a reconciliation of everything, in process " in message for message in said)


def test_two_runs_at_once_write_one_after_the_other_and_the_second_says_whom_it_waits_for(
    tmp_path: Path, clean_environment: None
) -> None:
    sandbox = Sandbox(scale=OFF)
    set_up(sandbox)
    for number in range(CUSTOMERS):
        sandbox.polar.add_customer(email=f"customer{number}@example.com", name=f"Customer {number}")
    home = tmp_path / "home"
    with serving(sandbox) as url:
        environment = environment_of(home, url)
        held = sandbox.faults.add(HELD)
        runs = [
            subprocess.Popen(
                [sys.executable, *JOB], cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for _ in range(2)
        ]
        try:
            wait_until(lambda: sandbox.attio.writes)
            # The first run has read all customers by now, so that this one is the second run's to write.
            sandbox.polar.add_customer(email="late@example.com", name="Late")
            wait_until(lambda: says_whom_it_waits_for(home))
            sandbox.faults.remove(held)
            ended = [run.wait(PATIENCE) for run in runs]
        finally:
            for run in runs:
                run.kill()

    assert ended == [0, 0]
    emails = sorted(email for person in sandbox.attio.people() for email in person.emails)
    assert emails == sorted([*(f"customer{number}@example.com" for number in range(CUSTOMERS)), "late@example.com"])
    first, second = spans(Ledger(home / "ledger.db"))
    assert first[1] < second[0]

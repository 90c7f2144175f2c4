"""The cases about Dagster: what a run and a tick cost, and what a year of them leaves behind."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline_tests.benchmarks import browsing
from polar_attio_pipeline_tests.benchmarks.cases import UNPACED
from polar_attio_pipeline_tests.benchmarks.figures import Figure
from polar_attio_pipeline_tests.benchmarks.stand import ROOT, Stand, run, sandbox

_RUNS = [sys.executable, "-m", "polar_attio_pipeline_tests.benchmarks.runs"]
_YEAR = 8760
_OVERLAP = 2
"""Hours that each hourly run reads again; the default."""


@dataclass(frozen=True, slots=True)
class Home:
    """An instance in a folder of its own, on a sandbox."""

    stand: Stand
    folder: Path
    environment: Mapping[str, str]

    def do(self, task: str, **options: Any) -> dict[str, Any]:
        """Do a task of `runs` in a process of its own; its report has the seconds that the process took in all."""
        began = time.monotonic()
        report = run([*_RUNS, task], self.environment, options)
        return {**report, "process_seconds": time.monotonic() - began}

    def hour(self, last: datetime) -> dict[str, Any]:
        """Do what the hourly schedule asks for: an hour, and those before it again."""
        first = last - HOUR * _OVERLAP
        return self.do("hours", first=first.isoformat(), last=last.isoformat())

    def bytes(self) -> int:
        """Return how much the instance holds on disk, without the ledger."""
        return sum(path.stat().st_size for path in (self.folder / "state").rglob("*") if path.is_file())


@contextmanager
def _home(*, customers: int, days: int) -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as name, sandbox(customers=customers, synced=True) as stand:
        folder = Path(name)
        described = (ROOT / "dagster.yaml").read_text().replace(".state/", f"{folder}/state/")
        (folder / "dagster.yaml").write_text(described)
        stand.pace(UNPACED)
        start = datetime.now(UTC).date() - timedelta(days=days)
        environment = {
            **stand.environment,
            "DAGSTER_HOME": str(folder),
            "POLAR_ATTIO_DATABASE_URL": str(folder / "ledger.db"),
            "POLAR_ATTIO_START_DATE": start.isoformat(),
            "PATH": os.environ["PATH"],
        }
        yield Home(stand, folder, environment)


def runs(*, quick: bool) -> Iterator[Figure]:
    """Loading the code location, an hourly run, a tick, and a backfill of three days, each in a fresh process."""
    times = 1 if quick else 5
    with _home(customers=1000, days=8) as home:
        now = floor(datetime.now(UTC))
        bare = _median([home.do("bare") for _ in range(times)])
        load = _median([home.do("load") for _ in range(times)])
        home.do("empty", last=now.isoformat())
        empty = _median([home.do("empty", last=now.isoformat()) for _ in range(times)])
        home.hour(now - HOUR * 80)
        hourly = _median([home.hour(now - HOUR * (79 - number)) for number in range(times)])
        # The people of the sandbox do not have what their customers pay: the first run over the hour writes that.
        home.hour(now - HOUR * 70)
        home.stand.forget_traffic()
        hour = home.hour(now - HOUR * 70)
        seen = home.stand.requests()
        tick = home.do("ticks", count=3 if quick else 21)
        case = "code location"
        yield Figure(case=case, what="load: processor time", unit="s", ours=load["cpu"], floor=bare["cpu"])
        yield Figure(case=case, what="load", unit="s", ours=load["process_seconds"], floor=bare["process_seconds"])
        yield Figure(case=case, what="load: memory", unit="MB", ours=load["megabytes"], floor=bare["megabytes"])
        case = "hourly run, nobody new"
        yield Figure(case=case, what="processor time", unit="s", ours=hourly["cpu"], floor=empty["cpu"])
        yield Figure(
            case=case, what="whole process", unit="s", ours=hourly["process_seconds"], floor=empty["process_seconds"]
        )
        yield Figure(case=case, what="memory", unit="MB", ours=hourly["megabytes"], floor=empty["megabytes"])
        yield Figure(case=case, what="events", ours=hour["events"], floor=empty["events"])
        yield Figure(case=case, what="requests, three days back", ours=seen.total, naive=1000 + 11)
        yield Figure(case=case, what="writes", ours=seen.writes, target=0, naive=1000)
        case = "sensor tick"
        yield Figure(case=case, what="processor time", unit="s", ours=tick["cpu_seconds"])
        yield Figure(case=case, what="time", unit="s", ours=tick["seconds"])
        if quick:
            return
        first = (now - HOUR * 72).isoformat()
        done = home.do("hours", first=first, last=(now - HOUR).isoformat())
        case = "backfill of 72 hours in one run"
        yield Figure(case=case, what="whole process", unit="s", ours=done["process_seconds"])
        yield Figure(case=case, what="events", ours=done["events"])


def year(*, quick: bool) -> Iterator[Figure]:
    """What an hour, a day and a year leave on disk, and whether the UI stays quick on a year of hours."""
    count, hours = (1, 24) if quick else (6, _YEAR)
    with _home(customers=1000, days=hours // 24 + 1) as home:
        now = floor(datetime.now(UTC))
        home.hour(now - HOUR * 20)
        before, events = home.bytes(), 0
        for number in range(count):
            events += home.hour(now - HOUR * (19 - number))["events"]
        each = (home.bytes() - before) / count
        home.do("seed", hours=hours, last=(now - HOUR * 21).isoformat())
        visits = browsing.asset_page(home.environment, home.folder) if not quick else None
        index = (home.folder / "state/dagster/history/runs/index.db").stat().st_size
    for what, factor in (("an hour", 1), ("a day", 24), ("a year", _YEAR)):
        case = f"what {what} adds"
        yield Figure(case=case, what="rows in the event log", ours=events / count * factor)
        yield Figure(case=case, what="instance on disk", unit="MB", ours=each * factor / 1e6)
    case = f"instance of {hours:,} hours"
    yield Figure(case=case, what="index of its events", unit="MB", ours=index / 1e6)
    if visits is not None:
        first, later = visits
        yield Figure(case=case, what="asset page in Chromium", unit="s", ours=later, target=3)
        yield Figure(case=case, what="asset page, just after everything has started", unit="s", ours=first)


def _median(reports: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(reports, key=lambda report: report["cpu"])[len(reports) // 2]

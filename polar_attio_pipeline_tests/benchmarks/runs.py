"""Work inside Dagster, each piece in a process of its own, on an instance like the one that `dagster.yaml` describes.

`python -m polar_attio_pipeline_tests.benchmarks.runs TASK OPTIONS`: options and report are JSON.
"""

import json
import os
import re
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline_tests.benchmarks.memory import peak_megabytes

Report = dict[str, Any]

_KEY = re.compile(r"\d{4}-\d\d-\d\d-\d\d:00")


def bare() -> Report:
    """Import Dagster and nothing else: what no code location can go below."""
    import dagster as dg  # noqa: PLC0415  # the import is what is measured

    return {"version": dg.__version__}


def load() -> Report:
    """Load the code location."""
    from polar_attio_pipeline.definitions import defs  # noqa: PLC0415  # the import is what is measured

    return {"jobs": len(list(defs.get_repository_def().get_all_jobs()))}


def hours(first: str, last: str) -> Report:
    """Run `customer_sync` over a range of hours, as a run worker does; then see what it left in the instance."""
    import dagster as dg  # noqa: PLC0415  # as above

    from polar_attio_pipeline.definitions import defs  # noqa: PLC0415  # as above
    from polar_attio_pipeline.defs.partitions import range_tags  # noqa: PLC0415  # as above

    tags = range_tags(datetime.fromisoformat(first), datetime.fromisoformat(last))
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    with dg.DagsterInstance.get() as instance:
        began = time.monotonic()
        result = defs.resolve_job_def("customer_sync").execute_in_process(
            instance=instance, tags=tags, run_config=quiet
        )
        seconds = time.monotonic() - began
        return {"seconds": seconds, "events": len(instance.all_logs(result.run_id)), "run_id": result.run_id}


def empty(last: str) -> Report:
    """Run two assets that do nothing over an hour: what no run can go below."""
    import dagster as dg  # noqa: PLC0415  # as above

    partitions = dg.HourlyPartitionsDefinition(start_date=datetime(2020, 1, 1, tzinfo=UTC), end_offset=1)

    @dg.asset(partitions_def=partitions)
    def first() -> None: ...

    @dg.asset(partitions_def=partitions, deps=[first])
    def second() -> None: ...

    job = dg.define_asset_job("nothing", executor_def=dg.in_process_executor)
    defs = dg.Definitions(assets=[first, second], jobs=[job])
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def("nothing").execute_in_process(
            instance=instance, partition_key=key(datetime.fromisoformat(last)), run_config=quiet
        )
        return {"events": len(instance.all_logs(result.run_id))}


def seed(hours: int, last: str) -> Report:
    """Copy what the newest run left in the instance's tables to so many hours, as if each had had a run of its own."""
    import dagster as dg  # noqa: PLC0415  # as above

    with dg.DagsterInstance.get() as instance:
        newest = instance.get_runs(dg.RunsFilter(job_name="customer_sync"), limit=1)[0].run_id
    history = Path(os.environ["DAGSTER_HOME"]) / "state" / "dagster" / "history"
    moments = [datetime.fromisoformat(last) - HOUR * step for step in range(hours)]
    rows = _multiply(history / "runs" / "index.db", "event_logs", newest, moments)
    rows += _multiply(history / "runs.db", "runs", newest, moments)
    rows += _multiply(history / "runs.db", "run_tags", newest, moments)
    return {"rows": rows}


def _multiply(database: Path, table: str, run_id: str, moments: list[datetime]) -> int:
    """Copy the rows of a run for each moment, with another run id, and with that hour for the partition."""
    with closing(sqlite3.connect(database)) as connection, connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
        names = ", ".join(columns)
        rows = connection.execute(f"SELECT {names} FROM {table} WHERE run_id = ?", [run_id]).fetchall()
        held = {cell for row in rows for cell in row if isinstance(cell, str)}
        hours = sorted({found for cell in held for found in _KEY.findall(cell)})
        places = ", ".join("?" * len(columns))
        for moment in moments:
            changes = {run_id: str(uuid4())}
            changes |= {hour: key(moment - HOUR * step) for step, hour in enumerate(reversed(hours))}
            copies = [[_changed(cell, changes) for cell in row] for row in rows]
            connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", copies)
        return len(rows) * len(moments)


def _changed(cell: Any, changes: dict[str, str]) -> Any:
    if isinstance(cell, str):
        for old, new in changes.items():
            cell = cell.replace(old, new)
    return cell


def ticks(count: int) -> Report:
    """Evaluate the sensor so many times in one process, as a code server does, which has everything loaded."""
    import dagster as dg  # noqa: PLC0415  # as above

    from polar_attio_pipeline.definitions import defs  # noqa: PLC0415  # as above

    repository = defs.get_repository_def()
    sensor = repository.get_sensor_def("new_polar_customers")
    cursor = None
    seconds = []
    cpu = []
    with dg.DagsterInstance.get() as instance:
        for _ in range(count):
            resources = repository.get_top_level_resources()
            with dg.build_sensor_context(
                instance=instance, cursor=cursor, repository_def=repository, resources=resources
            ) as context:
                began, spent = time.monotonic(), time.process_time()
                data = sensor.evaluate_tick(context)
                seconds.append(time.monotonic() - began)
                cpu.append(time.process_time() - spent)
            cursor = data.cursor
    return {"first": seconds[0], "seconds": sorted(seconds)[count // 2], "cpu_seconds": sorted(cpu)[count // 2]}


TASKS: dict[str, Callable[..., Report]] = {
    "bare": bare,
    "load": load,
    "hours": hours,
    "empty": empty,
    "seed": seed,
    "ticks": ticks,
}


def main() -> None:
    """Do one task and print its report."""
    task, options = sys.argv[1], json.loads(sys.argv[2])
    report = TASKS[task](**options)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    measured = {"megabytes": peak_megabytes(), "cpu": usage.ru_utime + usage.ru_stime}
    sys.stdout.write(json.dumps({**report, **measured}) + "\n")


if __name__ == "__main__":
    main()

"""Work inside Dagster, each piece in a process of its own, on an instance like the one that `dagster.yaml` describes.

`python -m polar_attio_pipeline_tests.benchmarks.runs TASK OPTIONS`: options and report are JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

Report = dict[str, Any]


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
    from polar_attio_pipeline.partitions import range_tags  # noqa: PLC0415  # as above

    tags = range_tags(datetime.fromisoformat(first), datetime.fromisoformat(last))
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    with dg.DagsterInstance.get() as instance:
        began = time.monotonic()
        result = defs.resolve_job_def("customer_sync").execute_in_process(
            instance=instance, tags=tags, run_config=quiet
        )
        seconds = time.monotonic() - began
        return {"seconds": seconds, "events": len(instance.all_logs(result.run_id)), "run_id": result.run_id}


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
            context = dg.build_sensor_context(
                instance=instance, cursor=cursor, repository_def=repository, resources=repository.get_top_level_resources()
            )
            began, spent = time.monotonic(), time.process_time()
            data = sensor.evaluate_tick(context)
            seconds.append(time.monotonic() - began)
            cpu.append(time.process_time() - spent)
            cursor = data.cursor
    return {"first": seconds[0], "seconds": sorted(seconds)[count // 2], "cpu_seconds": sorted(cpu)[count // 2]}


TASKS: dict[str, Callable[..., Report]] = {"bare": bare, "load": load, "hours": hours, "ticks": ticks}


def main() -> None:
    """Do one task and print its report."""
    task, options = sys.argv[1], json.loads(sys.argv[2])
    report = TASKS[task](**options)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    measured = {"megabytes": usage.ru_maxrss / 1024, "cpu": usage.ru_utime + usage.ru_stime}
    sys.stdout.write(json.dumps({**report, **measured}) + "\n")


if __name__ == "__main__":
    main()

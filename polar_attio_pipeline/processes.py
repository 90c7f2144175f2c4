"""Which process a run lives in, so that a run whose process has ended is distinguished from one that works.

When everything dies at once (a reboot, a power cut), nothing is left to say that the run has failed: Dagster goes on
counting it as started, and it keeps its place in the pool (measured).
"""

import json
import multiprocessing
import socket
from contextlib import suppress
from typing import Any

import psutil

TAG = ".dagster/polar_attio/process"
"""Tag of a run: the process that it runs in. Dagster's UI hides tags that begin with ".dagster/" (read in its source:
`get_tag_type` in dagster/_core/storage/tags.py)."""


def run_identity(run_id: str) -> str:
    """Return what tells the process of a run from every other one, past and future, on every machine.

    It names the process that started this one, too, where Python did so: with an executor that gives each step a
    process of its own, the run goes on in the other one when the step has ended.

    Args:
        run_id: The run that lives in it.
    """
    named = {**_this_process(), "run": run_id}
    starter = multiprocessing.parent_process()
    if starter is not None and starter.pid is not None:
        with suppress(psutil.NoSuchProcess):
            named["starter"] = _named(psutil.Process(starter.pid))
    return json.dumps(named)


def process_identity() -> str:
    """Return what tells this process alone from every other one."""
    return json.dumps(_this_process())


def is_here(tag: str) -> bool:
    """Tell whether a process is, or was, on this machine."""
    return bool(json.loads(tag)["host"] == socket.gethostname())


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), **_named(psutil.Process())}


def _named(process: psutil.Process) -> dict[str, Any]:
    return {"pid": process.pid, "started": process.create_time()}


def is_gone(tag: str, run_id: str = "") -> bool:
    """Tell whether the processes that a run was tagged with have certainly ended: they were on this machine.

    A process of another machine cannot be seen from here and counts as alive. So does the process of another run:
    Dagster copies the tags of a run to the one that executes it again, and that has not said yet where it lives.
    """
    if not is_here(tag) or json.loads(tag).get("run", "") != run_id:
        return False
    named = json.loads(tag)
    return all(_has_ended(process) for process in (named, named.get("starter")) if process)


def _has_ended(process: dict[str, Any]) -> bool:
    try:
        found = psutil.Process(process["pid"])
        # The kernel's clock ticks by hundredths, and a boot time that is corrected moves every start time with it.
        return found.status() == psutil.STATUS_ZOMBIE or abs(found.create_time() - process["started"]) > 1
    except psutil.NoSuchProcess:
        return True

"""Which process a run lives in, so that a run whose process is gone can be told from one that works.

When everything dies at once (a reboot, a power cut), nobody is left to say that the run has failed: Dagster goes on
counting it as started, and it keeps its place in the pool (measured).
"""

import json
import socket

import psutil

TAG = "polar_attio/process"
"""Tag of a run: the process that it runs in."""


def identity() -> str:
    """Return what tells this process from every other one, past and future, on every machine."""
    process = psutil.Process()
    return json.dumps({"host": socket.gethostname(), "pid": process.pid, "started": process.create_time()})


def is_here(tag: str) -> bool:
    """Tell whether a process is, or was, on this machine."""
    return bool(json.loads(tag)["host"] == socket.gethostname())


def is_gone(tag: str) -> bool:
    """Tell whether the process that a run was tagged with has certainly ended: it was on this machine, and is not now.

    A process of another machine cannot be seen from here and counts as alive.
    """
    if not is_here(tag):
        return False
    process = json.loads(tag)
    try:
        found = psutil.Process(process["pid"])
        # The kernel's clock ticks by hundredths, and a boot time that is corrected moves every start time with it.
        return found.status() == psutil.STATUS_ZOMBIE or abs(found.create_time() - process["started"]) > 1
    except psutil.NoSuchProcess:
        return True

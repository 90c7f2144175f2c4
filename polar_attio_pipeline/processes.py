"""Which process a run lives in, so that a run whose process is gone can be told from one that works.

When everything dies at once (a reboot, a power cut), nobody is left to say that the run has failed: Dagster goes on
counting it as started, and it keeps its place in the pool (measured).
"""

import json
import socket

import psutil

TAG = ".dagster/polar_attio/process"
"""Tag of a run: the process that it runs in. Dagster's UI hides tags that begin with ".dagster/" (read in its source:
`get_tag_type` in dagster/_core/storage/tags.py)."""


def identity(run_id: str = "") -> str:
    """Return what tells this process from every other one, past and future, on every machine.

    Args:
        run_id: The run that lives in it, where one does.
    """
    process = psutil.Process()
    identity = {"host": socket.gethostname(), "pid": process.pid, "started": process.create_time()}
    return json.dumps(identity | {"run": run_id} if run_id else identity)


def is_gone(tag: str, run_id: str = "") -> bool:
    """Tell whether the process that a run was tagged with has certainly ended: it was on this machine, and is not now.

    A process of another machine cannot be seen from here and counts as alive. So does one that another run lived in:
    Dagster copies the tags of a run to the one that executes it again, and that has not said yet where it lives.
    """
    process = json.loads(tag)
    if process["host"] != socket.gethostname() or process.get("run", "") != run_id:
        return False
    try:
        found = psutil.Process(process["pid"])
        # The kernel's clock ticks by hundredths, and a boot time that is corrected moves every start time with it.
        return found.status() == psutil.STATUS_ZOMBIE or abs(found.create_time() - process["started"]) > 1
    except psutil.NoSuchProcess:
        return True

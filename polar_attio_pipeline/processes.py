"""Which process a run lives in, so that a run whose process has ended is distinguished from one that works.

When everything dies at once (a reboot, a power cut), nothing is left to say that the run has failed: Dagster goes on
counting it as started, and it keeps its place in the pool (measured).
"""

import hashlib
import json
import multiprocessing
import socket
from contextlib import suppress
from pathlib import Path
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
    """Return what tells this process alone from every other one.

    It names the process namespace as well, which `run_identity` leaves out: containers that share the network of their
    host have its name too, and cannot see each other's processes. Of a run that is no help: a container that is started
    again keeps its name and gets another namespace, and its runs have certainly ended.
    """
    return json.dumps({**_this_process(), "namespace": _namespace()})


def is_here(tag: str) -> bool:
    """Tell whether a process is, or was, on this machine, and is one of those that can be seen from here."""
    named = json.loads(tag)
    here = {"host": socket.gethostname(), "machine": _machine(), "namespace": _namespace()}
    return all(named.get(name, own) == own for name, own in here.items())


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "machine": _machine(), **_named(psutil.Process())}


def _machine() -> str:
    """Return what tells machines of one host name apart, across reboots; empty where the system has no such.

    Not the id itself, which is to be kept from others (manual page machine-id(5)).
    """
    with suppress(OSError):
        return hashlib.sha256(Path("/etc/machine-id").read_bytes()).hexdigest()[:16]
    return ""


def _namespace() -> str:
    """Return what numbers the processes here: a machine, or one container on it; empty where the system has no such."""
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""


def _named(process: psutil.Process) -> dict[str, Any]:
    return {"pid": process.pid, "started": process.create_time()}


def is_gone(tag: str, run_id: str = "") -> bool:
    """Tell whether the processes that a run was tagged with have certainly ended: they were on this machine.

    A process of another machine or container cannot be seen from here and counts as alive. So does the process of
    another run: Dagster copies the tags of a run to the one that executes it again, and that has not said yet where it
    lives.
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

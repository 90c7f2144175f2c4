"""The most memory that this process has held."""

import resource
from pathlib import Path


def peak_megabytes() -> float:
    """Return the peak of the resident set since this program began.

    `ru_maxrss` would count what the process that started this one held at that moment (Linux keeps it over exec).
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

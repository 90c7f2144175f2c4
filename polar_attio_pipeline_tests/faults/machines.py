"""Where passes run: a process of its own for each, on this machine or on another one, and the file of a ledger."""

import functools
import json
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline.sandbox.tokens import POLAR_TOKEN

_NO_PROCESS = 2**22 + 1
"""Linux gives no process an id beyond this one: whoever looks for it finds that it has ended."""

_MEMORY = Path("/dev/shm")  # Linux has its file system in memory there
"""Where ledgers live, if there is such a place: no schedule is about a disk that loses what was written."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a process runs.

    Attributes:
        token: With which it asks Polar.
        elsewhere: Whether it is a machine of its own, such as a container: from another one it cannot be seen whether
            a process of it still lives, so its lease is free when its heartbeat has stood still.
    """

    token: str = POLAR_TOKEN
    elsewhere: bool = False

    def identity(self, number: int) -> str:
        """Return what tells a process from others, as `process_identity` does; none of them lives any more."""
        host = f"container-{number}" if self.elsewhere else socket.gethostname()
        return json.dumps({"host": host, "pid": _NO_PROCESS + number, "started": 0})


HERE = Machine()


def new_folder(name: str) -> tempfile.TemporaryDirectory[str]:
    """Make a folder for what lives as long as a schedule."""
    return tempfile.TemporaryDirectory(prefix=f"{name}-", dir=_MEMORY if _MEMORY.is_dir() else None)


def put_ledger(file: Path) -> None:
    """Put a ledger there with nothing in it: making the tables takes a fifth of a second, copying them none."""
    shutil.copy(Path(_template().name, "ledger.db"), file)


@functools.cache
def _template() -> tempfile.TemporaryDirectory[str]:
    folder = new_folder("template")
    ledger = Ledger(Path(folder.name, "ledger.db"))
    ledger.set_fact("made for", "the fault suite")
    ledger.close()
    return folder

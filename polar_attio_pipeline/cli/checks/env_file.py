"""The file .env, which holds tokens."""

from collections.abc import Iterator
from pathlib import Path

from polar_attio_pipeline.cli.checks.finding import Finding, Level

_OTHERS = 0o077
"""Any right of the group, or of everybody: who may write the file can send the tokens elsewhere."""


def env_file(file: Path) -> Iterator[Finding]:
    """Warn where other users of this machine may read or write the settings; yield nothing where none may.

    Args:
        file: Where the settings are looked for beside the environment.
    """
    try:
        mode = file.stat().st_mode
    except OSError:
        # It is not there, or this user may not look: the settings then come from the environment.
        return
    if mode & _OTHERS:
        yield Finding(
            "settings file",
            Level.WARN,
            f"{file} can be read or changed by other users of this machine, and holds tokens: chmod 600 {file}",
        )

"""What runs here: the versions that a report of a problem needs."""

import platform
from importlib.metadata import version

from polar_attio_pipeline.cli.checks.finding import Finding, Level
from polar_attio_pipeline.version import __version__


def program() -> Finding:
    """Name the version of this program, of Dagster and of Python."""
    return Finding(
        "version", Level.OK, f"{__version__}, Dagster {version('dagster')}, Python {platform.python_version()}"
    )

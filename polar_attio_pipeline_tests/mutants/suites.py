"""Which rules mutmut changes, and which tests have to notice it.

Every module of the rules belongs to one suite. Nearly all have tests of their own, which take milliseconds. A sensor
that is seen only in whole ticks has a suite of its own: its tests take half a minute for each change that none of them
notices.
"""

from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path("polar_attio_pipeline")
TESTS = Path("polar_attio_pipeline_tests")

ALL = ("sync/**/*.py", "defs/sensors/*.py", "defs/cadence.py")
"""The rules, as patterns in the package."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Modules and the tests that are run for each change of them.

    Attributes:
        name: Its folder, and how the command line calls it.
        modules: Paths in the package. None: all that no other suite has.
        tests: Files and folders of the tests.
        left_out: Those among them that are not run.
    """

    name: str
    modules: tuple[str, ...] | None
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()


RULES = Suite(
    "rules",
    None,
    ("sync", "defs/sensors", "defs/test_cadence.py"),
    (
        "sync/test_histories.py",
        "defs/sensors/test_cursor_histories.py",
        "defs/sensors/test_new_polar_customers.py",
        "defs/sensors/test_polar_changes.py",
        "defs/sensors/test_alerts.py",
    ),
)
TICKS = Suite("ticks", ("defs/sensors/polar_changes.py",), ("defs/sensors/test_polar_changes.py",))

SUITES = (RULES, TICKS)


def modules(suite: Suite, root: Path) -> list[str]:
    """Return the paths of the suite's modules, from `root`, the folder of the project."""
    if suite.modules is not None:
        return [str(PACKAGE / module) for module in suite.modules]
    found = {path.relative_to(root) for pattern in ALL for path in (root / PACKAGE).glob(pattern)}
    others = {PACKAGE / module for other in SUITES for module in other.modules or ()}
    return sorted(str(path) for path in found - others)


def tests(suite: Suite) -> list[str]:
    """Return pytest's arguments for the suite, from the folder of the project."""
    return [str(TESTS / path) for path in suite.tests] + [f"--ignore={TESTS / path}" for path in suite.left_out]

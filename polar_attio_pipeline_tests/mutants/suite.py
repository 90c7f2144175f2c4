"""Which rules mutmut changes, and which tests have to notice it: those that take milliseconds each."""

from pathlib import Path

PACKAGE = Path("polar_attio_pipeline")
TESTS = Path("polar_attio_pipeline_tests")

RULES = ("sync/**/*.py", "defs/sensors/*.py", "defs/cadence.py")
"""Patterns in the package."""

CHOSEN = ("sync", "defs/sensors", "defs/test_cadence.py")
"""Files and folders of the tests."""

LEFT_OUT = (
    "sync/test_histories.py",
    "defs/sensors/test_cursor_histories.py",
    "defs/sensors/test_new_polar_customers.py",
    "defs/sensors/test_polar_changes.py",
    "defs/sensors/test_alerts.py",
)
"""Those among them that are not run: they take long, and what they say of a rule a quick test says as well."""


def modules(root: Path) -> list[str]:
    """Return the paths of the rules, from `root`, the folder of the project."""
    return sorted(str(path.relative_to(root)) for pattern in RULES for path in (root / PACKAGE).glob(pattern))


def tests() -> list[str]:
    """Return pytest's arguments, from the folder of the project."""
    return [str(TESTS / path) for path in CHOSEN] + [f"--ignore={TESTS / path}" for path in LEFT_OUT]

"""Runs mutmut in a copy of the project."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from polar_attio_pipeline_tests.mutants.suite import PACKAGE, TESTS, modules, tests

COPIED = (str(PACKAGE), str(TESTS), "docs", "pyproject.toml", ".env.example")
"""What the tests need of the project."""

_BESIDE_CODE = shutil.ignore_patterns("__pycache__", "*.pyc")


def copy(root: Path, folder: Path) -> None:
    """Bring the copy of the project in `folder` up to date with `root`, with mutmut's settings.

    Results of mutmut that are there stay, but for those of modules that have changed since.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        if (root / name).is_dir():
            shutil.rmtree(folder / name, ignore_errors=True)
            shutil.copytree(root / name, folder / name, ignore=_BESIDE_CODE)
        else:
            shutil.copy2(root / name, folder / name)
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{settings(root)}")


def settings(root: Path) -> str:
    """Return the settings of mutmut, in TOML: a string or a list is written there as in JSON."""
    values = {
        "source_paths": [str(PACKAGE)],
        "only_mutate": modules(root),
        "also_copy": [name for name in COPIED if name not in (str(PACKAGE), "pyproject.toml")],
        "pytest_add_cli_args_test_selection": tests(),
        "pytest_add_cli_args": ["--hypothesis-seed=0", "-p", "no:cacheprovider"],
    }
    return "\n".join(["[tool.mutmut]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), ""])


def run(folder: Path, names: Sequence[str], children: int) -> int:
    """Run mutmut in the copy, on the mutants with these names or on all that were not run; return its exit code."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children), *names]
    # The copy comes before the project that is installed only if nothing else is put before it.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode

"""What the package says of itself."""

import re
import subprocess
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from polar_attio_pipeline.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_classifiers_name_each_python_that_is_allowed_and_no_other() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    prefix = "Programming Language :: Python :: "
    named = {name.removeprefix(prefix) for name in PROJECT["classifiers"] if name.startswith(f"{prefix}3.")}

    assert named == {f"3.{minor}" for minor in range(40) if f"3.{minor}.0" in allowed}


def test_a_type_checker_takes_the_types_from_the_package() -> None:
    assert (files("polar_attio_pipeline") / "py.typed").is_file()


def test_the_newest_heading_of_the_changelog_is_the_version() -> None:
    newest = re.findall(
        r"^## (\S+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )

    assert newest[0] == __version__


def test_the_release_refuses_a_tag_that_is_not_the_version_and_says_where_that_stands() -> None:
    ran = subprocess.run([ROOT / ".ci" / "release", "v0"], capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    where = "polar_attio_pipeline/version.py"
    assert ran.stderr == f"The tag is v0, and {where} says {__version__}: the tag has to be v{__version__}.\n"
    assert (ROOT / where).is_file()


def test_no_other_file_states_the_version() -> None:
    assert "version" in PROJECT["dynamic"]
    assert "version" not in PROJECT

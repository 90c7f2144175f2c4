"""What is built to be installed: the content of the wheel and of the source distribution, and the wheel by itself.

The environment that the wheel is installed into has no package but the wheel. It finds the dependencies where these
tests find them: a folder that a .pth file names is searched, but the .pth files in it are not read, so the editable
installation of the clone is not found.
"""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from polar_attio_pipeline.version import __version__

ROOT = Path(__file__).parents[1]
PACKAGE = "polar_attio_pipeline"
INFO = f"{PACKAGE}-{__version__}.dist-info"
SOURCE = f"{PACKAGE}-{__version__}"
TEMPLATES = {"dagster.yaml": "dagster.yaml", "workspace.yaml": "workspace.yaml", ".env": ".env.example"}


def run(*command: str | Path, folder: Path, environment: dict[str, str] | None = None) -> str:
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def build(source: Path, folder: Path, *arguments: str) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-d", str(folder), *arguments, folder=source)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source distribution of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def source(built: Path) -> Path:
    (found,) = built.glob("*.tar.gz")
    return found


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel."""

    bin: Path
    folder: Path

    def run(self, program: str, *arguments: str) -> str:
        """What a program of it prints, in an empty folder and without the clone on its path."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POLAR", "ATTIO"))}
        return run(self.bin / program, *arguments, folder=self.folder, environment={**clean, "COLUMNS": "200"})


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home, empty = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("empty")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    (packages,) = home.glob("lib/python*/site-packages")
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("".join(f"{path}\n" for path in dependencies))
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel), folder=empty)
    return Installed(home / "bin", empty)


def test_the_wheel_has_each_file_of_the_package_and_those_that_init_writes_and_no_other(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if not name.startswith(f"{INFO}/")}
    files = {file.relative_to(ROOT) for file in (ROOT / PACKAGE).rglob("*") if file.is_file()}

    assert names == {
        *(file.as_posix() for file in files if "__pycache__" not in file.parts),
        *(f"{PACKAGE}/templates/{stored}" for stored in TEMPLATES.values()),
    }


def test_the_wheel_has_the_licence_the_command_and_the_version(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        metadata = Parser().parsestr(opened.read(f"{INFO}/METADATA").decode())
        licence = opened.read(f"{INFO}/licenses/LICENSE").decode()
        commands = opened.read(f"{INFO}/entry_points.txt").decode()

    assert wheel.name == f"{PACKAGE}-{__version__}-py3-none-any.whl"
    assert (metadata["Name"], metadata["Version"]) == ("polar-attio-pipeline", __version__)
    assert metadata["License-Expression"] == "MIT"
    assert licence == (ROOT / "LICENSE").read_text()
    assert "polar-attio = polar_attio_pipeline.cli.app:app" in commands
    assert "postgres" in metadata.get_all("Provides-Extra", [])
    assert metadata.get_payload() == (ROOT / "README.md").read_text()


def test_the_source_distribution_is_what_the_repository_has(source: Path) -> None:
    git = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("This is no clone: git does not say which files belong to it.")
    with tarfile.open(source) as opened:
        names = {member.name.removeprefix(f"{SOURCE}/") for member in opened.getmembers() if member.isfile()}

    assert names - {"PKG-INFO"} == {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


def test_the_wheel_that_is_built_from_the_source_distribution_is_the_same(
    wheel: Path, source: Path, tmp_path: Path
) -> None:
    with tarfile.open(source) as opened:
        opened.extractall(tmp_path, filter="data")

    build(tmp_path / SOURCE, tmp_path / "dist", "-t", "wheel")

    assert (tmp_path / "dist" / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_code_of_the_wheel_runs_and_says_its_version(installed: Installed) -> None:
    location = installed.run("python", "-c", f"import {PACKAGE}; print({PACKAGE}.__file__)").strip()

    assert Path(location).is_relative_to(installed.bin.parent)
    assert installed.run("polar-attio", "--version") == f"polar-attio-pipeline {__version__}\n"


def test_the_wheel_makes_a_folder_with_the_files_of_the_repository(installed: Installed) -> None:
    installed.run("polar-attio", "init", "live")

    for name, original in TEMPLATES.items():
        assert (installed.folder / "live" / name).read_text() == (ROOT / original).read_text()

"""What all files in deploy/ have in common: known settings, commands that exist, one version, no secret, loopback."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import typer
import yaml
from dagster._cli import create_dagster_cli
from dagster._daemon.cli import create_dagster_daemon_cli
from dagster_webserver.cli import create_dagster_webserver_cli
from packaging.requirements import Requirement
from sqlalchemy.engine import make_url

from polar_attio_pipeline.cli.app import app
from polar_attio_pipeline.setting_files import file_names
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline_tests.deploy import files
from polar_attio_pipeline_tests.test_package import PROJECT

VERSION = version("polar-attio-pipeline")
PINNED = dict(
    line.split("==") for line in (files.REPOSITORY / "constraints.txt").read_text().splitlines() if "==" in line
)
OF_DAGSTER = {"DAGSTER_HOME", "DAGSTER_CURRENT_IMAGE"}
OF_POSTGRES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE"}

INSTANCES = (
    files.SYSTEMD / "dagster.yaml",
    files.COMPOSE / "dagster.yaml",
    files.COMPOSE / "dagster.runs.yaml",
)

PROGRAMS: dict[str, Any] = {
    "polar-attio": typer.main.get_command(app),
    "dagster": create_dagster_cli(),  # type: ignore[no-untyped-call]
    "dagster-webserver": create_dagster_webserver_cli(),  # type: ignore[no-untyped-call]
    "dagster-daemon": create_dagster_daemon_cli(),
}
OTHER_PROGRAMS = {"/bin/sh", "python", "pg_isready"}


@pytest.mark.parametrize(
    ("path", "name", "value"), list(files.variables()), ids=lambda each: getattr(each, "name", each)
)
def test_every_variable_that_is_set_is_a_setting(path: Path, name: str, value: str) -> None:
    ours = {*Settings.model_fields, *file_names(Settings.model_fields).values()}

    assert name in OF_DAGSTER | OF_POSTGRES or name.lower() in ours
    assert value, "a setting that is to be left alone is left out"


@pytest.mark.parametrize(("path", "words"), list(files.started()), ids=lambda each: getattr(each, "name", None))
def test_every_command_that_is_started_exists_with_its_options(path: Path, words: list[str]) -> None:
    program, *rest = words
    name = Path(program).name
    if program in OTHER_PROGRAMS:
        return

    command = PROGRAMS[name]
    while hasattr(command, "commands") and rest:
        command = command.commands[rest.pop(0)]

    given = {word.partition("=")[0] for word in rest if word.startswith("-")}
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert given <= known | {"--help"}


@pytest.mark.parametrize("path", files.everything(), ids=lambda path: path.name)
def test_no_file_holds_anything_that_looks_like_a_secret(path: Path) -> None:
    found = re.findall(r"polar_(?:oat|pat)_\w{8}|://[^\s/@:]+:[^\s/@]+@|BEGIN [A-Z ]*KEY", path.read_text())

    assert found == []


def test_no_secret_is_set_by_its_value_but_for_addresses_of_databases_without_a_password() -> None:
    secrets = {name.upper() for name in file_names(Settings.model_fields)}

    for path, name, value in files.variables():
        if name in secrets:
            assert name == "POLAR_ATTIO_DATABASE_URL", path
            assert "://" not in value or make_url(value).password is None, path


def test_every_image_of_ours_has_the_version_of_the_package() -> None:
    named = {
        (path.name, tag)
        for path in files.everything()
        for tag in re.findall(r"polar-attio(?::|\n +tag: )(\d[\w.]*)", path.read_text())
    }

    assert {name for name, _ in named} == {"Dockerfile", "compose.yaml", "values.yaml", "dagster_cloud.yaml"}
    assert {tag for _, tag in named} == {VERSION}


def test_every_image_of_others_is_pinned_to_a_version_and_python_is_one_that_is_supported() -> None:
    bases = re.findall(r"^FROM (\S+)", files.DOCKERFILE.read_text(), re.MULTILINE)

    assert len(set(bases)) == 1
    (python,) = re.findall(r"^python:(3\.\d+)-slim-bookworm$", bases[0])
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert re.fullmatch(r"postgres:\d+-bookworm", files.compose("compose.yaml")["services"]["postgres"]["image"])


def test_dagsters_libraries_and_its_chart_are_those_of_one_release() -> None:
    dagster = PINNED["dagster"]
    library = f"0.{int(dagster.split('.')[1]) + 16}.{dagster.split('.')[2]}"

    assert {PINNED[f"dagster-{name}"] for name in ("docker", "k8s", "postgres")} == {library}
    assert PINNED["dagster-cloud"] == dagster
    assert f"--version {dagster}" in (files.KUBERNETES / "values.yaml").read_text()
    assert f"--version {dagster}" in (files.PAGES / "kubernetes.md").read_text()


def test_the_image_can_be_built_for_each_extra_that_the_dockerfile_names_and_each_is_pinned() -> None:
    (comment,) = re.findall(r"^# What it runs in: (.*)\.\nARG EXTRAS", files.DOCKERFILE.read_text(), re.MULTILINE)
    named = re.split(r", | or ", comment)

    for extra in named:
        required = [Requirement(one) for one in PROJECT["optional-dependencies"][extra]]
        assert [one.name for one in required if PINNED[one.name] not in one.specifier] == []


@pytest.mark.parametrize("path", INSTANCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_instance_has_the_rules_of_the_one_that_is_developed_on(path: Path) -> None:
    here, there = files.of_yaml(path), files.of_yaml(files.REPOSITORY / "dagster.yaml")

    for part in ("concurrency", "run_monitoring", "retention", "telemetry", "nux"):
        assert here[part] == there[part], part


def test_what_stands_in_yaml_stands_there_once() -> None:
    class Strict(yaml.SafeLoader):
        """Refuses a key that is in a mapping twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
            keys = [key.value for key, _ in node.value if key.value != "<<"]
            assert len(keys) == len(set(keys)), f"{node.start_mark}: {keys}"
            return super().construct_mapping(node, deep)

    for path in files.everything():
        if path.suffix == ".yaml":
            yaml.load(path.read_text(), Strict)


def test_no_secret_and_no_state_gets_into_the_image() -> None:
    ignored = (files.REPOSITORY / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", files.DOCKERFILE.read_text(), re.MULTILINE)

    assert "*" in ignored
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == {
        source for sources in copied for source in sources.split()
    }


def wheel(source: Path, target: Path) -> set[str]:
    """The names of the files in the wheel that is built from a folder."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target], cwd=source, check=True)
    (built,) = target.glob("*.whl")
    return set(ZipFile(built).namelist())


def test_the_image_is_built_from_all_that_the_package_consists_of(tmp_path: Path) -> None:
    context = tmp_path / "context"
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", files.DOCKERFILE.read_text(), re.MULTILINE):
        for source in sources.split():
            found, copy = files.REPOSITORY / source, context / source
            copy.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(found, copy)

    assert wheel(context, tmp_path / "of the image") == wheel(files.REPOSITORY, tmp_path / "of the repository")

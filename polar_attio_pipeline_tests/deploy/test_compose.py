"""The files of Docker Compose and the Dockerfile, as far as they can be judged without an engine."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import check_jsonschema
import jsonschema
import pytest
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster_docker import DockerRunLauncher
from docker.models.containers import _create_container_args

from polar_attio_pipeline_tests.deploy import files

BIN = Path(sys.executable).parent
BASE, RUNS = files.compose("compose.yaml"), files.compose("compose.runs.yaml")
SERVICES: dict[str, dict[str, Any]] = BASE["services"]
OURS = [name for name in SERVICES if name != "postgres"]
LASTING = [name for name in SERVICES if name != "migrate"]
SOCKET = "/var/run/docker.sock"


def targets(service: dict[str, Any]) -> dict[str, str]:
    """What is mounted where, by the place in the container."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in service.get("volumes", [])}


@pytest.mark.parametrize("name", ["compose.yaml", "compose.runs.yaml"])
def test_the_files_are_as_the_specification_of_compose_says(name: str) -> None:
    schema = json.loads((resources.files(check_jsonschema) / "builtin_schemas/vendor/compose-spec.json").read_text())

    jsonschema.validate(files.compose(name), schema)


def test_hadolint_finds_nothing_wrong_with_the_dockerfile() -> None:
    found = subprocess.run([BIN / "hadolint", files.DOCKERFILE], capture_output=True, text=True, check=False)

    assert found.stdout == ""
    assert found.returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_closed_and_bounded(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "tmpfs", "logging"} <= service.keys()
    assert "privileged" not in service


def test_each_service_runs_as_a_user_that_is_not_root() -> None:
    (user,) = (line.split()[1] for line in files.DOCKERFILE.read_text().splitlines() if line.startswith("USER "))

    assert user == "10001:10001"
    assert SERVICES["postgres"]["user"] == "999:999"
    assert [name for name in OURS if "user" in SERVICES[name]] == []


@pytest.mark.parametrize("name", LASTING)
def test_each_lasting_service_says_whether_it_is_well_and_is_started_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_each_service_waits_until_the_one_before_answers() -> None:
    order = {name: SERVICES[name].get("depends_on", {}) for name in SERVICES}

    assert order["migrate"] == {"postgres": {"condition": "service_healthy"}}
    assert order["code"]["migrate"] == {"condition": "service_completed_successfully"}
    assert order["webserver"] == order["daemon"] == {"code": {"condition": "service_healthy"}}


def test_the_ui_is_on_loopback_and_nothing_else_is_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"webserver": ["127.0.0.1:${UI_PORT:-3000}:3000"]}
    assert BASE["networks"]["database"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == ["database"]


def test_secrets_are_files_and_only_the_code_server_has_the_tokens() -> None:
    tokens = {"polar_access_token", "attio_api_key"}

    assert {name for name, service in SERVICES.items() if tokens & set(service["secrets"])} == {"code"}
    assert {secret["file"] for secret in BASE["secrets"].values()} == {f"./secrets/{name}" for name in BASE["secrets"]}
    settings = files.assignments((files.COMPOSE / "settings.env").read_text())
    for name, path in settings.items():
        if name.endswith("_FILE"):
            assert Path(path).parent == Path("/run/secrets")
            assert Path(path).name in SERVICES["code"]["secrets"]


def test_git_ignores_the_secrets() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", "deploy/compose/secrets/attio_api_key", "deploy/compose/.env"],
        cwd=files.REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(ignored.stdout.splitlines()) == 2


def test_every_file_that_is_mounted_is_there() -> None:
    for service in (*SERVICES.values(), *RUNS["services"].values()):
        for source in targets(service).values():
            if source.startswith("./"):
                assert (files.COMPOSE / source).is_file(), source


def test_without_the_second_file_no_container_has_dockers_socket_and_with_it_two() -> None:
    assert [name for name, service in SERVICES.items() if SOCKET in targets(service)] == []
    assert [name for name, service in RUNS["services"].items() if SOCKET in targets(service)] == ["webserver", "daemon"]
    instance = "/etc/polar-attio/dagster.yaml"
    assert {targets(service)[instance] for service in RUNS["services"].values()} == {"./dagster.runs.yaml"}
    assert {name for name in SERVICES if instance in targets(SERVICES[name])} == RUNS["services"].keys()


def test_the_webserver_and_the_daemon_look_for_the_code_server_where_it_is() -> None:
    (entry,) = files.of_yaml(files.COMPOSE / "workspace.yaml")["load_from"]
    server = entry["grpc_server"]

    assert server["host"] in SERVICES
    assert f"--port={server['port']}" in SERVICES[server["host"]]["command"]
    for name in ("webserver", "daemon"):
        assert set(SERVICES[name]["networks"]) & set(SERVICES[server["host"]]["networks"])


@pytest.mark.parametrize("name", ["dagster.yaml", "dagster.runs.yaml"])
def test_dagster_takes_the_instance_with_its_database(tmp_path: Path, name: str) -> None:
    (tmp_path / "dagster.yaml").write_text((files.COMPOSE / name).read_text())

    config, _ = dagster_instance_config(str(tmp_path))

    url = config["storage"]["postgres"]["postgres_url"]
    postgres = SERVICES["postgres"]
    assert url == f"postgresql+psycopg2://{postgres['environment']['POSTGRES_USER']}@postgres:5432/dagster"
    assert url.endswith(f"/{postgres['environment']['POSTGRES_DB']}")


def test_the_two_instances_differ_by_where_runs_are() -> None:
    simple, runs = (files.of_yaml(files.COMPOSE / name) for name in ("dagster.yaml", "dagster.runs.yaml"))

    assert runs.pop("run_launcher")
    assert runs == simple


def launcher(folder: Path) -> DockerRunLauncher:
    """The run launcher of the instance, as Dagster makes it."""
    (folder / "dagster.yaml").write_text((files.COMPOSE / "dagster.runs.yaml").read_text())
    data = InstanceRef.from_dir(str(folder)).run_launcher_data
    assert data is not None
    return data.rehydrate(as_type=DockerRunLauncher)


def test_a_run_gets_a_container_that_is_as_closed_as_the_code_servers(tmp_path: Path) -> None:
    made = launcher(tmp_path)
    given = {key: value for key, value in made.container_kwargs.items() if key != "stop_timeout"}

    # What docker-py makes of them for Docker; it raises for a name that it does not know.
    container = _create_container_args(
        {**given, "image": "polar-attio", "command": "x", "version": "1.44", "network": made.networks[0]}
    )

    host = container["host_config"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == SERVICES["code"]["security_opt"]
    assert host["AutoRemove"] is True
    assert host["Memory"] == 2**30
    assert host["Tmpfs"] == {"/tmp": "size=256m,mode=1777"}


def test_a_run_has_the_files_and_the_networks_of_the_code_server(tmp_path: Path) -> None:
    made = launcher(tmp_path)

    assert made.container_kwargs["volumes_from"] == [SERVICES["code"]["container_name"]]
    assert made.networks == [BASE["networks"][name]["name"] for name in SERVICES["code"]["networks"]]
    assert SERVICES["code"]["environment"]["DAGSTER_CURRENT_IMAGE"] == SERVICES["code"]["image"]
    assert len({SERVICES[name]["image"] for name in OURS}) == 1


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that every user can reach."""
    path = Path(tempfile.mkdtemp(prefix="entrypoint-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def enter(folder: Path, password: bytes | None, *, mode: int = 0o644) -> subprocess.CompletedProcess[str]:
    """Start a program by the entrypoint of the image, as a user that is not root."""
    entrypoint = Path(shutil.copy(files.DEPLOY / "docker" / "entrypoint.sh", folder))
    given = folder / "postgres_password"
    if password is not None:
        given.write_bytes(password)
        given.chmod(mode)
    return subprocess.run(
        [entrypoint, "env"],
        env={"PATH": os.environ["PATH"], "POSTGRES_PASSWORD_FILE": str(given), "PGPASSFILE": str(folder / "pgpass")},
        user=65534 if os.geteuid() == 0 else None,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_password_of_postgres_is_in_a_file_of_its_clients_and_not_in_the_environment(folder: Path) -> None:
    ended = enter(folder, rb"a:b\c'd e" + b"\n")

    assert ended.returncode == 0, ended.stderr
    assert (folder / "pgpass").read_text() == "*:*:*:*:" + r"a\:b\\c'd e" + "\n"
    assert (folder / "pgpass").stat().st_mode & 0o777 == 0o600
    assert "a:b" not in ended.stdout


def test_without_a_password_the_program_is_started_all_the_same(folder: Path) -> None:
    assert enter(folder, None).returncode == 0
    assert not (folder / "pgpass").exists()


def test_a_password_that_may_not_be_read_is_said_to_be_so(folder: Path) -> None:
    ended = enter(folder, b"secret", mode=0o000)

    assert ended.returncode == 1
    assert "may not read" in ended.stderr


def test_the_shell_scripts_are_valid_and_may_be_started() -> None:
    scripts = [path for path in files.everything() if path.read_bytes().startswith(b"#!/bin/sh")]

    assert len(scripts) >= 4
    for path in scripts:
        assert os.access(path, os.X_OK), path
        subprocess.run(["sh", "-n", path], check=True)

"""The units of systemd: valid, closed, and with the secrets in one place only."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from polar_attio_pipeline_tests.deploy import files

MOST_EXPOSED = 1.5
"""On the scale of `systemd-analyze security`, from 0 to 10."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (Debian: apt install systemd)"
)

UNITS = sorted([*files.SERVICES, *files.SYSTEMD.glob("*.timer"), *files.SYSTEMD.glob("*.target")])
LASTING = [path for path in files.SERVICES if files.unit(path)["Type"] == ["exec"]]


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """The programs are replaced by one that is here: it is looked whether they can be started."""
    copies = [tmp_path / path.name for path in UNITS]
    for path, copy in zip(UNITS, copies, strict=True):
        copy.write_text(re.sub(r"/opt/polar-attio/bin/[\w-]+", "/bin/true", path.read_text()))

    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *copies], capture_output=True, text=True, check=False
    )

    assert found.stderr == ""
    assert found.returncode == 0


@needs_systemd
@pytest.mark.parametrize("path", files.SERVICES, ids=lambda path: path.name)
def test_no_service_is_more_exposed_than_the_page_says(path: Path) -> None:
    found = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED * 10:.0f}", path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Overall exposure level" in found.stdout
    assert found.returncode == 0, found.stdout


def test_the_page_says_how_exposed_they_are() -> None:
    assert f"at most {MOST_EXPOSED} of 10" in (files.PAGES / "systemd.md").read_text()


def test_only_the_code_server_has_the_secrets_and_they_are_files_of_systemd() -> None:
    with_secrets = [path.name for path in files.SERVICES if "LoadCredential" in files.unit(path)]
    (code,) = (files.unit(path) for path in files.SERVICES if path.name == "polar-attio-code.service")
    loaded = {name: path for name, _, path in (one.partition(":") for one in code["LoadCredential"])}
    used = re.findall(r"_FILE=%d/(\w+)$", "\n".join(code["Environment"]), re.MULTILINE)

    assert with_secrets == ["polar-attio-code.service"]
    assert sorted(loaded) == sorted(used)
    assert {Path(path).parent for path in loaded.values()} == {Path("/etc/polar-attio/secrets")}


def test_a_command_by_hand_gets_the_same_user_folder_and_secrets_as_the_code_server() -> None:
    script = (files.SYSTEMD / "polar-attio").read_text()
    code = files.unit(files.SYSTEMD / "polar-attio-code.service")
    names = ("User", "Group", "UMask", "StateDirectory", "StateDirectoryMode", "WorkingDirectory", "LoadCredential")
    home = ("Environment", "DAGSTER_HOME=/etc/polar-attio")

    given = re.findall(r"--property=(\w+)=([^\s$]+)", script)
    exported = re.findall(r'^  export (\w+)="\$CREDENTIALS_DIRECTORY/(\w+)"', script, re.MULTILINE)

    assert sorted(given) == sorted([home, *((name, value) for name in names for value in code[name])])
    assert home[1] in code["Environment"]
    assert {f"{name}=%d/{file}" for name, file in exported} < set(code["Environment"])


@pytest.mark.parametrize("more", [(), ("alert_urls",), ("database_url", "dagster.env")])
def test_a_command_by_hand_gets_the_further_secrets_that_the_page_names(more: Sequence[str], tmp_path: Path) -> None:
    page = (files.PAGES / "systemd.md").read_text()
    secrets, bin_folder, script = tmp_path / "secrets", tmp_path / "bin", tmp_path / "polar-attio"
    for folder in (secrets, bin_folder):
        folder.mkdir()
    for name in ("polar_access_token", "attio_api_key", *more):
        (secrets / name).write_text("secret\n")
    for name, prints in (("systemd-run", 'printf "%s\\n" "$@"'), ("of-the-pipeline", "env")):
        (bin_folder / name).write_text(f"#!/bin/sh\n{prints}\n")
        (bin_folder / name).chmod(0o755)
    text = (files.SYSTEMD / "polar-attio").read_text().replace("/etc/polar-attio/secrets", str(secrets))
    script.write_text(text.replace("/opt/polar-attio/bin/polar-attio", str(bin_folder / "of-the-pipeline")))
    environment = {"PATH": f"{bin_folder}:/usr/bin:/bin"}

    def printed(**further: str) -> list[str]:
        ran = subprocess.run(
            ["sh", script, "status", "--json"],
            env={**environment, **further},
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout.splitlines()

    asked, seen = printed(), printed(CREDENTIALS_DIRECTORY=str(secrets))

    assert asked[-3:] == [str(script), "status", "--json"]
    for name in ("alert_urls", "database_url"):
        assert f"LoadCredential={name}:/etc/polar-attio/secrets/{name}" in page
        assert f"Environment=POLAR_ATTIO_{name.upper()}_FILE=%d/{name}" in page
        assert (f"--property=LoadCredential={name}:{secrets}/{name}" in asked) is (name in more)
        assert (f"POLAR_ATTIO_{name.upper()}_FILE={secrets}/{name}" in seen) is (name in more)
    assert "EnvironmentFile=/etc/polar-attio/secrets/dagster.env" in page
    assert (f"--property=EnvironmentFile={secrets}/dagster.env" in asked) is ("dagster.env" in more)


def test_nothing_is_reached_from_outside() -> None:
    web = files.unit(files.SYSTEMD / "polar-attio-webserver.service")
    daemon = files.unit(files.SYSTEMD / "polar-attio-daemon.service")

    assert "--host 127.0.0.1 " in web["ExecStart"][0]
    assert web["IPAddressDeny"] == daemon["IPAddressDeny"] == ["any"]
    assert web["IPAddressAllow"] == daemon["IPAddressAllow"] == ["localhost"]
    assert files.of_yaml(files.SYSTEMD / "workspace.yaml")["load_from"][0]["grpc_server"].keys() == {
        "socket",
        "location_name",
    }


@pytest.mark.parametrize("path", LASTING, ids=lambda path: path.name)
def test_each_lasting_service_is_restarted_whenever_it_ends_and_bounded(path: Path) -> None:
    unit = files.unit(path)

    assert unit["Restart"] == ["always"]
    assert {"RestartSec", "MemoryMax", "TasksMax", "TimeoutStopSec"} <= unit.keys()


def test_the_boot_time_can_be_read_by_which_processes_are_told_apart() -> None:
    assert [path.name for path in files.SERVICES if "ProcSubset" in files.unit(path)] == []


def test_the_installer_lays_every_file_where_the_units_look_for_it() -> None:
    script = (files.SYSTEMD / "install.sh").read_text()

    for path in files.SYSTEMD.iterdir():
        if path.suffix not in {".service", ".timer", ".sh"}:
            assert path.name in script, path.name
    for path in files.SERVICES:
        assert {
            word.split("/")[3] for line in files.unit(path)["ExecStart"] for word in line.split() if "/opt/" in word
        } == {"bin"}

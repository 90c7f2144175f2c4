"""A project as `create-dagster project` lays it out holds two pipelines beside an asset and an executor of its own.

`host_project` is what that command wrote (1.13.27), and three files in its folder `defs`: one pipeline is a component,
the other one is built in Python. Only the project's id for Dagster's telemetry is left out.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from polar_attio_pipeline import processes
from polar_attio_pipeline.hours import HOUR, key
from polar_attio_pipeline.ledger import Ledger
from polar_attio_pipeline_tests.defs.two_pipelines import Organization, organization, some_hours_ago

ROOT = Path(__file__).parents[2]
PROJECT = Path(__file__).parent / "host_project"
PATIENCE = 300
ASSETS = (
    "polar_customers",
    "attio_people",
    "changed_customers",
    "polar_subscriptions",
    "customer_reconciliation",
    "people_in_attio",
    "customers_in_polar",
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Project:
    """A copy of the project, with the environment of its processes."""

    folder: Path
    environment: Mapping[str, str]
    organizations: Mapping[str, Organization]

    def command(self, *arguments: str) -> str:
        """Run a command of `dg` in the project; return what it writes."""
        result = subprocess.run(
            [Path(sys.executable).with_name("dg"), *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(self.environment["DAGSTER_HOME"])


def entry_points(folder: Path) -> Path:
    """Make a folder on the path of imports that has the entry points of pyproject.toml, as an installation has them."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in groups.items()
    ]
    information = folder / "polar_attio_pipeline-0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: polar-attio-pipeline\nVersion: 0\n")
    (information / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture
def project(tmp_path: Path, clean_environment: None) -> Iterator[Project]:
    here = some_hours_ago()
    folder, home = tmp_path / "project", tmp_path / "home"
    shutil.copytree(PROJECT, folder)
    home.mkdir()
    installed = entry_points(tmp_path / "installed")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with ExitStack() as stack:
        both = {name: stack.enter_context(organization(name, tmp_path, here)) for name in ("acme", "globex")}
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(folder / "src"), str(installed), *sys.path]),
            **{name: value for one in both.values() for name, value in one.environment().items()},
        }
        yield Project(folder, environment, both)


def metadata(instance: dg.DagsterInstance, *path: str) -> Mapping[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(path))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_a_component_is_found_and_scaffolded_and_what_is_scaffolded_loads(project: Project) -> None:
    assert "polar_attio_pipeline.PolarAttioComponent" in project.command("list", "components", "--json")

    project.command("scaffold", "defs", "polar_attio_pipeline.PolarAttioComponent", "initech")

    # Of several components of one type, `dg check yaml` looks at one only: it is asked for each by its path.
    folder = "src/warehouse/defs/initech"
    assert "validated successfully" in project.command("check", "yaml", "--validate-requirements", folder)
    listed = json.loads(project.command("list", "defs", "--json", "--path", folder))
    assert {asset["asset_key"] for asset in listed["assets"]} == {f"initech/{asset}" for asset in ASSETS}


def test_it_loads_lists_both_and_materialises_both_with_its_own_executor(project: Project) -> None:
    acme, globex = project.organizations.values()

    assert "All definitions loaded successfully" in project.command("check", "defs")

    listed = json.loads(project.command("list", "defs", "--json"))
    assert {asset["asset_key"] for asset in listed["assets"]} == {
        "revenue",
        *(f"{name}/{asset}" for name in ("acme", "globex") for asset in ASSETS),
    }

    project.command("launch", "--assets", "revenue,acme/customer_reconciliation,globex/customer_reconciliation")

    assert acme.emails() == {"ada@acme.example.com"}
    assert globex.emails() == {"ada@globex.example.com"}
    assert [sum(Ledger(one.database).counts().values()) for one in (acme, globex)] == [1, 1]
    with project.instance() as instance:
        own = metadata(instance, "revenue")
        (run,) = instance.get_runs()
        # Dagster reads a run's tags before it writes them: of two steps that begin at once, one tag may be lost. The
        # sensor of the other pipeline still ends the run.
        lives = [json.loads(value) for tag, value in run.tags.items() if tag.startswith(processes.TAG)]
        assert lives
        assert own["schema"] == "reporting"
        assert own["process"] not in {one["pid"] for one in lives}, "each step had a process of its own"
        assert len({one["starter"]["pid"] for one in lives}) == 1, "and all of them the same one above them"


def test_hours_pass_from_one_asset_to_the_next_in_processes_of_their_own(project: Project) -> None:
    acme = project.organizations["acme"]
    hours = f"{key(acme.here)}...{key(acme.here + HOUR)}"

    project.command("launch", "--assets", "acme/polar_customers,acme/attio_people", "--partition-range", hours)

    assert acme.emails() == {"ada@acme.example.com"}
    with project.instance() as instance:
        done = instance.fetch_materializations(dg.AssetKey(["acme", "attio_people"]), limit=9).records
        assert {record.partition_key for record in done} == set(hours.split("..."))

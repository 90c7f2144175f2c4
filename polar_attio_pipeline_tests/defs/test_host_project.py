"""A project as `create-dagster project` lays it out holds two pipelines beside an asset and an executor of its own.

`host_project` is what that command wrote (1.13.27), and three files in its folder `defs`; only the project's id for
Dagster's telemetry is left out.
"""

import json
import os
import shutil
import subprocess
import sys
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


@pytest.fixture
def project(tmp_path: Path, clean_environment: None) -> Iterator[Project]:
    here = some_hours_ago()
    folder, home = tmp_path / "project", tmp_path / "home"
    shutil.copytree(PROJECT, folder)
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with ExitStack() as stack:
        both = {name: stack.enter_context(organization(name, tmp_path, here)) for name in ("acme", "globex")}
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(home),
            "PYTHONPATH": os.pathsep.join([str(folder / "src"), *sys.path]),
            **{name: value for one in both.values() for name, value in one.environment().items()},
        }
        yield Project(folder, environment, both)


def metadata(instance: dg.DagsterInstance, *path: str) -> Mapping[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(path))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


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

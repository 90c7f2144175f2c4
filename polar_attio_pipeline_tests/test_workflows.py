"""The workflows of public CI: well formed, least in rights, and of actions that cannot change behind their names."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from polar_attio_pipeline_tests.test_package import PROJECT

FOLDER = Path(__file__).parents[1] / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
BIN = Path(sys.executable).parent


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())["jobs"]
    return found


def check(*command: str | Path) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_has_the_form_of_a_workflow() -> None:
    check(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)


def test_an_audit_finds_no_weakness_in_them() -> None:
    check(BIN / "zizmor", "--offline", "--no-progress", "--persona", "pedantic", *WORKFLOWS)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_each_action_is_pinned_by_the_hash_of_a_commit_beside_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: (.*)", workflow.read_text())

    assert used
    for action in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_no_token_stays_in_the_folder_that_is_checked_out(workflow: Path) -> None:
    steps = [step for job in jobs(workflow.name).values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]

    assert checkouts
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * len(checkouts)


def test_every_python_of_the_classifiers_is_tested() -> None:
    prefix = "Programming Language :: Python :: 3."
    named = [name.removeprefix(prefix) for name in PROJECT["classifiers"] if name.startswith(prefix)]

    assert jobs("ci.yml")["check"]["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in named]


def test_only_the_job_that_uploads_can_speak_for_the_project_and_it_runs_no_code_of_it() -> None:
    found = jobs("publish.yml")

    assert [name for name, job in found.items() if "id-token" in job["permissions"]] == ["pypi"]
    assert found["pypi"]["environment"] == "pypi"
    assert [step for step in found["pypi"]["steps"] if "run" in step or "checkout" in step["uses"]] == []

"""An audit that could not be made is no audit that found nothing."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from polar_attio_pipeline_tests.release.audit import UNKNOWN, WEAK, Audit, audit

SOUND = {"name": "httpx", "version": "0.28.1", "vulns": []}
UNASKED = {"name": "mako", "skip_reason": "Dependency not found on PyPI and could not be audited: mako (1.4)"}
BROKEN = {"name": "h11", "version": "0.1", "vulns": [{"id": "GHSA-1", "fix_versions": ["0.2"]}]}


def audited(*packages: dict[str, Any], stderr: str = "", code: int = 0) -> Audit:
    """What is made of an answer of pip-audit's."""
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        asked.append(command)
        said = "" if stderr else json.dumps({"dependencies": packages, "fixes": []})
        return subprocess.CompletedProcess(command, code, said, stderr)

    found = audit(Path("constraints.txt"), run)
    assert "constraints.txt" in asked[0]
    return found


def test_packages_without_a_known_weakness_pass() -> None:
    assert audited(SOUND) == Audit("No weakness is known of 1 packages.")


def test_a_weakness_fails_with_the_version_that_mends_it() -> None:
    found = audited(SOUND, UNASKED, BROKEN, code=1)

    assert found.exit_code == WEAK
    assert "h11 0.1: GHSA-1, mended in 0.2" in found.text


def test_a_package_that_the_index_has_no_advisories_of_fails_although_pip_audit_succeeds() -> None:
    found = audited(SOUND, UNASKED)

    assert found.exit_code == UNKNOWN
    assert "1 of 2 packages could not be audited" in found.text
    assert "mako" in found.text


@pytest.mark.parametrize("stderr", ["ERROR: ConnectionError: no route to the host", "No module named pip_audit"])
def test_a_service_that_cannot_be_asked_fails_with_what_pip_audit_says(stderr: str) -> None:
    found = audited(stderr=stderr, code=1)

    assert found.exit_code == UNKNOWN
    assert f"Nothing was audited: pip-audit could not ask the advisory service ({stderr})." == found.text


def test_nothing_at_all_is_no_audit() -> None:
    assert audited().exit_code == UNKNOWN

"""`make demo` and `make dev`: what a newcomer starts first."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from polar_attio_pipeline.cli import dev
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN

Started = list[tuple[Path, dict[str, str]]]


@pytest.fixture(autouse=True)
def environment(clean_environment: None) -> Iterator[None]:
    with patch.dict(os.environ):
        yield


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """In which folder, and with which settings of its own, Dagster would have been started."""
    calls: Started = []

    def note(folder: Path, environment: Mapping[str, str]) -> None:
        calls.append((folder, dict(environment)))

    monkeypatch.setattr(dev, "_dagster", note)
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "SANDBOX_PORT", "0")
    return calls


@pytest.mark.slow
def test_the_demo_ends_well_and_its_last_lines_tell_what_it_did(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "polar_attio_pipeline.cli.demo"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert shown.returncode == 0, shown.stderr
    last = shown.stdout.splitlines()[-6:]
    first, newest, second = (
        {name: int(number) for name, number in re.findall(r"(\w+) +(\d+)(?: |$)", line)}
        for line in last
        if " created " in line
    )
    assert sum(first.values()) == 300
    assert first["created"] > 200
    assert newest["created"] == 1
    assert (second["created"], second["updated"]) == (0, 0)
    assert second["unchanged"] == first["created"] + first["updated"] + newest["created"]
    assert "make dev" in last[-1]
    assert list(tmp_path.iterdir()) == []


def test_without_tokens_dev_starts_on_a_sandbox_that_is_set_up_and_says_so(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev.main()

    ((folder, environment),) = started
    assert folder == tmp_path / ".state" / "sandbox"
    assert folder.is_dir()
    assert (environment["POLAR_ACCESS_TOKEN"], environment["ATTIO_API_KEY"]) == (POLAR_TOKEN, ATTIO_TOKEN)
    assert environment["POLAR_API_URL"] == environment["ATTIO_API_URL"]
    said = capsys.readouterr().out
    assert "created" in said
    assert f"Sandbox: no tokens in .env. Both services, to watch and to change: {environment['POLAR_API_URL']}" in said


def test_with_both_tokens_dev_starts_live_and_says_so(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POLAR_ACCESS_TOKEN", "polar_oat_live")
    monkeypatch.setenv("ATTIO_API_KEY", "key_live")

    dev.main()

    assert started == [(tmp_path, {})]
    said = capsys.readouterr().out
    assert said == "Live: https://api.polar.sh to https://api.attio.com, as .env says.\n"


@pytest.mark.parametrize("name", ["POLAR_ACCESS_TOKEN", "ATTIO_API_KEY"])
def test_with_one_token_of_two_dev_does_not_start(started: Started, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "only_one")

    with pytest.raises(SystemExit, match="Set both POLAR_ACCESS_TOKEN and ATTIO_API_KEY"):
        dev.main()

    assert started == []
